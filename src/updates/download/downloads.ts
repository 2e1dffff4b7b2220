import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DownloadConfig } from '../../config/model-download.js';
import { reasonOf, SideglanceError } from '../../errors.js';
import { checkSpace } from '../../model/store/stage.js';
import { AllowedUrls, shownUrl } from './allowed-urls.js';
import { DOWNLOAD_LIMITS, type DownloadLimits } from './limits.js';
import { PartialFile } from './partial-file.js';
import { type Answer, get } from './request.js';

export interface DownloadsOptions {
  /** What lies there is this class's, and garbage except for what is fetched now or was fetched last. */
  readonly folder: string;
  readonly config: DownloadConfig;
  /** Of one file. */
  readonly maxBytes: number;
  readonly limits?: Partial<DownloadLimits>;
}

export interface Wanted {
  readonly url: string;
  /** Of the whole file, in hex. */
  readonly sha256: string;
}

export interface DownloadPlan {
  /** Bytes that are there, of how many; null: the server does not say. */
  readonly onProgress?: (bytes: number, total: number | null) => void;
  readonly signal?: AbortSignal;
}

/**
 * Files that are fetched over HTTP, one at a time, each known by its SHA-256 before. What a broken connection or the end of the
 * process leaves is gone on with, as long as the same file is asked for next.
 */
export class Downloads {
  readonly #options: DownloadsOptions;
  readonly #limits: DownloadLimits;

  constructor(options: DownloadsOptions) {
    this.#options = options;
    this.#limits = { ...DOWNLOAD_LIMITS, ...options.limits };
  }

  /**
   * @returns the path of the file, to be handed to {@link remove} when it is not needed any longer
   * @throws SideglanceError `SG_BUNDLE_URL`, `SG_BUNDLE_DOWNLOAD`, `SG_BUNDLE_DIGEST`, `SG_BUNDLE_TOO_LARGE`, `SG_BUNDLE_DISK_FULL`,
   * `SG_STORAGE`; what `signal` was aborted with
   */
  async fetch(wanted: Wanted, { onProgress, signal }: DownloadPlan = {}): Promise<string> {
    const { folder, config } = this.#options;
    const shown = shownUrl(new AllowedUrls(config.from).check(wanted.url));
    await this.#collect(wanted.sha256);
    const file = await PartialFile.open(folder, wanted.sha256);
    const late = AbortSignal.timeout(this.#limits.totalMs);
    const both = signal === undefined ? late : AbortSignal.any([late, signal]);
    try {
      if (file.digest() !== wanted.sha256) await this.#fetchInto(file, wanted, shown, both, onProgress);
      return file.path;
    } catch (thrown) {
      if (isFinal(thrown)) await this.remove(file.path);
      signal?.throwIfAborted();
      if (!late.aborted) throw thrown;
      throw failed(shown, `it took longer than ${this.#limits.totalMs / 1000} s`, thrown);
    } finally {
      await file.close();
    }
  }

  async remove(path: string): Promise<void> {
    await PartialFile.remove(path);
  }

  async #fetchInto(
    file: PartialFile,
    wanted: Wanted,
    shown: string,
    signal: AbortSignal,
    onProgress: DownloadPlan['onProgress'],
  ): Promise<void> {
    const { attemptsInVain, firstWaitMs, longestWaitMs } = this.#limits;
    for (let inVain = 0, isAgain = false; ; ) {
      const before = file.bytes;
      const wasPartial = before > 0;
      try {
        const isWhole = await this.#attempt(file, wanted, shown, signal, onProgress);
        if (isWhole && file.digest() === wanted.sha256) return;
        if (isWhole) {
          await file.restart();
          // Parts of two files make no third one; a file in one piece is what it is.
          if (isAgain || !wasPartial) throw otherDigest(shown, wanted);
          isAgain = true;
          continue;
        }
        throw new Error('the connection ended early');
      } catch (thrown) {
        if (thrown instanceof SideglanceError || signal.aborted) throw thrown;
        inVain = file.bytes > before ? 1 : inVain + 1;
        if (inVain >= attemptsInVain) throw failed(shown, reasonOf(thrown), thrown);
      }
      await sleep(Math.min(firstWaitMs * 2 ** (inVain - 1), longestWaitMs), undefined, { signal });
    }
  }

  /** @returns whether the file is as long as the server says that it is */
  async #attempt(
    file: PartialFile,
    { url }: Wanted,
    shown: string,
    signal: AbortSignal,
    onProgress: DownloadPlan['onProgress'],
  ): Promise<boolean> {
    const { config, maxBytes, folder } = this.#options;
    const answer = await get(url, rangeOf(file), config, this.#limits, signal);
    try {
      const total = await begin(answer, file, shown);
      if (total !== null && total > maxBytes) throw tooLarge(shown, `${total} bytes`, maxBytes);
      if (total === file.bytes) return true;
      await checkSpace(folder, (total ?? 0) - file.bytes);
      onProgress?.(file.bytes, total);
      for await (const chunk of answer.body) {
        signal.throwIfAborted();
        if (file.bytes + chunk.byteLength > maxBytes) throw tooLarge(shown, 'more bytes', maxBytes);
        await file.append(chunk);
        onProgress?.(file.bytes, total);
      }
      return total === null || file.bytes === total;
    } finally {
      await answer.close();
    }
  }

  async #collect(sha256: string): Promise<void> {
    const { folder } = this.#options;
    try {
      await mkdir(folder, { recursive: true });
      for (const name of await readdir(folder)) {
        if (!name.startsWith(sha256)) await rm(join(folder, name), { recursive: true, force: true });
      }
    } catch (cause) {
      const text = `${folder} cannot be written: ${reasonOf(cause)}. Let this account write there`;
      throw new SideglanceError('SG_STORAGE', text, { cause });
    }
  }
}

/** What is there so far is of no use to a later attempt, or in the way. */
function isFinal(thrown: unknown): boolean {
  return thrown instanceof SideglanceError && thrown.code !== 'SG_BUNDLE_DOWNLOAD';
}

/** RFC 9110 §13.1.5: a weak tag may not stand in If-Range. Without one the digest tells, in the end. */
function rangeOf({ bytes, tag }: PartialFile): Record<string, string> {
  if (bytes === 0) return {};
  return { range: `bytes=${bytes}-`, ...(tag !== null && { 'if-range': tag }) };
}

/**
 * Makes the file ready for what follows the head of an answer.
 * @returns how long the whole file is; null where the server does not say
 */
async function begin(answer: Answer, file: PartialFile, shown: string): Promise<number | null> {
  const { status, header } = answer;
  if (status === 200) {
    const tag = header('etag');
    await file.restart(tag?.startsWith('"') ? tag : null);
    return lengthOf(header('content-length'));
  }
  const range = /^bytes (?:(\d+)-\d+|\*)\/(\d+|\*)$/.exec(header('content-range') ?? '');
  const total = lengthOf(range?.[2] ?? null);
  if (status === 206 && Number(range?.[1] ?? Number.NaN) === file.bytes) return total;
  if (status === 416 && total === file.bytes) return total;
  if ((status === 206 || status === 416) && file.bytes > 0) {
    await file.restart();
    throw new Error(`the server answered ${status} with a range that was not asked for`);
  }
  const text = `the server answered with HTTP status ${status}`;
  if (status >= 500 || [408, 425, 429].includes(status)) throw new Error(text);
  throw failed(shown, status === 401 || status === 403 ? `${text}: see \`models.download.authorizationFile\`` : text);
}

function lengthOf(text: string | null): number | null {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

function failed(shown: string, why: string, cause?: unknown): SideglanceError {
  return new SideglanceError('SG_BUNDLE_DOWNLOAD', `${shown} could not be fetched: ${why}. See to it, then ask again`, {
    cause,
  });
}

function tooLarge(shown: string, what: string, maxBytes: number): SideglanceError {
  return new SideglanceError(
    'SG_BUNDLE_TOO_LARGE',
    `${shown} has ${what}, ${maxBytes} are allowed. Make a smaller bundle, or see to \`models.maxBundleMb\``,
  );
}

function otherDigest(shown: string, { sha256 }: Wanted): SideglanceError {
  return new SideglanceError(
    'SG_BUNDLE_DIGEST',
    `what lies at ${shown} has another SHA-256 than ${sha256.slice(0, 12)}…, which was announced. Put the right file there, or announce this one`,
  );
}
