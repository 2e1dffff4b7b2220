import { constants, type Dirent } from 'node:fs';
import { access, lstat, mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { reasonOf, SideglanceError } from '../errors.js';
import { MANIFEST_FILE } from '../model/manifest.js';
import type { InstallResult } from './install.js';
import type { Updater } from './updater.js';

export const FOLDER_LIMITS = {
  lookEveryMs: 1_000,
  /** So many looks one after the other a bundle has to be the same: somebody may still be copying it. */
  stillFor: 3,
  /** Until one is tried again that could not be judged yet. */
  againAfterMs: 30_000,
  /** Entries that are looked at; the first by name. */
  entries: 100,
  /** Files of the folder of a bundle. */
  files: 1_000,
  /** Bundles that are kept in `done` and in `refused`, each; the newest. */
  kept: 8,
} as const;

const DONE = 'done';
const REFUSED = 'refused';
/** Says nothing about the bundle: it is tried again. */
const NOT_YET: ReadonlySet<string> = new Set(['SG_COMMAND_BUSY', 'SG_COMMAND_INTERRUPTED', 'SG_BUNDLE_CLOCK_UNSET']);

export interface WatchedFolderOptions {
  readonly folder: string;
  readonly updater: Pick<Updater, 'install'>;
  readonly onEvent: (
    level: 'info' | 'warn',
    event: 'model.found' | 'model.left-alone' | 'model.not-moved',
    fields: Readonly<Record<string, unknown>>,
  ) => void;
  readonly lookEveryMs?: number;
}

interface Seen {
  /** What tells whether it changed. */
  readonly mark: string;
  readonly looks: number;
  /** It was dealt with, or is nothing to deal with; until it changes. */
  readonly isOver: boolean;
  /** Not before this time, in milliseconds of `performance.now`. */
  readonly notBefore: number;
}

/**
 * A folder into which somebody puts bundles: each is installed and made active when it has come as a whole, and then moved to
 * `done` or `refused` beside a text that says what became of it. The folder may be missing, and come and go.
 */
export class WatchedFolder {
  readonly #options: WatchedFolderOptions;
  readonly #limits = FOLDER_LIMITS;
  #seen = new Map<string, Seen>();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(options: WatchedFolderOptions) {
    this.#options = options;
  }

  start(): void {
    this.#later();
  }

  /** Settles when nothing is looked at any longer; what is under way is the updater's to end. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#looking;
  }

  #later(): void {
    if (this.#isStopped) return;
    this.#timer = setTimeout(() => {
      this.#looking = this.#look().finally(() => this.#later());
    }, this.#options.lookEveryMs ?? this.#limits.lookEveryMs);
    this.#timer.unref();
  }

  /** Never rejects. */
  async #look(): Promise<void> {
    const entries = await this.#entries();
    const names = new Set(entries.map(({ name }) => name));
    for (const name of [...this.#seen.keys()]) if (!names.has(name)) this.#seen.delete(name);
    for (const { name } of entries) {
      if (this.#isStopped) return;
      const { looks, isOver, notBefore } = await this.#lookAt(name);
      if (isOver || looks < this.#limits.stillFor || performance.now() < notBefore) continue;
      await this.#take(name);
    }
  }

  /** None while the folder is not there, or cannot be read: a stick that was pulled out is no fault. */
  async #entries(): Promise<Dirent[]> {
    const all = await readdir(this.#options.folder, { withFileTypes: true }).catch(() => []);
    return all
      .filter(({ name }) => !name.startsWith('.') && name !== DONE && name !== REFUSED)
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .slice(0, this.#limits.entries);
  }

  async #lookAt(name: string): Promise<Seen> {
    const path = join(this.#options.folder, name);
    const before = this.#seen.get(name);
    const found = await markOf(path, this.#limits.files).catch(() => null);
    const mark = found?.mark ?? '';
    const isSame = before?.mark === mark && mark !== '';
    const odd = found?.odd ?? null;
    if (odd !== null && !(isSame && before?.isOver)) {
      this.#options.onEvent('warn', 'model.left-alone', { file: path, reason: odd });
    }
    const seen: Seen = {
      mark,
      looks: isSame ? (before?.looks ?? 0) + 1 : 1,
      isOver: odd !== null || (isSame && before?.isOver === true),
      notBefore: isSame ? (before?.notBefore ?? 0) : 0,
    };
    this.#seen.set(name, seen);
    return seen;
  }

  async #take(name: string): Promise<void> {
    const { folder, updater, onEvent } = this.#options;
    const file = join(folder, name);
    onEvent('info', 'model.found', { file });
    let result: InstallResult | SideglanceError;
    try {
      result = await updater.install({ key: name, origin: 'folder', from: { file }, activate: {} });
    } catch (thrown) {
      result = thrown instanceof SideglanceError ? thrown : new SideglanceError('SG_STORAGE', reasonOf(thrown));
    }
    const seen = this.#seen.get(name) as Seen;
    if (result instanceof SideglanceError && NOT_YET.has(result.code)) {
      this.#seen.set(name, { ...seen, notBefore: performance.now() + this.#limits.againAfterMs });
      return;
    }
    this.#seen.set(name, { ...seen, isOver: true });
    await this.#putAway(name, result).catch((thrown: unknown) =>
      onEvent('warn', 'model.not-moved', {
        file,
        reason: `${reasonOf(thrown)}. It is not looked at again until it changes`,
      }),
    );
  }

  async #putAway(name: string, result: InstallResult | SideglanceError): Promise<void> {
    const { folder } = this.#options;
    const isRefused = result instanceof SideglanceError;
    const place = join(folder, isRefused ? REFUSED : DONE);
    await mkdir(place, { recursive: true });
    const free = await freeName(place, name);
    await rename(join(folder, name), join(place, free));
    this.#seen.delete(name);
    const at = new Date().toISOString();
    const text = isRefused
      ? `refused ${at}\n${result.code}\n${result.message}\n`
      : `${result.id}@${result.version} is active since ${at}\n`;
    await writeFile(join(place, `${free}.txt`), text);
    await prune(place, this.#limits.kept);
  }
}

/** @returns what changes while somebody writes there, and why it is no bundle */
async function markOf(path: string, maxFiles: number): Promise<{ readonly mark: string; readonly odd: string | null }> {
  const facts = await lstat(path);
  const own = `${facts.ino} ${facts.size} ${facts.mtimeMs}`;
  if (facts.isSymbolicLink()) return { mark: own, odd: 'it is a link. Put the bundle itself there' };
  if (facts.isFile()) return { mark: own, odd: path.endsWith('.tar') ? null : 'it is no .tar file' };
  if (!facts.isDirectory()) return { mark: own, odd: 'it is a device or a pipe' };
  const names = await readdir(path, { recursive: true });
  if (names.length > maxFiles) return { mark: own, odd: `it is a folder of more than ${maxFiles} files` };
  const marks: string[] = [own];
  for (const name of names.sort()) {
    const { size, mtimeMs } = await lstat(join(path, name));
    marks.push(`${name} ${size} ${mtimeMs}`);
  }
  const odd = names.includes(MANIFEST_FILE) ? null : `it is a folder without ${MANIFEST_FILE}`;
  return { mark: marks.join('\n'), odd };
}

async function freeName(place: string, name: string): Promise<string> {
  for (let number = 1; ; number++) {
    const free = number === 1 ? name : `${number}-${name}`;
    const isTaken = await access(join(place, free), constants.F_OK).then(
      () => true,
      () => false,
    );
    if (!isTaken) return free;
  }
}

/** Only what lies beside a text of ours. */
async function prune(place: string, kept: number): Promise<void> {
  const names = await readdir(place);
  const texts = names.filter((name) => name.endsWith('.txt') && names.includes(name.slice(0, -'.txt'.length)));
  const times = await Promise.all(texts.map(async (name) => (await stat(join(place, name))).mtimeMs));
  const newestFirst = texts.map((name, i) => ({ name, at: times[i] as number })).sort((a, b) => b.at - a.at);
  for (const { name } of newestFirst.slice(kept)) {
    await rm(join(place, name.slice(0, -'.txt'.length)), { recursive: true, force: true });
    await rm(join(place, name), { force: true });
  }
}
