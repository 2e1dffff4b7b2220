import type { Timestamp } from '../types.js';
import type { DeliveryIdentity } from './messages.js';

/**
 * The store between what was inspected and what the broker has acknowledged. It is the seam for a store on disk:
 * whoever publishes only ever stores; whoever sends only ever takes what `next` offers, in order per stream, and
 * answers with `acknowledge`, `reject` or `rewind`.
 */
export interface Outbox {
  /** New whenever the store starts anew; a store that survived keeps it. */
  readonly epoch: string;
  /**
   * Takes a message in under the next identity of its stream; it is offered once it is safely stored. It may be
   * dropped at once where a bound says so; a gap record then stands in its place.
   */
  store(draft: Draft): DeliveryIdentity;
  /** The next thing to send, now in flight: oldest first, verdicts before maps before frames. Null: nothing to send. */
  next(): Offer | null;
  /** The broker has it: forget it. */
  acknowledge(id: number): void;
  /** It can never be delivered: a gap record takes its place. */
  reject(id: number, reason: DropReason): void;
  /** The connection is gone: everything in flight will be offered again, in its old order. */
  rewind(): void;
  /** Id of what was stored last; ids only grow. What is at or below it when a connection comes up is late. */
  readonly lastId: number;
  /** Calls `listener` whenever `next` may have something new. */
  onOfferable(listener: () => void): void;
  counters(): OutboxCounters;
  /** How long the oldest message of each class has waited that is not in flight; 0 where none waits. */
  oldestAgeMs(): PerClass;
  close(): Promise<void>;
}

/** In the order in which they are sent; they are dropped in the opposite order. */
export const MESSAGE_CLASSES = ['verdict', 'map', 'frame'] as const;
export type MessageClass = (typeof MESSAGE_CLASSES)[number];

/** Too old, no room, larger than the broker takes, or refused by the broker. */
export const DROP_REASONS = ['age', 'bytes', 'tooLarge', 'refused'] as const;
export type DropReason = (typeof DROP_REASONS)[number];

/** A message that wants an identity. */
export interface Draft {
  readonly station: string;
  readonly messageClass: MessageClass;
  readonly topic: string;
  readonly contentType: string;
  readonly at: Timestamp;
  /** Writes the message once its identity is known; called exactly once, before `store` returns. */
  write(delivery: DeliveryIdentity): Content;
}

export interface Content {
  readonly payload: Uint8Array;
  /** MQTT 5 user properties. */
  readonly properties: Readonly<Record<string, string>> | null;
}

export interface StoredMessage extends Content {
  readonly kind: 'message';
  readonly id: number;
  readonly station: string;
  readonly messageClass: MessageClass;
  readonly topic: string;
  readonly contentType: string;
  readonly delivery: DeliveryIdentity;
  readonly at: Timestamp;
}

/** Stands where messages were dropped. */
export interface Gap {
  readonly kind: 'gap';
  readonly id: number;
  readonly station: string;
  readonly epoch: string;
  readonly stream: string;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly bytes: number;
  readonly reasons: Readonly<Record<DropReason, number>>;
  readonly first: Timestamp;
  readonly last: Timestamp;
}

export type Offer = StoredMessage | Gap;

export type PerClass = Record<MessageClass, number>;

export interface OutboxCounters {
  /** Messages that wait or are in flight. */
  readonly waiting: PerClass;
  readonly waitingBytes: number;
  readonly inFlight: number;
  /** Messages taken in, acknowledged, dropped; all since the start. */
  readonly stored: PerClass;
  readonly delivered: PerClass;
  readonly dropped: Record<DropReason, PerClass>;
  /** Gap records acknowledged, and gap records that the broker refused. */
  readonly gapsAnnounced: number;
  readonly gapsRefused: number;
}

export interface OutboxLimits {
  /** Of all classes together; over it frames go first, then maps, verdicts last, the oldest first. */
  readonly maxBytes: number;
  readonly classes: Record<MessageClass, { readonly maxBytes: number; readonly maxAgeMs: number }>;
}

const MIB = 1024 * 1024;
const MINUTE_MS = 60_000;

export const OUTBOX_LIMITS: OutboxLimits = {
  maxBytes: 64 * MIB,
  classes: {
    verdict: { maxBytes: 32 * MIB, maxAgeMs: 24 * 60 * MINUTE_MS },
    map: { maxBytes: 32 * MIB, maxAgeMs: 60 * MINUTE_MS },
    frame: { maxBytes: 16 * MIB, maxAgeMs: 15 * MINUTE_MS },
  },
};

/** Counted for every message on top of its payload: topic, properties and the bookkeeping around it. */
const OVERHEAD_BYTES = 1024;

/** What a message counts for against the bounds. */
export function footprint(message: Content): number {
  return message.payload.byteLength + OVERHEAD_BYTES;
}
