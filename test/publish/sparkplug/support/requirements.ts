import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withoutMosquitto } from '../../support/mosquitto.js';
import type { DecodedMetric } from './decode.js';
import type { Life } from './scenario.js';
import type { Sent } from './wire-tap.js';

export type Published = Sent & { readonly payload: NonNullable<Sent['payload']>; readonly verb: string };

/** A test for each of the requirements, by their ids in the Sparkplug 3.0 specification, which one look answers. */
export function holds(ids: readonly `tck-id-${string}`[], look: () => void | Promise<void>): void {
  for (const id of ids) test(id, { skip: withoutMosquitto }, look);
}

/** Looks at every message of a kind, of which there must be one. */
export function every(messages: readonly Published[], look: (message: Published) => void): void {
  assert.ok(messages.length > 0, 'there is no such message');
  for (const message of messages) look(message);
}

/** tck: one more than the message before from this edge node, 0 after 255; NDEATH has none and NBIRTH begins anew. */
export function assertSeqFollows({ tap }: Life, verb: string): void {
  let last: Published | null = null;
  let looked = 0;
  for (const message of tap.published()) {
    if (message.verb === 'NDEATH') continue;
    if (message.verb === verb && last !== null && last.connection === message.connection) {
      assert.equal(message.payload.seq, ((last.payload.seq as number) + 1) % 256);
      looked++;
    }
    last = message;
  }
  assert.ok(looked > 0);
}

export function isRecent(timestamp: number | null): void {
  assert.ok(timestamp !== null && Math.abs(Date.now() - timestamp) < 600_000, `${timestamp} is not now in UTC`);
}

export function metric(message: Published, name: string): DecodedMetric {
  const found = message.payload.metrics.find((one) => one.name === name);
  assert.ok(found, `${message.verb} has no ${name}`);
  return found;
}

export const BIRTHS = ['NBIRTH', 'DBIRTH'] as const;
export const DATA = ['NDATA', 'DDATA'] as const;

export function published({ tap }: Life, verbs: readonly string[]): Published[] {
  return tap.published().filter(({ verb }) => verbs.includes(verb));
}

/** What a birth has announced, by alias, for every data message that follows it in its session. */
export function* dataWithBirth({ tap }: Life): Generator<{
  readonly message: Published;
  readonly announced: ReadonlyMap<number, DecodedMetric>;
}> {
  const births = new Map<string, ReadonlyMap<number, DecodedMetric>>();
  for (const message of tap.published()) {
    const whose = `${message.connection}/${message.device ?? ''}`;
    if (message.verb.endsWith('BIRTH')) {
      births.set(whose, new Map(message.payload.metrics.map((one) => [one.alias ?? -1, one])));
    } else if (message.verb.endsWith('DATA')) {
      const announced = births.get(whose);
      assert.ok(announced, `${message.verb} of ${message.device} without a birth`);
      yield { message, announced };
    }
  }
}
