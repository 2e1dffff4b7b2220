import { closeSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import koffi from 'koffi';
import { reasonOf, SideglanceError } from '../errors.js';
import { C_LIBRARY } from './c-library.js';
import { loadLibrary, type NativeFunction } from './library.js';

const LOCK_EX_NB = 2 | 4;
const EWOULDBLOCK = 11;
const TRY_EVERY_MS = 200;

let flock: NativeFunction<[number, number], number> | undefined;

/**
 * An exclusive lock between processes (flock(2)). The kernel lets go of it when its holder ends, however that happens, so
 * none is ever left behind.
 */
export class FileLock {
  readonly #file: number;

  private constructor(file: number) {
    this.#file = file;
  }

  /**
   * Waits, without an end, until nobody else holds the lock of this file, which is made if it is not there.
   * @param onWait called once, when somebody else does
   * @throws SideglanceError `SG_STORAGE` when the file cannot be opened or its file system has no locks
   */
  static async take(path: string, onWait: () => void = () => {}): Promise<FileLock> {
    for (let waits = 0; ; waits++) {
      const lock = FileLock.tryTake(path);
      if (lock) return lock;
      if (waits === 0) onWait();
      await sleep(TRY_EVERY_MS);
    }
  }

  /**
   * The same without waiting: null where somebody else holds it.
   * @throws as `take`
   */
  static tryTake(path: string): FileLock | null {
    flock ??= loadLibrary(C_LIBRARY).declare('int flock(int file, int operation)');
    const file = open(path);
    if (flock(file, LOCK_EX_NB) === 0) return new FileLock(file);
    const error = koffi.errno();
    closeSync(file);
    if (error === EWOULDBLOCK) return null;
    throw new SideglanceError('SG_STORAGE', `${path} cannot be locked (errno ${error})`);
  }

  release(): void {
    closeSync(this.#file);
  }
}

function open(path: string): number {
  try {
    return openSync(path, 'a');
  } catch (cause) {
    throw new SideglanceError('SG_STORAGE', `${path} cannot be written: ${reasonOf(cause)}`, { cause });
  }
}
