import type { Batch } from './database-worker.js';
import type { Held } from './queue.js';

interface Change {
  readonly record: Buffer;
  /** Null for a gap record. */
  readonly held: Held | null;
}

/** What the database does not know yet: records to write and records to remove. One batch of it is under way at most. */
export class Unsaved {
  #fresh = new Map<number, Change>();
  #handed = new Map<number, Change>();
  #handedUpTo: number;
  #removals = new Set<number>();
  #bytes = 0;
  #messages = 0;

  /** @param savedUpTo the database may have records up to this id */
  constructor(savedUpTo: number) {
    this.#handedUpTo = savedUpTo;
  }

  get isEmpty(): boolean {
    return this.#fresh.size === 0 && this.#removals.size === 0;
  }

  get hasRecords(): boolean {
    return this.#fresh.size > 0;
  }

  /** Footprints of the messages, those of the batch under way among them. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many messages. */
  get messages(): number {
    return this.#messages;
  }

  /** The oldest message. */
  get oldest(): Held | null {
    for (const changes of [this.#handed, this.#fresh]) {
      for (const { held } of changes.values()) if (held) return held;
    }
    return null;
  }

  /** A record to write; it replaces one of the same id. */
  put(id: number, record: Buffer, held: Held | null): void {
    this.#leave(id);
    this.#fresh.set(id, { record, held });
    this.#count(held, 1);
  }

  /** A record that need not be there any more. */
  remove(id: number): void {
    this.#leave(id);
    if (id <= this.#handedUpTo) this.#removals.add(id);
  }

  /** Hands out the removals alone. */
  handRemovals(): Omit<Batch, 'state'> {
    return { removals: this.#takeRemovals(), records: [] };
  }

  /** Hands out everything; `upTo` is the id that was given out last. */
  handAll(upTo: number): Omit<Batch, 'state'> {
    this.#handed = this.#fresh;
    this.#handedUpTo = upTo;
    this.#fresh = new Map();
    return {
      removals: this.#takeRemovals(),
      records: Array.from(this.#handed, ([id, { record }]) => ({ id, record })),
    };
  }

  /** The batch is in the database: its payloads need no memory any more. */
  saved(): void {
    for (const { held } of this.#handed.values()) {
      this.#count(held, -1);
      if (held) held.message = null;
    }
    this.#handed = new Map();
  }

  /** The batch is not in the database. */
  refused({ removals }: Omit<Batch, 'state'>): void {
    this.#fresh = new Map([...this.#handed, ...this.#fresh]);
    this.#handed = new Map();
    for (const id of removals) this.#removals.add(id);
  }

  #takeRemovals(): number[] {
    const removals = [...this.#removals];
    this.#removals.clear();
    return removals;
  }

  #leave(id: number): void {
    for (const changes of [this.#fresh, this.#handed]) {
      this.#count(changes.get(id)?.held ?? null, -1);
      changes.delete(id);
    }
  }

  #count(held: Held | null, times: 1 | -1): void {
    if (!held) return;
    this.#messages += times;
    this.#bytes += times * held.bytes;
  }
}
