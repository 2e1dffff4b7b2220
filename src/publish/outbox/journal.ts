import { closeSync, constants, fstatSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { decodeRecord, encodeRecord, itemOf, type Recorded } from './record.js';

export const JOURNAL_LIMITS = {
  /** Written once, so that later writes need no new blocks: a disk that is full stops no message. */
  preallocatedBytes: 4 * 1024 * 1024,
  /** A journal that grows beyond it counts as refused by the disk: batches have been failing for long. */
  maxBytes: 64 * 1024 * 1024,
} as const;

/** What a journal begins with: where the outbox stands without the records that follow. */
export interface Watermark {
  readonly epoch: string;
  readonly lastId: number;
  /** Everything up to this id is settled or in the database, also where an older journal has it. */
  readonly settledUpTo: number;
  readonly seqs: Readonly<Record<string, number>>;
  readonly ageMs: number;
}

/** What the journals of the last run hold. */
export interface Replay {
  readonly watermark: Watermark | null;
  /** In the order of their ids. */
  readonly records: readonly Recorded[];
}

const FRAME_BYTES = 8;

/**
 * What came since the last batch went to the database, in files that are written at once and never synced: after the
 * end of the process the kernel still has them, after a power cut whatever it had written by then.
 *
 * Two files take turns, so that one stays as it is until its batch is safe. They are overwritten from their start:
 * each frame carries the generation of its file's turn, and the first of an older one ends it. A frame is the
 * generation and the length (u32 each, little endian) and a record.
 */
export class Journal {
  readonly #files: readonly [number, number];
  #current: 0 | 1;
  #generation: number;
  #position = 0;
  #otherIsFree = true;
  #bytesWritten = 0;

  private constructor(files: readonly [number, number], current: 0 | 1, generation: number) {
    this.#files = files;
    this.#current = current;
    this.#generation = generation;
  }

  /**
   * Opens the journals in a folder, or makes them. Nothing is written to those of the last run before `rotate`, so call
   * it when what they hold is safe.
   * @throws Error where the disk refuses it
   */
  static open(folder: string): { readonly journal: Journal; readonly replay: Replay } {
    const files = ['journal-a', 'journal-b'].map((name) => openPreallocated(join(folder, name)));
    const [a, b] = files.map((file) => readTurn(readFileSync(file))) as [Turn, Turn];
    const [older, newer] = a.generation < b.generation ? [a, b] : [b, a];
    const journal = new Journal(files as [number, number], newer === a ? 0 : 1, newer.generation);
    return { journal, replay: replayOf([older, newer]) };
  }

  get bytesWritten(): number {
    return this.#bytesWritten;
  }

  /**
   * Begins the other file, where its last batch is safe. Its own batch is what the current one holds: say `release`
   * when that is safe. Returns whether it has begun.
   * @throws Error where the disk refuses it; the current file goes on then
   */
  rotate(watermark: Watermark): boolean {
    if (!this.#otherIsFree) return false;
    const other = this.#current === 0 ? 1 : 0;
    const generation = this.#generation + 1;
    const record = encodeRecord({ kind: 'watermark', ...watermark });
    const position = writeFrame(this.#files[other], 0, generation, record);
    this.#bytesWritten += position;
    this.#current = other;
    this.#generation = generation;
    this.#position = position;
    this.#otherIsFree = false;
    return true;
  }

  /** What the file before this one holds is safe or settled. */
  release(): void {
    this.#otherIsFree = true;
  }

  /** @throws Error where the disk refuses it */
  append(record: Buffer): void {
    if (this.#position + FRAME_BYTES + record.byteLength > JOURNAL_LIMITS.maxBytes) {
      throw new Error(`the journal has reached ${JOURNAL_LIMITS.maxBytes} bytes`);
    }
    const end = writeFrame(this.#files[this.#current], this.#position, this.#generation, record);
    this.#bytesWritten += end - this.#position;
    this.#position = end;
  }

  close(): void {
    for (const file of this.#files) closeSync(file);
  }
}

function openPreallocated(path: string): number {
  const file = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o640);
  const zeros = Buffer.alloc(64 * 1024);
  for (let at = fstatSync(file).size; at < JOURNAL_LIMITS.preallocatedBytes; at += zeros.byteLength) {
    writeAll(file, zeros, at);
  }
  return file;
}

/** @returns the position after it */
function writeFrame(file: number, position: number, generation: number, record: Buffer): number {
  const frame = Buffer.allocUnsafe(FRAME_BYTES + record.byteLength);
  frame.writeUInt32LE(generation, 0);
  frame.writeUInt32LE(record.byteLength, 4);
  frame.set(record, FRAME_BYTES);
  writeAll(file, frame, position);
  return position + frame.byteLength;
}

function writeAll(file: number, bytes: Buffer, position: number): void {
  for (let done = 0; done < bytes.byteLength; ) {
    done += writeSync(file, bytes, done, bytes.byteLength - done, position + done);
  }
}

interface Turn {
  readonly generation: number;
  readonly watermark: Watermark | null;
  readonly records: readonly Recorded[];
}

/** Reads as far as whole frames of one generation go. */
function readTurn(bytes: Buffer): Turn {
  const generation = bytes.byteLength < FRAME_BYTES ? 0 : bytes.readUInt32LE(0);
  const records: Recorded[] = [];
  let watermark: Watermark | null = null;
  for (let at = 0; at + FRAME_BYTES <= bytes.byteLength && bytes.readUInt32LE(at) === generation; ) {
    const length = bytes.readUInt32LE(at + 4);
    const record = decodeRecord(bytes.subarray(at + FRAME_BYTES, at + FRAME_BYTES + length));
    if (record?.length !== length) break;
    if (at === 0) watermark = record.header as Watermark;
    else records.push(itemOf(record));
    at += FRAME_BYTES + length;
  }
  return watermark ? { generation, watermark, records } : { generation: 0, watermark: null, records: [] };
}

function replayOf([older, newer]: readonly [Turn, Turn]): Replay {
  const { watermark } = newer;
  const isOpen = ({ id }: Recorded) => id > (watermark?.settledUpTo ?? 0);
  const byId = new Map<number, Recorded>();
  // A gap record has the id of what it stands for, which may be long settled.
  for (const record of older.records.filter(isOpen)) byId.set(record.id, record);
  for (const record of newer.records) byId.set(record.id, record);
  return { watermark, records: [...byId.values()].sort((a, b) => a.id - b.id) };
}
