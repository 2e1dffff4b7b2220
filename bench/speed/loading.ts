import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Spread, spreadOf } from '../support/statistics.js';

const run = promisify(execFile);
const PROGRAM = fileURLToPath(new URL('./load-once.js', import.meta.url));

/** What one fresh process tells of loading a bundle. */
export interface LoadedOnce {
  /** From the import of the inspector to the end of the golden samples, in a process that has loaded nothing, */
  readonly firstMs: number;
  /** and a second time in the same process. */
  readonly againMs: number;
  /** Resident memory before and after the first time, and after some inspections. */
  readonly rssBytes: { readonly before: number; readonly after: number; readonly working: number };
}

export interface LoadReport {
  /** In a fresh process, without an optimised graph on disk, */
  readonly coldMs: Spread;
  /** with one, */
  readonly keptMs: Spread;
  /** and a second time in that process. */
  readonly againMs: Spread;
  /** Medians, in bytes, with an optimised graph. */
  readonly model: number;
  readonly working: number;
}

/** Loads a bundle in so many pairs of fresh processes. The files themselves are in the operating system's cache. */
export async function measureLoading(bundle: string, times: number): Promise<LoadReport> {
  const cold: LoadedOnce[] = [];
  const kept: LoadedOnce[] = [];
  for (let i = 0; i < times; i++) {
    const folder = await mkdtemp(join(tmpdir(), 'sideglance-graphs-'));
    try {
      for (const list of [cold, kept]) {
        const { stdout } = await run(process.execPath, [PROGRAM, bundle, folder]);
        list.push(JSON.parse(stdout) as LoadedOnce);
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  }
  const median = (read: (one: LoadedOnce) => number) => spreadOf(kept.map(read)).median;
  return {
    coldMs: spreadOf(cold.map(({ firstMs }) => firstMs)),
    keptMs: spreadOf(kept.map(({ firstMs }) => firstMs)),
    againMs: spreadOf(kept.map(({ againMs }) => againMs)),
    model: median(({ rssBytes }) => rssBytes.after - rssBytes.before),
    working: median(({ rssBytes }) => rssBytes.working),
  };
}
