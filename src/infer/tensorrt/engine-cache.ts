import { copyFile, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { reasonOf, SideglanceError } from '../../errors.js';
import { FileLock } from '../../native/file-lock.js';
import { type EntryUse, flawOf, noteLoaded, noteLoading, seal, sync, useOf } from './engine-entry.js';
import { type EngineFacts, engineKey, timingKey } from './engine-key.js';

export interface EngineCacheLimits {
  /** Engines that were not used for longest go when all of them are larger. */
  readonly maxBytes: number;
  /** Reading an engine takes a second or two; after so long it is being built after all. */
  readonly slowLoadMs: number;
}

export const ENGINE_CACHE_LIMITS: EngineCacheLimits = { maxBytes: 4096 * 2 ** 20, slowLoadMs: 10_000 };

const KEY = /^[0-9a-f]{64}$/;
const BUILDING = '.building';
const SET_ASIDE = '.set-aside';
const TIMINGS = 'timings';

export interface EngineUse<T> {
  readonly made: T;
  readonly key: string;
  /** The folder with the engine; null where it could not be kept. */
  readonly folder: string | null;
  /** How long it took to build; null where it was there already. */
  readonly buildSeconds: number | null;
}

export interface EngineWatch {
  /** Another process builds, and this one waits for its turn. */
  onWaiting?(): void;
  onBuilding?(): void;
  /** An engine is there, and yet loading takes as long as if it were built: ONNX Runtime may have found fault with it. */
  onSlowLoad?(): void;
  /** An engine that was there is of no use, or a new one could not be kept. */
  onWarning?(text: string): void;
}

/**
 * Engines on disk. An entry appears whole or not at all: it is built in a folder beside its place and renamed. One build
 * at a time on this machine, since two would measure each other's kernels.
 */
export class EngineCache {
  readonly #folder: string;
  readonly #limits: EngineCacheLimits;

  constructor(folder: string = defaultEngineFolder(), limits: Partial<EngineCacheLimits> = {}) {
    this.#folder = folder;
    this.#limits = { ...ENGINE_CACHE_LIMITS, ...limits };
  }

  /**
   * Makes something with the engine that these facts describe, which is built if it is not there, or of no use.
   *
   * @param create is given the folder that it reads the engine from, or writes it to; `files` are copied there first
   * @throws SideglanceError `SG_STORAGE` when an engine has to be built and the folder cannot be written; what `create`
   * throws
   */
  async use<T>(
    facts: EngineFacts,
    create: (folder: string) => Promise<T>,
    { files = {}, ...watch }: EngineWatch & { readonly files?: Readonly<Record<string, string>> } = {},
  ): Promise<EngineUse<T>> {
    const key = engineKey(facts);
    const folder = join(this.#folder, key);
    const found = await this.#load(folder, create, watch);
    if ('made' in found) return { ...found, key, folder, buildSeconds: null };
    const lock = await this.#lock(watch);
    try {
      // Whoever had the lock may have built it meanwhile.
      const now = await this.#load(folder, create, watch);
      if ('made' in now) return { ...now, key, folder, buildSeconds: null };
      if (now.flaw !== null) await this.#setAside(folder, now.flaw, watch);
      return { key, ...(await this.#build(folder, facts, create, files, watch)) };
    } finally {
      lock.release();
    }
  }

  /** What was made with the engine that lies there, or why it is of no use; null where there is none. */
  async #load<T>(
    folder: string,
    create: (folder: string) => Promise<T>,
    { onSlowLoad }: EngineWatch,
  ): Promise<{ readonly made: T } | { readonly flaw: string | null }> {
    const isThere = await readdir(folder).catch(() => null);
    if (isThere === null) return { flaw: null };
    const flaw = await flawOf(folder);
    if (flaw !== null) return { flaw };
    await noteLoading(folder);
    const slow = onSlowLoad && setTimeout(onSlowLoad, this.#limits.slowLoadMs);
    try {
      return { made: await create(folder) };
    } catch (thrown) {
      // "TensorRT EP could not deserialize engine from cache": whole, and yet not for this TensorRT or GPU.
      if (/deserialize/i.test(reasonOf(thrown))) return { flaw: reasonOf(thrown) };
      throw thrown;
    } finally {
      clearTimeout(slow);
      await noteLoaded(folder);
    }
  }

  async #build<T>(
    folder: string,
    facts: EngineFacts,
    create: (folder: string) => Promise<T>,
    files: Readonly<Record<string, string>>,
    watch: EngineWatch,
  ): Promise<Omit<EngineUse<T>, 'key'>> {
    const staged = `${folder}${BUILDING}`;
    const timings = join(this.#folder, TIMINGS, timingKey(facts));
    watch.onBuilding?.();
    const begun = performance.now();
    try {
      await this.#removeAll((name) => name.endsWith(BUILDING));
      await storing(staged, () => stage(staged, timings, files));
      let made: T;
      try {
        made = await create(staged);
      } catch (thrown) {
        // "TensorRT EP could not create timing cache": timings are worth nothing but time.
        if (!/timing cache/i.test(reasonOf(thrown))) throw thrown;
        await rm(timings, { recursive: true, force: true });
        await storing(staged, () => stage(staged, timings, files));
        made = await create(staged);
      }
      const buildSeconds = (performance.now() - begun) / 1000;
      const isKept = await this.#keep(staged, folder, timings, facts, buildSeconds).catch((thrown) => {
        // What was made works all the same.
        watch.onWarning?.(reasonOf(thrown));
        return false;
      });
      return { made, buildSeconds, folder: isKept ? folder : null };
    } finally {
      await rm(staged, { recursive: true, force: true }).catch(() => undefined);
    }
  }

  async #keep(
    staged: string,
    folder: string,
    timings: string,
    facts: EngineFacts,
    buildSeconds: number,
  ): Promise<boolean> {
    return storing(folder, async () => {
      await keepTimings(staged, timings);
      if (!(await seal(staged, facts, buildSeconds))) return false;
      await rename(staged, folder);
      await sync(this.#folder);
      await this.#prune(folder);
      return true;
    });
  }

  /** Kept for whoever wants to know; the next one takes its place. */
  async #setAside(folder: string, flaw: string, watch: EngineWatch): Promise<void> {
    watch.onWarning?.(`the engine in ${folder} is set aside and built anew: ${flaw}`);
    await storing(folder, async () => {
      await this.#removeAll((name) => name.endsWith(SET_ASIDE));
      await rename(folder, `${folder}${SET_ASIDE}`);
    });
  }

  async #lock({ onWaiting }: EngineWatch): Promise<FileLock> {
    await storing(this.#folder, () => mkdir(this.#folder, { recursive: true }));
    return FileLock.take(join(this.#folder, 'lock'), onWaiting);
  }

  async #prune(kept: string): Promise<void> {
    const entries: (EntryUse & { readonly path: string })[] = [];
    for (const name of await readdir(this.#folder)) {
      const path = join(this.#folder, name);
      if (KEY.test(name) && path !== kept) entries.push({ path, ...(await useOf(path)) });
    }
    let bytes = (await useOf(kept).catch(() => null))?.bytes ?? 0;
    for (const entry of entries.sort((a, b) => b.usedAt - a.usedAt)) {
      bytes += entry.bytes;
      if (bytes > this.#limits.maxBytes) await rm(entry.path, { recursive: true, force: true });
    }
  }

  async #removeAll(which: (name: string) => boolean): Promise<void> {
    for (const name of await readdir(this.#folder)) {
      if (which(name)) await rm(join(this.#folder, name), { recursive: true, force: true });
    }
  }
}

/** What systemd gives the service (CacheDirectory=), else the user's cache. */
export function defaultEngineFolder(env: NodeJS.ProcessEnv = process.env): string {
  const service = env.CACHE_DIRECTORY?.split(':')[0];
  return join(service || join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'sideglance'), 'engines');
}

/** A fresh folder with the timings that there are, and what else the build needs. */
async function stage(staged: string, timings: string, files: Readonly<Record<string, string>>): Promise<void> {
  await rm(staged, { recursive: true, force: true });
  await mkdir(staged);
  for (const name of await readdir(timings).catch(() => [])) await copyFile(join(timings, name), join(staged, name));
  for (const [name, path] of Object.entries(files)) await copyFile(path, join(staged, name));
}

/** The next build on this GPU begins with them; an engine that is there does not need them. */
async function keepTimings(staged: string, timings: string): Promise<void> {
  for (const name of await readdir(staged)) {
    if (!name.endsWith('.timing')) continue;
    await mkdir(timings, { recursive: true });
    const fresh = join(timings, `${name}.partial`);
    await copyFile(join(staged, name), fresh);
    await sync(fresh);
    await rename(fresh, join(timings, name));
    await rm(join(staged, name));
  }
}

async function storing<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new SideglanceError(
      'SG_STORAGE',
      `the engine cannot be kept in ${path}: ${reasonOf(cause)}. Free some space, or name another folder in infer.tensorrt.cache`,
      { cause },
    );
  }
}
