import { randomUUID } from 'node:crypto';
import { monotonicMs } from '../clock.js';
import type { DeliveryIdentity } from '../messages.js';
import { Bounds } from './bounds.js';
import { Keeper, type Standing } from './keeper.js';
import type { Held, Item, Lane, StreamQueue } from './queue.js';
import { heldOf } from './record.js';
import { adoptItems, type Restored } from './restored.js';
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

/**
 * The store between what was inspected and what the broker has acknowledged. Whoever publishes only ever stores;
 * whoever sends takes what `next` offers and answers with `acknowledge`, `reject` or `rewind`.
 *
 * `Bounds` says what is dropped. The order and the bounds are kept in memory, some 200 bytes a message; messages
 * themselves by a `Keeper` on the disk, or in memory where there is none.
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
  readonly #bounds: Bounds;
  readonly #notices: string[];
  #keeper: Keeper | null = null;
  #epoch: string = randomUUID();
  #lastId = 0;
  #lateUpTo = 0;
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
    this.#bounds = new Bounds({
      settings: this.#settings,
      streams: this.#streams,
      tally: this.#tally,
      keeper: () => this.#keeper,
      nowMs: clock,
      ageMs: () => this.#ageMs(),
    });
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
      makeRoom: () => outbox.#bounds.makeRoom(),
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
    const isTooLarge = this.#bounds.isTooLarge(footprint(message));
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
      this.#bounds.refuse(queue, held);
    } else {
      queue.push(held);
      this.#tally.arrives(draft.messageClass, held.bytes);
      this.#bounds.dropAged();
      this.#bounds.dropOver();
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
    this.#bounds.dropAged();
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
    this.#bounds.replace(landed.queue, landed.item, reason, this.#lateUpTo);
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
      for (const change of queue.putBack(items, this.#lateUpTo)) this.#bounds.keepGap(change);
    }
    this.#bounds.dropOver();
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
    this.#lastId = Math.max(lastId, adoptItems(items, this.#streams, this.#tally, keeper));
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
      this.#bounds.replace(queue, item as Held, 'unreadable', this.#lateUpTo);
    }
  }

  #land(id: number) {
    const landed = this.#inFlight.get(id);
    this.#inFlight.delete(id);
    return landed;
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
