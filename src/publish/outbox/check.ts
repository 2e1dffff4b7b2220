import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { DatabaseReport } from './check-database.js';

const CHECK_LIMITS = { checkMs: 120_000 } as const;
const PROGRAM = fileURLToPath(new URL('./check-database.js', import.meta.url));

export interface Checked {
  /** Why the file cannot be used; null: it can. */
  readonly fault: string | null;
  /** Ids of records that are damaged by themselves. */
  readonly damaged: readonly number[];
}

/**
 * Reads the database from end to end, in a process of its own: a damaged one may end the process that reads it.
 * @throws Error where that takes longer than anybody should wait for it, which says nothing about the file
 */
export async function checkDatabase(path: string, mapBytes: number): Promise<Checked> {
  const child = spawn(process.execPath, [PROGRAM, path, String(mapBytes)], { stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { out: '', err: '' };
  child.stdout.on('data', (chunk) => {
    said.out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    said.err += chunk;
  });
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    child.kill('SIGKILL');
  }, CHECK_LIMITS.checkMs);
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  clearTimeout(timer);
  if (isLate) throw new Error(`reading ${path} takes longer than ${CHECK_LIMITS.checkMs / 1000} s`);
  if (signal !== null) return { fault: `reading it ends in ${signal}`, damaged: [] };
  if (code !== 0) return { fault: /^\w*Error: .*$/m.exec(said.err)?.[0] ?? `exit code ${code}`, damaged: [] };
  const { hasState, records, damaged } = JSON.parse(said.out) as DatabaseReport;
  // Neither: the process that made it ended before its first batch.
  const isWhole = hasState || records === 0;
  return isWhole ? { fault: null, damaged } : { fault: 'it does not say where it stands', damaged: [] };
}
