import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { reasonOf } from '../../errors.js';

/**
 * The bdSeq number: one more with every CONNECT, 0 after 255, the same in the will of a connection and in its births. By
 * it a host tells a late NDEATH of an old connection from one of the present connection, so it outlives the process.
 */
export class BirthDeathSequence {
  readonly #file: string | null;
  #number: number;
  #isUsed: boolean;
  #fault: string | null = null;

  private constructor(file: string | null, last: number | null) {
    this.#file = file;
    this.#number = last ?? 255;
    this.#isUsed = true;
  }

  /** Goes on where `file` says that the last run has ended; 0 comes first. A null file: in memory only. */
  static open(file: string | null): BirthDeathSequence {
    return new BirthDeathSequence(file, file === null ? null : read(file));
  }

  /** Why it is not on the disk; null when it is. */
  get fault(): string | null {
    return this.#fault;
  }

  /** The number for the next CONNECT. It is on the disk when this returns, as far as the disk lets it. */
  next(): number {
    if (!this.#isUsed) return this.#number;
    this.#number = (this.#number + 1) % 256;
    this.#isUsed = false;
    this.#write();
    return this.#number;
  }

  /** The CONNECT was sent: the next one has another number. */
  use(): void {
    this.#isUsed = true;
  }

  #write(): void {
    if (this.#file === null) return;
    try {
      mkdirSync(dirname(this.#file), { recursive: true, mode: 0o750 });
      const staged = `${this.#file}.partial`;
      const handle = openSync(staged, 'w', 0o640);
      try {
        writeSync(handle, `${this.#number}\n`);
        fsyncSync(handle);
      } finally {
        closeSync(handle);
      }
      renameSync(staged, this.#file);
      this.#fault = null;
    } catch (thrown) {
      this.#fault = `${this.#file} cannot be written (${reasonOf(thrown)}), so bdSeq may repeat after a restart: make it writable`;
    }
  }
}

function read(file: string): number | null {
  try {
    const text = readFileSync(file, 'utf8').trim();
    return /^\d{1,3}$/.test(text) && Number(text) <= 255 ? Number(text) : null;
  } catch {
    return null;
  }
}
