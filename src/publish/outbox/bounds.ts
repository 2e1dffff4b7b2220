import type { Keeper } from './keeper.js';
import type { GapChange, Held, StreamQueue } from './queue.js';
import type { Streams } from './streams.js';
import type { Tally } from './tally.js';
import { type DropReason, MESSAGE_CLASSES, type MessageClass, type OutboxSettings } from './types.js';

const LIMITS = {
  /** How long a disk that was full is not asked for more than it held then. */
  fullForMs: 60_000,
} as const;

export interface BoundsParts {
  readonly settings: OutboxSettings;
  readonly streams: Streams;
  readonly tally: Tally;
  /** Null: messages are kept in memory. */
  readonly keeper: () => Keeper | null;
  readonly nowMs: () => number;
  /** The outbox's own clock. */
  readonly ageMs: () => number;
}

/**
 * Drops what the outbox may not hold: over the bytes frames go first, then maps, verdicts last, the oldest of a class
 * first; too old goes too. A gap record takes the place of what is dropped. What is in flight is never dropped.
 */
export class Bounds {
  readonly #parts: BoundsParts;
  /** The disk is full: no more than so many bytes, until then. */
  #full: { readonly bytes: number; readonly untilMs: number } | null = null;

  constructor(parts: BoundsParts) {
    this.#parts = parts;
  }

  /** Whether a message would push out everything before it and then have no room itself. */
  isTooLarge(bytes: number): boolean {
    return bytes > Math.min(this.#maxBytes, this.#parts.settings.maxMemoryBytes);
  }

  /** The disk has room for what it holds: what waits to be written has to push out as much. */
  makeRoom(): void {
    const { tally, keeper, nowMs } = this.#parts;
    const bytes = tally.waitingBytes - (keeper()?.unsavedBytes ?? 0);
    this.#full = { bytes, untilMs: nowMs() + LIMITS.fullForMs };
    this.dropOver();
  }

  dropOver(): void {
    const { settings, tally } = this.#parts;
    const keeper = this.#parts.keeper();
    const fromLeast = MESSAGE_CLASSES.toReversed();
    const maxBytes = this.#maxBytes;
    for (const messageClass of fromLeast) {
      while (tally.waitingBytes > maxBytes && this.#dropOldest(messageClass, 'bytes'));
    }
    const unsavedBytes = () => keeper?.unsavedBytes ?? tally.waitingBytes;
    for (const messageClass of fromLeast) {
      while (unsavedBytes() > settings.maxMemoryBytes && this.#dropOldest(messageClass, 'bytes', keeper?.keptUpTo));
    }
  }

  dropAged(): void {
    const ageMs = this.#parts.ageMs();
    for (const messageClass of MESSAGE_CLASSES) {
      const bornBefore = ageMs - this.#parts.settings.maxAgeMs[messageClass];
      while (this.#dropOldest(messageClass, 'age', 0, bornBefore));
    }
  }

  /** A gap record takes the place of a message that never had one. */
  refuse(queue: StreamQueue, held: Held): void {
    this.#parts.tally.dropped.bytes[queue.messageClass]++;
    this.keepGap(queue.pushGap(queue.gapOf(held, 'bytes')));
  }

  /** A gap record takes the place of a message that has been taken out. */
  replace(queue: StreamQueue, held: Held, reason: DropReason, lateUpTo: number): void {
    this.#count(queue.messageClass, held, reason);
    const gap = queue.gapOf(held, reason);
    const [change] = queue.putBack([gap], lateUpTo);
    this.keepGap(change ?? { gap, absorbed: [] });
  }

  keepGap({ gap, absorbed }: GapChange): void {
    const keeper = this.#parts.keeper();
    for (const id of absorbed) keeper?.forget(id);
    keeper?.keepGap(gap);
  }

  get #maxBytes(): number {
    if (this.#full && this.#parts.nowMs() > this.#full.untilMs) this.#full = null;
    return Math.min(this.#parts.settings.maxBytes, this.#full?.bytes ?? Number.POSITIVE_INFINITY);
  }

  /** Drops the oldest message of a class after an id that is not in flight, if it is old enough. Returns whether. */
  #dropOldest(of: MessageClass, reason: DropReason, afterId = 0, bornBefore = Number.POSITIVE_INFINITY): boolean {
    const oldest = this.#parts.streams.oldestMessage(of, afterId);
    if (!oldest || oldest.held.bornMs >= bornBefore) return false;
    const { queue, held } = oldest;
    this.#count(of, held, reason);
    this.keepGap(queue.drop(held.id, reason));
    return true;
  }

  #count(of: MessageClass, held: Held, reason: DropReason): void {
    this.#parts.tally.leaves(of, held.bytes);
    this.#parts.tally.dropped[reason][of]++;
  }
}
