import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { reasonOf, SideglanceError } from '../errors.js';

/** So many bytes of regions are held in memory: 5,000 of 256 × 256 pixels. */
export const REGION_STORE_BYTES = 1000 * 2 ** 20;

/** Something whose bytes may have to be fetched: take `data` once and keep it while you work on it. */
export interface Stored {
  readonly data: Uint8Array;
}

/**
 * Keeps the pixels of many regions in bounded memory: what is beyond the budget lies in one temporary file, which has no
 * name from the start, so that it is gone with the process, however that ends. Lately read regions are read from the
 * system's file cache.
 */
export class RegionStore {
  readonly #budget: number;
  #held = 0;
  #file: number | null = null;
  #fileBytes = 0;

  constructor(budgetBytes: number = REGION_STORE_BYTES) {
    this.#budget = budgetBytes;
  }

  /** Bytes in the file. */
  get spilledBytes(): number {
    return this.#fileBytes;
  }

  /**
   * Takes over `data`, which must not be changed any more.
   * @throws SideglanceError `SG_STORAGE` when the file cannot be made or written
   */
  add(data: Uint8Array): Stored {
    if (this.#held + data.length <= this.#budget) {
      this.#held += data.length;
      return { data };
    }
    const position = this.#fileBytes;
    const { length } = data;
    try {
      this.#file ??= openNameless();
      for (let done = 0; done < length; ) {
        done += writeSync(this.#file, data, done, length - done, position + done);
      }
    } catch (cause) {
      throw new SideglanceError(
        'SG_STORAGE',
        `regions that do not fit into memory cannot be written to ${tmpdir()}: ${reasonOf(cause)}. Free some space, or set TMPDIR to a folder with more`,
        { cause },
      );
    }
    this.#fileBytes += length;
    const read = () => this.#read(position, length);
    return {
      get data() {
        return read();
      },
    };
  }

  /** Gives the file's space back; what lay in it can no longer be read. */
  close(): void {
    if (this.#file !== null) closeSync(this.#file);
    this.#file = null;
  }

  #read(position: number, length: number): Uint8Array {
    if (this.#file === null) throw new RangeError('the store of this region is closed');
    const data = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const count = readSync(this.#file, data, done, length - done, position + done);
      if (count === 0) throw new RangeError(`the store ends ${length - done} bytes before the region does`);
      done += count;
    }
    return data;
  }
}

/** A file that is open and has no name any more. */
function openNameless(): number {
  const folder = mkdtempSync(join(tmpdir(), 'sideglance-'));
  try {
    return openSync(join(folder, 'regions'), 'wx+', 0o600);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
