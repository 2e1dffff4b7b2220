import type { Timestamp } from '../../types.js';
import type { DeliveryIdentity } from '../messages.js';

/** In the order in which they are sent; they are dropped in the opposite order. */
export const MESSAGE_CLASSES = ['verdict', 'map', 'frame'] as const;
export type MessageClass = (typeof MESSAGE_CLASSES)[number];

/** Too old, no room, larger than the broker takes, refused by the broker, or damaged on the disk. */
export const DROP_REASONS = ['age', 'bytes', 'tooLarge', 'refused', 'unreadable'] as const;
export type DropReason = (typeof DROP_REASONS)[number];

/** A message that wants an identity. */
export interface Draft {
  readonly station: string;
  readonly messageClass: MessageClass;
  readonly topic: string;
  readonly contentType: string;
  readonly at: Timestamp;
  /** Writes the message once its identity is known; called before `store` returns, again should the identity change. */
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
  readonly storage: StorageCounters;
}

export interface StorageCounters {
  readonly kind: 'disk' | 'memory';
  readonly folder: string | null;
  /** What is wrong with it, in words; null when all is well. */
  readonly alarm: string | null;
  /** The epoch of messages that are made now. */
  readonly epoch: string;
  /** Messages that wait and that a power cut would take away, and how long the oldest has been waiting. */
  readonly unsynced: number;
  readonly unsyncedMs: number;
  /** Batches that were synced, the longest time that took, and what they wrote, in whole pages. */
  readonly syncs: number;
  readonly longestSyncMs: number;
  readonly bytesWritten: number;
  /** `bytesWritten` for each message that was taken in; null before the first. */
  readonly bytesPerMessage: number | null;
}

/** `every`: what is offered lies safely on the disk. `batched`: it survives the end of the process, and a power cut soon after. */
export type SyncMode = 'batched' | 'every';

export interface OutboxSettings {
  /** Of all classes together; over it frames go first, then maps, verdicts last, the oldest first. */
  readonly maxBytes: number;
  /** Of what is not on the disk (yet), by the same policy. */
  readonly maxMemoryBytes: number;
  /** Counts while the outbox is open: a clock that is set has no part in it. */
  readonly maxAgeMs: PerClass;
  readonly sync: SyncMode;
  /** `liveFirst`: what was made on this connection goes ahead of what waited for it. `strict`: each stream in its order. */
  readonly order: 'liveFirst' | 'strict';
  /** Messages that waited for the connection sent each second; null: as fast as they go. */
  readonly replayPerSecond: number | null;
}

const MIB = 1024 * 1024;
const HOUR_MS = 3_600_000;

export const OUTBOX_DEFAULTS: OutboxSettings = {
  maxBytes: 512 * MIB,
  maxMemoryBytes: 64 * MIB,
  maxAgeMs: { verdict: 7 * 24 * HOUR_MS, map: 24 * HOUR_MS, frame: HOUR_MS },
  sync: 'batched',
  order: 'liveFirst',
  replayPerSecond: 1000,
};

/** Counted for every message on top of its payload: topic, properties and the bookkeeping around it. */
const OVERHEAD_BYTES = 1024;

/** What a message counts for against the bounds. */
export function footprint(message: Content): number {
  return message.payload.byteLength + OVERHEAD_BYTES;
}
