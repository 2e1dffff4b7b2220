import { setTimeout as wait } from 'node:timers/promises';
import { SideglanceError } from '../../../src/errors.js';
import { type OutboxOptions, openOutbox } from '../../../src/publish/outbox/open.js';
import type { Outbox } from '../../../src/publish/outbox/outbox.js';
import type { MessageClass, Offer } from '../../../src/publish/outbox/types.js';

export const PAYLOAD_BYTES = 1000;

/** On a busy disk an outbox that was closed may still hold its folder: its end is bounded in time, and its last sync is not. */
export async function openWhenFree(options: OutboxOptions): Promise<Outbox> {
  for (const giveUpAt = performance.now() + 60_000; ; ) {
    try {
      return await openOutbox(options);
    } catch (thrown) {
      const isHeld = thrown instanceof SideglanceError && thrown.code === 'SG_STORAGE_IN_USE';
      if (!isHeld || performance.now() > giveUpAt) throw thrown;
      await wait(20);
    }
  }
}

/** Stores a message of so many bytes. */
export function put(outbox: Outbox, messageClass: MessageClass, station = 'top', bytes = PAYLOAD_BYTES) {
  return outbox.store({
    station,
    messageClass,
    topic: `${station}/${messageClass}`,
    contentType: 'application/octet-stream',
    at: { utc: '2025-03-01T06:15:00.250Z', monotonicMs: 81_234.5 },
    write: ({ epoch, stream, seq }) => {
      const payload = new Uint8Array(bytes);
      Buffer.from(payload.buffer).write(`${epoch} ${stream} ${seq}`);
      return { payload, properties: { seq: String(seq) } };
    },
  });
}

export function label(offer: Offer | null): string {
  if (!offer) return '-';
  if (offer.kind === 'message') return `${offer.delivery.stream} ${offer.delivery.seq}`;
  return `${offer.stream} gap ${offer.firstSeq}-${offer.lastSeq}`;
}

/** Takes and acknowledges everything that is offered. */
export function takeAll(outbox: Outbox): string[] {
  const labels: string[] = [];
  for (let offer = outbox.next(); offer; offer = outbox.next()) {
    labels.push(label(offer));
    outbox.acknowledge(offer.id);
  }
  return labels;
}

/** A small generator with a seed, so that a failure can be repeated. */
export function dice(seed: number): (sides: number) => number {
  let state = seed >>> 0;
  return (sides) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
}
