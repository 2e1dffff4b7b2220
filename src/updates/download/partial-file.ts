import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { reasonOf, SideglanceError } from '../../errors.js';

/**
 * A file that is being fetched, named after the SHA-256 that it is to have; beside it lies the entity tag of the server, by which
 * the next process can tell whether the rest of the same file is still there.
 */
export class PartialFile {
  readonly path: string;
  readonly #handle: FileHandle;
  #hash: Hash;
  #bytes: number;
  #tag: string | null;

  private constructor(path: string, handle: FileHandle, hash: Hash, bytes: number, tag: string | null) {
    this.path = path;
    this.#handle = handle;
    this.#hash = hash;
    this.#bytes = bytes;
    this.#tag = tag;
  }

  /** Goes on with what is there. @throws SideglanceError `SG_STORAGE` */
  static async open(folder: string, sha256: string): Promise<PartialFile> {
    const path = join(folder, sha256);
    return guarded(path, async () => {
      const handle = await open(path, 'a+', 0o600);
      const hash = createHash('sha256');
      let bytes = 0;
      for await (const chunk of handle.createReadStream({ autoClose: false, start: 0 }) as AsyncIterable<Buffer>) {
        hash.update(chunk);
        bytes += chunk.byteLength;
      }
      const tag = await readFile(tagOf(path), 'utf8').catch(() => null);
      return new PartialFile(path, handle, hash, bytes, tag);
    });
  }

  static async remove(path: string): Promise<void> {
    await rm(path, { force: true });
    await rm(tagOf(path), { force: true });
  }

  /** That are there. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The strong entity tag of what is there, if the server gave one. */
  get tag(): string | null {
    return this.#tag;
  }

  /** Of what is there, in hex. */
  digest(): string {
    return this.#hash.copy().digest('hex');
  }

  /** @throws SideglanceError `SG_BUNDLE_DISK_FULL`, `SG_STORAGE` */
  async append(chunk: Uint8Array): Promise<void> {
    await guarded(this.path, () => this.#handle.appendFile(chunk));
    this.#hash.update(chunk);
    this.#bytes += chunk.byteLength;
  }

  /** Empties it. @throws SideglanceError `SG_STORAGE` */
  async restart(tag: string | null = null): Promise<void> {
    await guarded(this.path, async () => {
      await this.#handle.truncate(0);
      if (tag === null) await rm(tagOf(this.path), { force: true });
      else await writeFile(tagOf(this.path), tag, { mode: 0o600 });
    });
    this.#hash = createHash('sha256');
    this.#bytes = 0;
    this.#tag = tag;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

function tagOf(path: string): string {
  return `${path}.tag`;
}

async function guarded<T>(path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (cause) {
    const isFull = ['ENOSPC', 'EDQUOT'].includes((cause as NodeJS.ErrnoException).code ?? '');
    const fix = isFull ? 'Free some space' : 'See to the disk, and let this account write there';
    const text = `${path} cannot be written: ${reasonOf(cause)}. ${fix}`;
    throw new SideglanceError(isFull ? 'SG_BUNDLE_DISK_FULL' : 'SG_STORAGE', text, { cause });
  }
}
