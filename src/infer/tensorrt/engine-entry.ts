import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { appendFile, lstat, open, readdir, readFile, rm, stat, utimes } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { type EngineFacts, EngineFactsSchema, engineKey } from './engine-key.js';

/**
 * One engine on disk: a folder that is called by its key, with the files of TensorRT and `entry.json`, which says what
 * they are for and holds their digests.
 */

const ENTRY_FILE = 'entry.json';
/** One byte for each load that began and has not ended well. */
const LOADING_FILE = 'loading';
/** So many loads in a row that did not end, for instance because the process died in them, and the engine is not trusted. */
export const MAX_UNFINISHED_LOADS = 3;

const EntrySchema = z.object({
  format: z.literal('sideglance-engine/1'),
  facts: EngineFactsSchema,
  created: z.iso.datetime(),
  buildSeconds: z.number(),
  files: z.array(z.object({ name: z.string().regex(/^[^/]+$/), size: z.int(), sha256: z.string() })).min(1),
});

/** Why an entry cannot be used; null for one that can. */
export type Flaw = string | null;

/** Compares what lies in the folder with its `entry.json`, byte for byte. */
export async function flawOf(folder: string): Promise<Flaw> {
  let entry: z.infer<typeof EntrySchema>;
  try {
    entry = EntrySchema.parse(JSON.parse(await readFile(join(folder, ENTRY_FILE), 'utf8')));
  } catch {
    return `${ENTRY_FILE} is missing or damaged`;
  }
  if (engineKey(entry.facts) !== basename(folder)) return 'it was made for something else';
  for (const { name, size, sha256 } of entry.files) {
    const facts = await lstat(join(folder, name)).catch(() => null);
    if (!facts?.isFile() || facts.size !== size) return `${name} is missing or cut off`;
    if ((await digestOf(join(folder, name))) !== sha256) return `${name} was changed`;
  }
  const loads = await stat(join(folder, LOADING_FILE)).catch(() => null);
  if ((loads?.size ?? 0) >= MAX_UNFINISHED_LOADS) return `${MAX_UNFINISHED_LOADS} attempts to load it did not end`;
  return null;
}

/** Notes that a load begins. A cache that may only be read is used all the same. */
export async function noteLoading(folder: string): Promise<void> {
  await appendFile(join(folder, LOADING_FILE), '.').catch(() => undefined);
}

/** Notes that the load ended, and that the engine was of use just now. */
export async function noteLoaded(folder: string): Promise<void> {
  await rm(join(folder, LOADING_FILE), { force: true }).catch(() => undefined);
  const now = new Date();
  await utimes(join(folder, ENTRY_FILE), now, now).catch(() => undefined);
}

/**
 * Writes `entry.json` for what lies in the folder, and everything to the disk.
 * @returns false when there is no file to write about
 */
export async function seal(folder: string, facts: EngineFacts, buildSeconds: number): Promise<boolean> {
  const files: z.infer<typeof EntrySchema>['files'] = [];
  for (const name of (await readdir(folder)).sort()) {
    const path = join(folder, name);
    await sync(path);
    files.push({ name, size: (await stat(path)).size, sha256: await digestOf(path) });
  }
  if (files.length === 0) return false;
  const entry = { format: 'sideglance-engine/1', facts, created: new Date().toISOString(), buildSeconds, files };
  const handle = await open(join(folder, ENTRY_FILE), 'wx');
  try {
    await handle.writeFile(`${JSON.stringify(entry, null, 2)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await sync(folder);
  return true;
}

export interface EntryUse {
  readonly bytes: number;
  /** Milliseconds since the epoch. */
  readonly usedAt: number;
}

/** How large a folder is, and when it was last of use. */
export async function useOf(folder: string): Promise<EntryUse> {
  let bytes = 0;
  for (const name of await readdir(folder)) bytes += (await stat(join(folder, name)).catch(() => null))?.size ?? 0;
  const entry = await stat(join(folder, ENTRY_FILE)).catch(() => stat(folder));
  return { bytes, usedAt: entry.mtimeMs };
}

export async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
