import {
  closeSync,
  fstatSync,
  fsync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { reasonOf, SideglanceError } from '../errors.js';

export const AUDIT_LIMITS = {
  /** The file in use, and the older ones behind it; the oldest is written over. */
  fileBytes: 2 * 1024 * 1024,
  files: 8,
  /** Files that are read again after a restart, the newest ones. */
  filesRestored: 2,
} as const;

export type AuditLimits = { readonly [Key in keyof typeof AUDIT_LIMITS]: number };

const syncFile = promisify(fsync);

/**
 * An append-only log, one JSON object a line: `audit.jsonl`, with `audit.1.jsonl` before it, and so on. A line that the end
 * of the process has cut off is left as it is; the next one begins anew.
 */
export class AuditLog {
  readonly #folder: string;
  readonly #limits: AuditLimits;
  #file: number | null = null;
  #bytes = 0;

  /** Touches nothing yet. */
  constructor(folder: string, limits: AuditLimits = AUDIT_LIMITS) {
    this.#folder = folder;
    this.#limits = limits;
  }

  /** What the newest files hold, oldest first; empty where there are none, or they cannot be read. */
  *restore(): Generator<Readonly<Record<string, unknown>>> {
    for (let age = this.#limits.filesRestored - 1; age >= 0; age--) {
      let text: string;
      try {
        text = readFileSync(this.#path(age), 'utf8');
      } catch {
        continue;
      }
      for (const line of text.split('\n')) {
        const record = parsed(line);
        if (record !== null) yield record;
      }
    }
  }

  /**
   * Survives the end of the process; for a power cut `sync` is to follow.
   * @throws SideglanceError SG_STORAGE
   */
  append(record: object): void {
    const line = Buffer.from(`${JSON.stringify(record)}\n`);
    try {
      if (this.#file !== null && this.#bytes + line.byteLength > this.#limits.fileBytes) this.#rotate();
      this.#file ??= this.#open();
      // A short write means that the disk is full: what it left is cut off by the line end of the next one.
      const written = writeSync(this.#file, line);
      this.#bytes += written;
      if (written < line.byteLength) throw new Error('the disk is full');
    } catch (cause) {
      this.close();
      throw this.#failure(cause);
    }
  }

  /** @throws SideglanceError SG_STORAGE */
  async sync(): Promise<void> {
    if (this.#file === null) return;
    try {
      await syncFile(this.#file);
    } catch (cause) {
      // It was synced when its turn was over.
      if ((cause as NodeJS.ErrnoException).code !== 'EBADF') throw this.#failure(cause);
    }
  }

  close(): void {
    if (this.#file === null) return;
    closeSync(this.#file);
    this.#file = null;
  }

  #open(): number {
    mkdirSync(this.#folder, { recursive: true, mode: 0o750 });
    const file = openSync(this.#path(0), 'a+', 0o640);
    this.#bytes = fstatSync(file).size;
    const last = Buffer.alloc(1);
    if (this.#bytes > 0) readSync(file, last, 0, 1, this.#bytes - 1);
    if (this.#bytes > 0 && last.toString() !== '\n') this.#bytes += writeSync(file, '\n');
    return file;
  }

  #rotate(): void {
    if (this.#file !== null) fsyncSync(this.#file);
    this.close();
    for (let age = this.#limits.files - 2; age >= 0; age--) {
      try {
        renameSync(this.#path(age), this.#path(age + 1));
      } catch (thrown) {
        if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw thrown;
      }
    }
  }

  #path(age: number): string {
    return join(this.#folder, age === 0 ? 'audit.jsonl' : `audit.${age}.jsonl`);
  }

  #failure(cause: unknown): SideglanceError {
    return new SideglanceError(
      'SG_STORAGE',
      `the audit of commands cannot be written in ${this.#folder} (${reasonOf(cause)}), and without it no change is made: ` +
        'mend the disk, or set commands.folder to another folder',
      { cause },
    );
  }
}

function parsed(line: string): Readonly<Record<string, unknown>> | null {
  if (line === '') return null;
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : null;
  } catch {
    return null;
  }
}
