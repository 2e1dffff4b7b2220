import { randomUUID } from 'node:crypto';
import { monotonicMs } from '../clock.js';
import type { DeliveryIdentity } from '../messages.js';
import { Keeper, type KeeperParts, type Standing } from './keeper.js';
import type { GapChange, Held, Item, Lane, StreamQueue } from './queue.js';
import { encodeMessage, heldOf, type Recorded } from './record.js';
import { Streams, splitStream } from './streams.js';
import { Tally } from './tally.js';
import { Throttle } from './throttle.js';
import {
  type Draft,
  type DropReason,
  footprint,
  MESSAGE_CLASSES,
  type MessageClass,
  type Offer,
  OUTBOX_DEFAULTS,
  type OutboxCounters,
  type OutboxSettings,
  type PerClass,
  type StoredMessage,
} from './types.js';

const LIMITS = {
  /** How long a disk that was full is not asked for more than it held then. */
  fullForMs: 60_000,
} as const;

export interface RestoredItem {
  readonly item: Recorded;
  /** If not, only the journal has it. */
  readonly isInDatabase: boolean;
}

/** Where the last run has left off, and where this one keeps its messages. */
export interface Restored {
  readonly keeper: KeeperParts;
  readonly standing: Standing;
  /** In the order of their ids. */
  readonly items: Iterable<RestoredItem>;
  /** Ids in the database that are of no use. */
  readonly damaged: readonly number[];
  /** What somebody should know about the start. */
  readonly notices: readonly string[];
}

/**
 * The store between what was inspected and what the broker has acknowledged. Whoever publishes only ever stores;
 * whoever sends takes what `next` offers and answers with `acknowledge`, `reject` or `rewind`.
 *
 * Bounded: over the bytes frames go first, then maps, verdicts last, the oldest of a class first; too old goes too. A
 * gap record takes the place of what is dropped. What is in flight is never dropped. The order and the bounds are kept
 * in memory, some 200 bytes a message; messages themselves by a `Keeper` on the disk, or in memory where there is none.
 */
export class Outbox {
  readonly #settings: OutboxSettings;
  readonly #nowMs: () => number;
  readonly #openedMs: number;
  readonly #lanes: readonly Lane[];
  readonly #throttle: Throttle;
  readonly #streams = new Streams();
  readonly #inFlight = new Map<number, { readonly queue: StreamQueue; readonly item: Item }>();
  readonly #tally = new Tally();
  readonly #notices: string[];
  #keeper: Keeper | null = null;
  #epoch: string = randomUUID();
  #lastId = 0;
  #lateUpTo = 0;
  /** The disk is full: no more than so many bytes, until then. */
  #full: { readonly bytes: number; readonly untilMs: number } | null = null;
  #ageBaseMs = 0;
  #offerable: () => void = () => {};
  #alarmChanged: () => void = () => {};

  /** An outbox in memory, which is lost with the process. */
  constructor(
    settings: Partial<OutboxSettings> = {},
    notices: readonly string[] = [],
    clock: () => number = monotonicMs,
  ) {
    this.#settings = { ...OUTBOX_DEFAULTS, ...settings };
    this.#notices = [...notices];
    this.#nowMs = clock;
    this.#openedMs = clock();
    this.#lanes = this.#settings.order === 'strict' ? ['both'] : ['live', 'late'];
    this.#throttle = new Throttle(this.#settings.replayPerSecond, clock, () => this.#offerable());
  }

  /**
   * An outbox that goes on where the last run has left off.
   * @returns null where `sync: every` was asked for and the disk takes nothing
   */
  static async restore(
    settings: OutboxSettings,
    { keeper: parts, standing, items, damaged, notices }: Restored,
    clock?: () => number,
  ): Promise<Outbox | null> {
    const outbox = new Outbox(settings, notices, clock);
    const keeper = new Keeper(parts, {
      standing: () => outbox.#standing(),
      kept: () => outbox.#offerable(),
      makeRoom: () => outbox.#makeRoom(),
      begin: (epoch) => outbox.#begin(epoch),
      faultChanged: () => outbox.#alarmChanged(),
    });
    outbox.#adopt(standing, items, keeper);
    for (const id of damaged) keeper.forget(id);
    outbox.#keeper = keeper;
    const hasStarted = await keeper.start();
    if (hasStarted || settings.sync !== 'every') return outbox;
    await outbox.close();
    return null;
  }

  get alarm(): string | null {
    const alarms = [...(this.#keeper?.fault ? [this.#keeper.fault] : []), ...this.#notices];
    return alarms.length === 0 ? null : alarms.join('; ');
  }

  /** Calls `listener` whenever `next` may have something new. */
  onOfferable(listener: () => void): void {
    this.#offerable = listener;
  }

  /** Calls `listener` whenever `alarm` has changed. */
  onAlarm(listener: () => void): void {
    this.#alarmChanged = listener;
  }

  /**
   * Takes a message in under the next identity of its stream; it is offered once it is safely stored. It may be
   * dropped at once where a bound says so; a gap record then stands in its place.
   */
  store(draft: Draft): DeliveryIdentity {
    const queue = this.#streams.queue(draft.station, draft.messageClass);
    let message = this.#compose(queue, draft);
    // It would push out everything before it and then have no room itself.
    const isTooLarge = footprint(message) > Math.min(this.#maxBytes, this.#settings.maxMemoryBytes);
    const bornMs = this.#ageMs();
    let held = heldOf({ ...message, bornMs }, false);
    if (this.#keeper && !isTooLarge && !this.#keeper.add(held, message)) {
      message = this.#compose(queue, draft);
      held = heldOf({ ...message, bornMs }, false);
      this.#keeper.add(held, message);
    }
    this.#lastId = message.id;
    queue.nextSeq++;
    this.#tally.stored[draft.messageClass]++;
    if (isTooLarge) {
      this.#tally.dropped.bytes[draft.messageClass]++;
      this.#keepGap(queue.pushGap(queue.gapOf(held, 'bytes')));
    } else {
      queue.push(held);
      this.#tally.arrives(draft.messageClass, held.bytes);
      this.#dropAged();
      this.#dropOverBounds();
    }
    this.#offerable();
    return message.delivery;
  }

  /**
   * The next thing to send, now in flight; null: nothing to send. Verdicts before maps before frames, and within a class
   * the oldest first; with `liveFirst` what is live goes ahead of what is late, in each class. Only of stations that are
   * wanted.
   */
  next(
    of: readonly MessageClass[] = MESSAGE_CLASSES,
    isWanted: (station: string) => boolean = () => true,
  ): Offer | null {
    this.#dropAged();
    for (const messageClass of of) {
      for (const lane of this.#lanes) {
        const offer = this.#take(messageClass, lane, isWanted);
        if (offer) return offer;
      }
    }
    return null;
  }

  /** Everything that was stored before now is late, as it waited for a connection. */
  turnLate(): void {
    this.#lateUpTo = this.#lastId;
    for (const queue of this.#streams) queue.turnLate();
  }

  isLate({ id }: Offer): boolean {
    return id <= this.#lateUpTo;
  }

  /** How long a message that is in flight may still wait before it is too old; null for gap records, which never are. */
  leftMs({ id }: Offer): number | null {
    const flight = this.#inFlight.get(id);
    if (flight?.item.kind !== 'message') return null;
    return this.#settings.maxAgeMs[flight.queue.messageClass] - (this.#ageMs() - flight.item.bornMs);
  }

  /** The broker has it: forget it. */
  acknowledge(id: number): void {
    const landed = this.#land(id);
    if (!landed) return;
    this.#keeper?.forget(id);
    if (landed.item.kind === 'gap') {
      this.#tally.gapsAnnounced++;
    } else {
      const { messageClass } = landed.queue;
      this.#tally.leaves(messageClass, landed.item.bytes);
      this.#tally.delivered[messageClass]++;
    }
  }

  /** It can never be delivered: a gap record takes its place. */
  reject(id: number, reason: DropReason): void {
    const landed = this.#land(id);
    if (!landed) return;
    if (landed.item.kind === 'gap') {
      this.#keeper?.forget(id);
      this.#tally.gapsRefused++;
      return;
    }
    this.#replace(landed.queue, landed.item, reason);
    this.#offerable();
  }

  /** The connection is gone: everything in flight will be offered again, in its old order. */
  rewind(): void {
    const byQueue = new Map<StreamQueue, Item[]>();
    for (const { queue, item } of this.#inFlight.values()) {
      const items = byQueue.get(queue) ?? [];
      items.push(item);
      byQueue.set(queue, items);
    }
    this.#inFlight.clear();
    for (const [queue, items] of byQueue) {
      for (const change of queue.putBack(items, this.#lateUpTo)) this.#keepGap(change);
    }
    this.#dropOverBounds();
    this.#offerable();
  }

  /** Messages that wait or are in flight. */
  get waiting(): number {
    return this.#tally.waiting;
  }

  /** How long the oldest message of each class has waited that is not in flight, in milliseconds; 0 where none waits. */
  oldestAgeMs(): PerClass {
    const ages: PerClass = { verdict: 0, map: 0, frame: 0 };
    for (const messageClass of MESSAGE_CLASSES) {
      const oldest = this.#streams.oldestMessage(messageClass, -1);
      if (oldest) ages[messageClass] = Math.max(0, this.#ageMs() - oldest.held.bornMs);
    }
    return ages;
  }

  counters(): OutboxCounters {
    const counters = this.#tally.counters();
    const storage = this.#keeper?.counters(this.#ageMs()) ?? IN_MEMORY;
    const stored = MESSAGE_CLASSES.reduce((total, messageClass) => total + counters.stored[messageClass], 0);
    return {
      ...counters,
      inFlight: this.#inFlight.size,
      storage: {
        ...storage,
        alarm: this.alarm,
        epoch: this.#epoch,
        bytesPerMessage: stored === 0 ? null : Math.round(storage.bytesWritten / stored),
      },
    };
  }

  /** Keeps what waits for the next run, where there is a disk. */
  async close(): Promise<void> {
    this.#offerable = () => {};
    this.#alarmChanged = () => {};
    this.#throttle.close();
    await this.#keeper?.close();
  }

  #adopt({ epoch, lastId, seqs, ageMs }: Standing, items: Restored['items'], keeper: Keeper): void {
    this.#epoch = epoch;
    this.#ageBaseMs = ageMs;
    this.#lastId = lastId;
    for (const { item, isInDatabase } of items) {
      this.#lastId = Math.max(this.#lastId, item.id);
      const [station, messageClass] = splitStream(item.kind === 'gap' ? item.stream : item.delivery.stream);
      const queue = this.#streams.queue(station, messageClass);
      if (item.kind === 'gap') {
        if (!isInDatabase) keeper.keepGap(item);
        queue.push(item);
        continue;
      }
      const held = heldOf(item, isInDatabase);
      if (queue.hasAnnounced(held)) {
        // The process ended between the two: the record of the gap was written, the message not removed.
        keeper.forget(held.id);
        continue;
      }
      if (!isInDatabase) keeper.adopt(held, encodeMessage(item));
      queue.push(held);
      this.#tally.arrives(messageClass, held.bytes);
    }
    for (const [stream, nextSeq] of Object.entries(seqs)) this.#streams.queue(...splitStream(stream)).nextSeq = nextSeq;
    this.turnLate();
  }

  #standing(): Standing {
    const seqs = Object.fromEntries([...this.#streams].map(({ name, nextSeq }) => [name, nextSeq]));
    return { epoch: this.#epoch, lastId: this.#lastId, seqs, ageMs: this.#ageMs() };
  }

  /** Begins an epoch: every stream counts from 0 again. */
  #begin(epoch: string): void {
    this.#epoch = epoch;
    for (const queue of this.#streams) queue.nextSeq = 0;
  }

  /** The outbox's own clock: counts while an outbox is open, over all its runs. */
  #ageMs(): number {
    return this.#ageBaseMs + Math.max(0, this.#nowMs() - this.#openedMs);
  }

  #compose(queue: StreamQueue, draft: Draft): StoredMessage {
    const { station, messageClass, topic, contentType, at } = draft;
    const delivery = { epoch: this.#epoch, stream: queue.name, seq: queue.nextSeq };
    const content = draft.write(delivery);
    const id = this.#lastId + 1;
    return { kind: 'message', id, station, messageClass, topic, contentType, delivery, at, ...content };
  }

  #take(messageClass: MessageClass, lane: Lane, isWanted: (station: string) => boolean): Offer | null {
    for (;;) {
      const oldest = this.#streams.oldest(messageClass, lane, isWanted);
      if (!oldest || oldest.item.id > (this.#keeper?.offerableUpTo ?? Number.POSITIVE_INFINITY)) return null;
      const { queue, item } = oldest;
      if (item.id <= this.#lateUpTo && !this.#throttle.pass()) return null;
      queue.shift(lane);
      const offer = item.kind === 'gap' ? item : (item.message ?? this.#keeper?.read(item.id) ?? null);
      if (offer) {
        this.#inFlight.set(item.id, { queue, item });
        return offer;
      }
      this.#replace(queue, item as Held, 'unreadable');
    }
  }

  #land(id: number) {
    const landed = this.#inFlight.get(id);
    this.#inFlight.delete(id);
    return landed;
  }

  get #maxBytes(): number {
    if (this.#full && this.#nowMs() > this.#full.untilMs) this.#full = null;
    return Math.min(this.#settings.maxBytes, this.#full?.bytes ?? Number.POSITIVE_INFINITY);
  }

  /** The disk has room for what it holds: what waits to be written has to push out as much. */
  #makeRoom(): void {
    const bytes = this.#tally.waitingBytes - (this.#keeper?.unsavedBytes ?? 0);
    this.#full = { bytes, untilMs: this.#nowMs() + LIMITS.fullForMs };
    this.#dropOverBounds();
  }

  #dropOverBounds(): void {
    const fromLeast = MESSAGE_CLASSES.toReversed();
    const maxBytes = this.#maxBytes;
    for (const messageClass of fromLeast) {
      while (this.#tally.waitingBytes > maxBytes && this.#dropOldest(messageClass, 'bytes'));
    }
    const { maxMemoryBytes } = this.#settings;
    const unsavedBytes = () => this.#keeper?.unsavedBytes ?? this.#tally.waitingBytes;
    for (const messageClass of fromLeast) {
      while (unsavedBytes() > maxMemoryBytes && this.#dropOldest(messageClass, 'bytes', this.#keeper?.keptUpTo));
    }
  }

  #dropAged(): void {
    const ageMs = this.#ageMs();
    for (const messageClass of MESSAGE_CLASSES) {
      const bornBefore = ageMs - this.#settings.maxAgeMs[messageClass];
      while (this.#dropOldest(messageClass, 'age', 0, bornBefore));
    }
  }

  /** Drops the oldest message of a class after an id that is not in flight, if it is old enough. Returns whether. */
  #dropOldest(of: MessageClass, reason: DropReason, afterId = 0, bornBefore = Number.POSITIVE_INFINITY): boolean {
    const oldest = this.#streams.oldestMessage(of, afterId);
    if (!oldest || oldest.held.bornMs >= bornBefore) return false;
    const { queue, held } = oldest;
    this.#countDropped(of, held, reason);
    this.#keepGap(queue.drop(held.id, reason));
    return true;
  }

  /** A gap record takes the place of a message that has been taken out. */
  #replace(queue: StreamQueue, held: Held, reason: DropReason): void {
    this.#countDropped(queue.messageClass, held, reason);
    const gap = queue.gapOf(held, reason);
    const [change] = queue.putBack([gap], this.#lateUpTo);
    this.#keepGap(change ?? { gap, absorbed: [] });
  }

  #countDropped(of: MessageClass, held: Held, reason: DropReason): void {
    this.#tally.leaves(of, held.bytes);
    this.#tally.dropped[reason][of]++;
  }

  #keepGap({ gap, absorbed }: GapChange): void {
    for (const id of absorbed) this.#keeper?.forget(id);
    this.#keeper?.keepGap(gap);
  }
}

const IN_MEMORY = {
  kind: 'memory',
  folder: null,
  unsynced: 0,
  unsyncedMs: 0,
  syncs: 0,
  longestSyncMs: 0,
  bytesWritten: 0,
} as const;
