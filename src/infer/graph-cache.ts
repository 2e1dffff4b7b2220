import { readFileSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { arch, cpus, homedir } from 'node:os';
import { join } from 'node:path';
import { sha256 } from '../digest.js';
import { readBytes } from '../read-bytes.js';

export const GRAPH_CACHE_LIMITS = {
  /** Graphs that were not used for longest go when all of them are larger. */
  maxBytes: 1024 * 2 ** 20,
  leftoverAfterMs: 3_600_000,
} as const;

/** What a session is to be made from. */
export interface Graph {
  readonly bytes: Uint8Array;
  /** `none` for a graph that is optimised already. */
  readonly optimisation: 'all' | 'none';
  /** Where to write the optimised graph. */
  readonly saveOptimised?: string;
}

const SUFFIX = '.graph';
/** What a process has begun to write. */
const STAGED = /\.graph\.\d+$/;
const DIGEST_BYTES = 32;

/**
 * Graphs as ONNX Runtime has optimised them for this machine's processor, on disk: to optimise one takes three quarters of the
 * time that a model takes to load. A file is the SHA-256 of what follows, and the graph. Whatever is wrong with the folder or a file
 * in it costs the time, and nothing else.
 */
export class GraphCache {
  readonly #folder: string;
  readonly #maxBytes: number;

  constructor(folder: string = defaultGraphFolder(), maxBytes: number = GRAPH_CACHE_LIMITS.maxBytes) {
    this.#folder = folder;
    this.#maxBytes = maxBytes;
  }

  /**
   * Makes something with the optimised graph of a model, or, where there is none, with the model, and keeps the graph then.
   *
   * @param runtime the version of ONNX Runtime
   * @param create makes a session
   * @throws what `create` throws of the model itself
   */
  async use<T>(model: Uint8Array, runtime: string, create: (graph: Graph) => Promise<T>): Promise<T> {
    const file = join(this.#folder, `${await keyOf(model, runtime)}${SUFFIX}`);
    const kept = await readKept(file);
    if (kept) {
      try {
        return await create({ bytes: kept, optimisation: 'none' });
      } catch {
        // Whole, and yet of no use: the model tells whether it is at fault itself, and its graph takes this one's place.
      }
    }
    // Two processes may do this at the same time, each with a file of its own.
    const staged = `${file}.${process.pid}`;
    const isThere = await mkdir(this.#folder, { recursive: true }).then(
      () => writeFile(staged, '').then(() => true),
      () => false,
    );
    if (!isThere) return create({ bytes: model, optimisation: 'all' });
    try {
      const made = await create({ bytes: model, optimisation: 'all', saveOptimised: staged });
      await this.#keep(staged, file).catch(() => undefined);
      return made;
    } finally {
      await rm(staged, { force: true }).catch(() => undefined);
    }
  }

  async #keep(staged: string, file: string): Promise<void> {
    const graph = await readWhole(staged);
    await writeFile(staged, Buffer.concat([await sha256(graph), graph]));
    await rename(staged, file);
    await this.#prune(file);
  }

  async #prune(newest: string): Promise<void> {
    const all = await readdir(this.#folder);
    for (const name of all.filter((one) => STAGED.test(one))) await removeLeftover(join(this.#folder, name));
    const names = all.filter((name) => name.endsWith(SUFFIX));
    const files = await Promise.all(
      names.map(async (name) => {
        const path = join(this.#folder, name);
        const { size, mtimeMs } = await stat(path);
        return { path, size, usedMs: path === newest ? Number.POSITIVE_INFINITY : mtimeMs };
      }),
    );
    let total = files.reduce((sum, { size }) => sum + size, 0);
    for (const { path, size } of files.sort((a, b) => a.usedMs - b.usedMs).slice(0, -1)) {
      if (total <= this.#maxBytes) return;
      await rm(path, { force: true });
      total -= size;
    }
  }
}

/** That of the service, where systemd names one, else the user's. */
export function defaultGraphFolder(env: NodeJS.ProcessEnv = process.env): string {
  const service = env.CACHE_DIRECTORY?.split(':')[0];
  return join(service || join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'sideglance'), 'graphs');
}

/** Of a process that was killed: nobody writes for so long. */
async function removeLeftover(staged: string): Promise<void> {
  const { mtimeMs } = await stat(staged);
  if (Date.now() - mtimeMs > GRAPH_CACHE_LIMITS.leftoverAfterMs) await rm(staged, { force: true });
}

/** Null where it is not there, or not as it was written. */
async function readKept(file: string): Promise<Uint8Array | null> {
  try {
    const bytes = await readWhole(file);
    const graph = bytes.subarray(DIGEST_BYTES);
    if (!(await sha256(graph)).equals(bytes.subarray(0, DIGEST_BYTES))) return null;
    const now = new Date();
    await utimes(file, now, now);
    return graph;
  } catch {
    return null;
  }
}

async function readWhole(path: string): Promise<Uint8Array> {
  const file = await open(path);
  try {
    return await readBytes(file, (await file.stat()).size);
  } finally {
    await file.close();
  }
}

async function keyOf(model: Uint8Array, runtime: string): Promise<string> {
  const facts = [runtime, arch(), cpus()[0]?.model ?? '', processorFeatures()].join('\n');
  return (await sha256(`${facts}\0`, model)).toString('hex');
}

/** What instructions there are decides how graphs are laid out; proc(5) tells on Linux. */
function processorFeatures(): string {
  try {
    return /^(?:flags|Features)\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1]?.trim() ?? '';
  } catch {
    return '';
  }
}
