import { execFile } from 'node:child_process';
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
  /** Resident memory before and after the first time, and the most after some inspections. */
  readonly rssBytes: { readonly before: number; readonly after: number; readonly working: number };
}

export interface LoadReport {
  readonly firstMs: Spread;
  readonly againMs: Spread;
  /** Medians, in bytes. */
  readonly model: number;
  readonly working: number;
}

/** Loads a bundle in so many fresh processes. The file itself is in the operating system's cache after the first of them. */
export async function measureLoading(bundle: string, times: number): Promise<LoadReport> {
  const loaded: LoadedOnce[] = [];
  for (let i = 0; i < times; i++) {
    const { stdout } = await run(process.execPath, [PROGRAM, bundle]);
    loaded.push(JSON.parse(stdout) as LoadedOnce);
  }
  const median = (read: (one: LoadedOnce) => number) => spreadOf(loaded.map(read)).median;
  return {
    firstMs: spreadOf(loaded.map(({ firstMs }) => firstMs)),
    againMs: spreadOf(loaded.map(({ againMs }) => againMs)),
    model: median(({ rssBytes }) => rssBytes.after - rssBytes.before),
    working: median(({ rssBytes }) => rssBytes.working),
  };
}
