import { randomUUID } from 'node:crypto';
import { statfsSync } from 'node:fs';
import { reasonOf } from '../../errors.js';
import type { Database } from './database.js';
import type { OutboxState } from './database-file.js';
import type { Batch } from './database-worker.js';
import type { Journal } from './journal.js';
import type { Held } from './queue.js';
import { decodeRecord, encodeMessage, encodeRecord, itemOf } from './record.js';
import type { Gap, StorageCounters, StoredMessage, SyncMode } from './types.js';
import { Unsaved } from './unsaved.js';

export const KEEPER_LIMITS = {
  /** A message that still waits so long after it was taken in goes to the database; the sync itself comes on top. */
  batchAfterMs: 100,
  /** After the disk has refused a batch. */
  retryAfterMs: 1_000,
  /** The last batch of a stop. */
  closeMs: 250,
  /** With less room than this a disk that refuses a batch is called full. */
  fullBelowBytes: 4 * 1024 * 1024,
} as const;

/** Where the outbox stands. */
export type Standing = Pick<OutboxState, 'epoch' | 'lastId' | 'seqs' | 'ageMs'>;

/** What the keeper asks of the outbox. */
export interface KeeperOwner {
  standing(): Standing;
  /** A batch is safe: what waited for that may be offered. */
  kept(): void;
  /** The disk is full: drop as much as waits to be written. */
  makeRoom(): void;
  /** Identities that are given out from now on must be of this epoch. */
  begin(epoch: string): void;
  /** `fault` has changed. */
  faultChanged(): void;
}

export interface KeeperParts {
  readonly folder: string;
  readonly database: Database;
  readonly journal: Journal;
  readonly sync: SyncMode;
  readonly bootId: string | null;
  /** Of the last run: every message up to this one is in the database or settled. */
  readonly keptUpTo: number;
  /** Gives the folder free for others. */
  readonly unlock: () => void;
}

/**
 * Keeps on the disk what the outbox holds. Whatever still waits a moment after it was taken in goes to the database,
 * in one batch with what has happened since the last one; most messages are acknowledged before, and cost no sync.
 *
 * - `batched`: a message is in the journal before it is offered, so that it survives the end of the process.
 * - `every`: a message is in the database before it is offered, so that it survives a power cut.
 *
 * While the disk refuses, `batched` goes on in memory: no identity that is given out then is ever continued, so the
 * outbox takes a new epoch then, and another one when the disk works again. `every` offers nothing meanwhile.
 */
export class Keeper {
  readonly #parts: KeeperParts;
  readonly #owner: KeeperOwner;
  readonly #unsaved: Unsaved;
  #keptUpTo: number;
  /** Whether identities that are given out are in the journal before. */
  #isRecording = false;
  /** While they are not: the epoch that will be recorded next, under which none is given out before. */
  #nextEpoch: string | null = null;
  /** Whether the journal holds anything since it was begun. */
  #isJournalDirty = false;
  #fault: string | null = null;
  #running: Promise<void> | null = null;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;
  #isClosed = false;

  constructor(parts: KeeperParts, owner: KeeperOwner) {
    this.#parts = parts;
    this.#owner = owner;
    this.#keptUpTo = parts.keptUpTo;
    this.#unsaved = new Unsaved(parts.keptUpTo);
  }

  /** What is on the disk for sure, or settled. */
  get keptUpTo(): number {
    return this.#keptUpTo;
  }

  /** Nothing after it may be offered yet. */
  get offerableUpTo(): number {
    return this.#parts.sync === 'every' ? this.#keptUpTo : Number.POSITIVE_INFINITY;
  }

  /** Footprints of messages that are not in the database. */
  get unsavedBytes(): number {
    return this.#unsaved.bytes;
  }

  /** What is wrong with the disk; null when nothing is. */
  get fault(): string | null {
    return this.#fault;
  }

  /** Writes the first batch. Returns whether the disk took it; if not, it is tried again and again. */
  async start(): Promise<boolean> {
    this.#running = this.#write();
    await this.#running;
    this.#running = null;
    if (this.#fault === null) return true;
    this.#stopRecording();
    return false;
  }

  /** Takes a message in. Returns false where nobody would remember its identity: there is a new epoch then, try again. */
  add(held: Held, message: StoredMessage): boolean {
    const record = encodeMessage({ ...message, bornMs: held.bornMs });
    if (this.#isRecording && !this.#append(record)) return false;
    // The payload once only: as a part of the record.
    held.message = { ...message, payload: record.subarray(record.byteLength - message.payload.byteLength) };
    this.#unsaved.put(held.id, record, held);
    if (this.#parts.sync === 'every') this.#scheduleNow();
    else this.#schedule(KEEPER_LIMITS.batchAfterMs);
    return true;
  }

  /** A message that the last run had recorded and not brought to the database. */
  adopt(held: Held, record: Buffer): void {
    this.#unsaved.put(held.id, record, held);
  }

  /** Writes a gap record under its id. */
  keepGap(gap: Gap): void {
    const record = encodeRecord(gap);
    if (this.#isRecording) this.#append(record);
    this.#unsaved.put(gap.id, record, null);
    this.#schedule(KEEPER_LIMITS.batchAfterMs);
  }

  /** The item is settled, or another one stands for it. */
  forget(id: number): void {
    this.#unsaved.remove(id);
    if (!this.#unsaved.isEmpty) this.#schedule(KEEPER_LIMITS.batchAfterMs);
  }

  /** Reads a message from the database; null where it is damaged. */
  read(id: number): StoredMessage | null {
    const bytes = this.#parts.database.read(id);
    const record = bytes && decodeRecord(bytes);
    const item = record && itemOf(record);
    return item?.kind === 'message' ? item : null;
  }

  counters(ageMs: number): Omit<StorageCounters, 'alarm' | 'epoch' | 'bytesPerMessage'> {
    const { oldest, messages } = this.#unsaved;
    return {
      kind: 'disk',
      folder: this.#parts.folder,
      unsynced: messages,
      unsyncedMs: oldest ? Math.max(0, ageMs - oldest.bornMs) : 0,
      ...this.#parts.database.counters,
    };
  }

  /** Writes the last batch, in bounded time: what the next run finds is then where this one has ended. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#clearTimers();
    const last = async () => {
      await this.#running;
      await this.#write();
      await this.#parts.database.close();
      this.#parts.journal.close();
      this.#parts.unlock();
    };
    let timer: NodeJS.Timeout | undefined;
    // A batch that takes longer goes on as long as the process does; the next run copes with either outcome.
    const bound = new Promise<void>((done) => {
      timer = setTimeout(done, KEEPER_LIMITS.closeMs);
    });
    await Promise.race([last(), bound]);
    clearTimeout(timer);
  }

  #append(record: Buffer): boolean {
    try {
      this.#parts.journal.append(record);
      this.#isJournalDirty = true;
      return true;
    } catch (thrown) {
      this.#blame(thrown);
      this.#stopRecording();
      return false;
    }
  }

  /** What is given out until the disk works again belongs to an epoch that ends with the process. */
  #stopRecording(): void {
    this.#isRecording = false;
    this.#nextEpoch = randomUUID();
    this.#owner.begin(randomUUID());
    this.#schedule(KEEPER_LIMITS.retryAfterMs);
  }

  /** @param afterMs at once where it is not above 0 */
  #schedule(afterMs: number): void {
    if (this.#isClosed) return;
    this.#timer ??= setTimeout(() => this.#run(), afterMs);
  }

  #scheduleNow(): void {
    if (this.#isClosed || this.#fault !== null) return;
    this.#immediate ??= setImmediate(() => this.#run());
  }

  #clearTimers(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
    this.#timer = undefined;
    this.#immediate = undefined;
  }

  #run(): void {
    this.#clearTimers();
    if (this.#running) return;
    this.#running = this.#writeWhatIsNew().finally(() => {
      this.#running = null;
      if (this.#fault !== null) this.#schedule(KEEPER_LIMITS.retryAfterMs);
      else if (this.#unsaved.hasRecords && this.#parts.sync === 'every') this.#scheduleNow();
      else if (!this.#unsaved.isEmpty) this.#schedule(KEEPER_LIMITS.batchAfterMs - this.#waitedMs);
    });
  }

  /** How long the oldest message has waited for a batch; a slow one before it is no reason to wait longer. */
  get #waitedMs(): number {
    const { oldest } = this.#unsaved;
    return oldest ? Math.max(0, this.#owner.standing().ageMs - oldest.bornMs) : 0;
  }

  async #writeWhatIsNew(): Promise<void> {
    if (!this.#unsaved.isEmpty || this.#fault !== null) return this.#write();
    // All that was recorded is settled: begin the journal anew, and spare the database.
    const standing = this.#owner.standing();
    if (this.#isJournalDirty && this.#rotate(standing, standing.lastId)) this.#parts.journal.release();
  }

  async #write(): Promise<void> {
    try {
      // On a full disk the room that removals make is there for the transaction after the next.
      if (this.#fault !== null) {
        const standing = { ...this.#owner.standing(), lastId: this.#keptUpTo };
        await this.#commit(this.#unsaved.handRemovals(), standing);
      }
      const standing = this.#owner.standing();
      if (this.#isRecording) this.#rotate(standing, this.#keptUpTo);
      await this.#commit(this.#unsaved.handAll(standing.lastId), standing, this.#isClosed);
      this.#unsaved.saved();
      this.#keptUpTo = standing.lastId;
      this.#parts.journal.release();
      if (!this.#isRecording && this.#parts.sync === 'batched') this.#record(standing);
      this.#setFault(null);
      this.#owner.kept();
    } catch (thrown) {
      this.#blame(thrown);
      if (this.#isFull()) this.#owner.makeRoom();
    }
  }

  async #commit(changes: Omit<Batch, 'state'>, standing: Standing, isClosed = false): Promise<void> {
    const { database, sync, bootId } = this.#parts;
    const state: OutboxState = { version: 1, bootId, isClosed, sync, ...standing, ...this.#pledge(standing) };
    try {
      await database.commit({ ...changes, state: JSON.stringify(state) });
    } catch (thrown) {
      this.#unsaved.refused(changes);
      throw thrown;
    }
  }

  /** The epoch that goes on after this process has ended, and the seqs that it has given out. */
  #pledge({ epoch, seqs }: Standing): Pick<Standing, 'epoch' | 'seqs'> {
    return this.#nextEpoch === null ? { epoch, seqs } : { epoch: this.#nextEpoch, seqs: {} };
  }

  /** @throws Error where the disk refuses the journal */
  #record(standing: Standing): void {
    const pledge = this.#pledge(standing);
    const { lastId, ageMs } = standing;
    this.#parts.journal.rotate({ ...pledge, lastId, ageMs, settledUpTo: this.#keptUpTo });
    this.#isRecording = true;
    this.#isJournalDirty = false;
    if (this.#nextEpoch === null) return;
    this.#nextEpoch = null;
    this.#owner.begin(pledge.epoch);
  }

  /** Begins the other journal, if it is free and the disk lets it; returns whether. */
  #rotate(standing: Standing, settledUpTo: number): boolean {
    try {
      const isBegun = this.#parts.journal.rotate({ ...standing, settledUpTo });
      if (isBegun) this.#isJournalDirty = false;
      return isBegun;
    } catch {
      // The one that is used goes on.
      return false;
    }
  }

  #blame(thrown: unknown): void {
    const why = this.#isFull() ? 'its disk is full' : reasonOf(thrown);
    const meanwhile =
      this.#parts.sync === 'every'
        ? 'nothing that is new is sent until it does'
        : 'what is new waits in memory and is lost with the process';
    this.#setFault(`${this.#parts.folder} takes no messages (${why}): ${meanwhile}`);
  }

  #setFault(fault: string | null): void {
    if (fault === this.#fault) return;
    this.#fault = fault;
    this.#owner.faultChanged();
  }

  #isFull(): boolean {
    try {
      const { bavail, bsize } = statfsSync(this.#parts.folder);
      return bavail * bsize < KEEPER_LIMITS.fullBelowBytes;
    } catch {
      return false;
    }
  }
}
