import { closeSync, openSync } from 'node:fs';
import { C_LIBRARY } from '../../native/c-library.js';
import { loadLibrary } from '../../native/library.js';

/** flock(2): an exclusive lock, without waiting for it. */
const LOCK_EX_NB = 2 | 4;

/**
 * Takes the lock of a file, which is made where it is missing. The kernel gives it back with the process, however that
 * ends. Returns how to give it back, or null where another process has it.
 * @throws Error where the file cannot be opened
 */
export function lockFile(path: string): (() => void) | null {
  const file = openSync(path, 'a', 0o640);
  const flock = loadLibrary(C_LIBRARY).declare<[number, number], number>('int flock(int file, int operation)');
  if (flock(file, LOCK_EX_NB) === 0) return () => closeSync(file);
  closeSync(file);
  return null;
}
