import { randomUUID } from 'node:crypto';
import { now } from './clock.js';
import { Deque } from './deque.js';
import type { DeliveryIdentity } from './messages.js';
import {
  DROP_REASONS,
  type Draft,
  type DropReason,
  footprint,
  type Gap,
  MESSAGE_CLASSES,
  type MessageClass,
  type Offer,
  OUTBOX_LIMITS,
  type Outbox,
  type OutboxCounters,
  type OutboxLimits,
  type PerClass,
  type StoredMessage,
} from './outbox.js';

interface Stream {
  readonly name: string;
  readonly messageClass: MessageClass;
  nextSeq: number;
  /** Not in flight, in order. Neighbouring gaps are always merged. */
  readonly pending: Deque<Offer>;
}

/**
 * An outbox in memory: bounded, and lost when the process ends. Drop policy: within a class the oldest goes first;
 * over the common bound frames go first, then maps, verdicts last. What is in flight is never dropped.
 */
export class MemoryOutbox implements Outbox {
  readonly epoch = randomUUID();
  readonly #limits: OutboxLimits;
  readonly #monotonicMs: () => number;
  readonly #streams: Record<MessageClass, Map<string, Stream>> = {
    verdict: new Map(),
    map: new Map(),
    frame: new Map(),
  };
  readonly #inFlight = new Map<number, { readonly stream: Stream; readonly offer: Offer }>();
  readonly #bytes = perClass();
  readonly #waiting = perClass();
  readonly #stored = perClass();
  readonly #delivered = perClass();
  readonly #dropped = Object.fromEntries(DROP_REASONS.map((reason) => [reason, perClass()])) as Record<
    DropReason,
    PerClass
  >;
  #gapsAnnounced = 0;
  #gapsRefused = 0;
  #lastId = 0;
  #listener: () => void = () => {};

  constructor(limits: OutboxLimits = OUTBOX_LIMITS, monotonicMs: () => number = () => now().monotonicMs) {
    this.#limits = limits;
    this.#monotonicMs = monotonicMs;
  }

  get lastId(): number {
    return this.#lastId;
  }

  onOfferable(listener: () => void): void {
    this.#listener = listener;
  }

  store(draft: Draft): DeliveryIdentity {
    const { station, messageClass, topic, contentType, at } = draft;
    const stream = this.#stream(station, messageClass);
    const delivery = { epoch: this.epoch, stream: stream.name, seq: stream.nextSeq };
    const content = draft.write(delivery);
    // Only now: a draft that throws must not leave a hole in its stream.
    stream.nextSeq++;
    const message = {
      kind: 'message',
      id: ++this.#lastId,
      station,
      messageClass,
      topic,
      contentType,
      delivery,
      at,
    } as const;
    this.#stored[messageClass]++;
    this.#append(stream, { ...message, ...content });
    this.#listener();
    return delivery;
  }

  next(): Offer | null {
    this.#dropAged();
    for (const messageClass of MESSAGE_CLASSES) {
      let oldest: Stream | null = null;
      for (const stream of this.#streams[messageClass].values()) {
        const id = stream.pending.first()?.id;
        if (id !== undefined && id < (oldest?.pending.first()?.id ?? Number.POSITIVE_INFINITY)) oldest = stream;
      }
      const offer = oldest?.pending.shift();
      if (oldest && offer) {
        this.#inFlight.set(offer.id, { stream: oldest, offer });
        return offer;
      }
    }
    return null;
  }

  acknowledge(id: number): void {
    const offer = this.#land(id)?.offer;
    if (offer?.kind === 'gap') this.#gapsAnnounced++;
    if (offer?.kind === 'message') {
      this.#release(offer);
      this.#delivered[offer.messageClass]++;
    }
  }

  reject(id: number, reason: DropReason): void {
    const landed = this.#land(id);
    if (!landed) return;
    if (landed.offer.kind === 'gap') {
      this.#gapsRefused++;
      return;
    }
    prepend(landed.stream.pending, [this.#toGap(landed.offer, reason)]);
    this.#listener();
  }

  rewind(): void {
    const byStream = new Map<Stream, Offer[]>();
    for (const { stream, offer } of this.#inFlight.values()) {
      const offers = byStream.get(stream) ?? [];
      offers.push(offer);
      byStream.set(stream, offers);
    }
    this.#inFlight.clear();
    for (const [{ pending }, offers] of byStream) {
      const newest = Math.max(...offers.map((offer) => offer.id));
      // A gap that took the place of something in flight already waits here, ahead of what was sent after it.
      for (let head = pending.first(); head && head.id < newest; head = pending.first()) {
        offers.push(head);
        pending.shift();
      }
      prepend(
        pending,
        offers.sort((a, b) => a.id - b.id),
      );
    }
    this.#dropOverBounds();
    this.#listener();
  }

  counters(): OutboxCounters {
    return structuredClone({
      waiting: this.#waiting,
      waitingBytes: sum(this.#bytes),
      inFlight: this.#inFlight.size,
      stored: this.#stored,
      delivered: this.#delivered,
      dropped: this.#dropped,
      gapsAnnounced: this.#gapsAnnounced,
      gapsRefused: this.#gapsRefused,
    });
  }

  oldestAgeMs(): PerClass {
    const ages = perClass();
    const at = this.#monotonicMs();
    for (const messageClass of MESSAGE_CLASSES) {
      for (const { pending } of this.#streams[messageClass].values()) {
        const oldest = firstMessage(pending);
        if (oldest) ages[messageClass] = Math.max(ages[messageClass], at - oldest.at.monotonicMs);
      }
    }
    return ages;
  }

  async close(): Promise<void> {
    this.#listener = () => {};
  }

  #stream(station: string, messageClass: MessageClass): Stream {
    const streams = this.#streams[messageClass];
    let stream = streams.get(station);
    if (!stream) {
      stream = { name: `${station}/${messageClass}`, messageClass, nextSeq: 0, pending: new Deque() };
      streams.set(station, stream);
    }
    return stream;
  }

  #append(stream: Stream, message: StoredMessage): void {
    const { messageClass } = message;
    this.#waiting[messageClass]++;
    this.#bytes[messageClass] += footprint(message);
    const most = Math.min(this.#limits.classes[messageClass].maxBytes, this.#limits.maxBytes);
    if (footprint(message) > most) {
      // It would push out everything before it and then have no room itself.
      append(stream.pending, this.#toGap(message, 'bytes'));
      return;
    }
    stream.pending.push(message);
    this.#dropAged();
    this.#dropOverBounds();
  }

  #land(id: number): { readonly stream: Stream; readonly offer: Offer } | undefined {
    const landed = this.#inFlight.get(id);
    this.#inFlight.delete(id);
    return landed;
  }

  #release(message: StoredMessage): void {
    this.#waiting[message.messageClass]--;
    this.#bytes[message.messageClass] -= footprint(message);
  }

  #dropOverBounds(): void {
    for (const messageClass of MESSAGE_CLASSES) {
      const { maxBytes } = this.#limits.classes[messageClass];
      while (this.#bytes[messageClass] > maxBytes && this.#dropOldest(messageClass, 'bytes'));
    }
    for (const messageClass of MESSAGE_CLASSES.toReversed()) {
      while (sum(this.#bytes) > this.#limits.maxBytes && this.#dropOldest(messageClass, 'bytes'));
    }
  }

  #dropAged(): void {
    const at = this.#monotonicMs();
    for (const messageClass of MESSAGE_CLASSES) {
      const bornBefore = at - this.#limits.classes[messageClass].maxAgeMs;
      while (this.#dropOldest(messageClass, 'age', bornBefore));
    }
  }

  /** Drops the oldest message of a class that is not in flight, if it is old enough. Returns whether one was dropped. */
  #dropOldest(messageClass: MessageClass, reason: DropReason, bornBefore = Number.POSITIVE_INFINITY): boolean {
    let oldest: { readonly stream: Stream; readonly message: StoredMessage } | null = null;
    for (const stream of this.#streams[messageClass].values()) {
      const message = firstMessage(stream.pending);
      if (message && message.id < (oldest?.message.id ?? Number.POSITIVE_INFINITY)) oldest = { stream, message };
    }
    if (!oldest || oldest.message.at.monotonicMs >= bornBefore) return false;
    const { pending } = oldest.stream;
    const ahead: Offer[] = [];
    for (let head = pending.shift(); head; head = pending.shift()) {
      if (head.kind === 'message') {
        ahead.push(this.#toGap(head, reason));
        break;
      }
      ahead.push(head);
    }
    prepend(pending, ahead);
    return true;
  }

  #toGap(message: StoredMessage, reason: DropReason): Gap {
    this.#release(message);
    this.#dropped[reason][message.messageClass]++;
    const { id, station, delivery, at } = message;
    return {
      kind: 'gap',
      id,
      station,
      epoch: delivery.epoch,
      stream: delivery.stream,
      firstSeq: delivery.seq,
      lastSeq: delivery.seq,
      bytes: message.payload.byteLength,
      reasons: { age: 0, bytes: 0, tooLarge: 0, refused: 0, [reason]: 1 },
      first: at,
      last: at,
    };
  }
}

function perClass(): PerClass {
  return { verdict: 0, map: 0, frame: 0 };
}

function sum(values: PerClass): number {
  return values.verdict + values.map + values.frame;
}

/** The first message of a queue; at most a window of gaps stands before it. */
function firstMessage(pending: Deque<Offer>): StoredMessage | null {
  return pending.find((offer) => offer.kind === 'message') as StoredMessage | null;
}

/** Puts offers, which are in order, before the others. */
function prepend(pending: Deque<Offer>, offers: readonly Offer[]): void {
  for (const offer of offers.toReversed()) {
    const after = pending.first();
    const merged = after && merge(offer, after);
    if (merged) pending.shift();
    pending.unshift(merged ?? offer);
  }
}

function append(pending: Deque<Offer>, offer: Offer): void {
  const before = pending.last();
  const merged = before && merge(before, offer);
  if (merged) pending.pop();
  pending.push(merged ?? offer);
}

/** One gap out of two that follow each other; null where they do not. */
function merge(before: Offer, after: Offer): Gap | null {
  if (before.kind !== 'gap' || after.kind !== 'gap' || before.lastSeq + 1 !== after.firstSeq) return null;
  const reasons = { ...before.reasons };
  for (const reason of DROP_REASONS) reasons[reason] += after.reasons[reason];
  return { ...before, lastSeq: after.lastSeq, bytes: before.bytes + after.bytes, reasons, last: after.last };
}
