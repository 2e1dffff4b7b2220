import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { runInNewContext } from 'node:vm';
import type { InspectionMessage } from '../../src/publish/messages.js';
import { EXAMPLES, recorded } from './support.js';

interface FlowNode {
  readonly id: string;
  readonly type: string;
  readonly z?: string;
  readonly func?: string;
  readonly broker?: string;
  readonly outputs?: number;
  readonly rules?: readonly unknown[];
  readonly wires?: readonly (readonly string[])[];
}
interface Message {
  topic?: string;
  payload: unknown;
}

const flow = JSON.parse(readFileSync(join(EXAMPLES, 'node-red/flow.json'), 'utf8')) as FlowNode[];
const nodes = new Map(flow.map((node) => [node.id, node]));

/** A function node as Node-RED runs it, with a context that lasts. */
function functionNode(id: string): (message: Message) => (Message | null)[] {
  const kept = new Map<string, unknown>();
  const context = { get: (key: string) => kept.get(key), set: (key: string, value: unknown) => kept.set(key, value) };
  return (msg) => {
    const code = `(function (msg, context) {\n${nodes.get(id)?.func}\n})`;
    const result = (runInNewContext(code) as (...args: unknown[]) => unknown)(structuredClone(msg), context);
    // From another realm.
    return JSON.parse(JSON.stringify(Array.isArray(result) ? result : [result])) as (Message | null)[];
  };
}

test('the flow can be imported: ids are unique, wires and brokers lead to nodes, outputs are all wired', () => {
  assert.equal(nodes.size, flow.length);
  for (const { id, type, z, broker, wires, outputs } of flow) {
    if (wires === undefined) continue;
    assert.equal(nodes.get(z ?? '')?.type, 'tab', id);
    for (const target of wires.flat()) assert.equal(nodes.get(target)?.z, z, `${id} → ${target}`);
    if (outputs !== undefined) assert.equal(wires.length, outputs, id);
    if (type.startsWith('mqtt')) assert.equal(nodes.get(broker ?? '')?.type, 'mqtt-broker', id);
  }
});

test('a verdict passes once, however often it is delivered, and a hole is an alarm until it is filled', () => {
  const once = functionNode('sg-once');
  const outcomes = (messages: readonly InspectionMessage[]) =>
    messages.map((payload) => {
      const [verdict, alarm] = once({ payload });
      const seq = (verdict?.payload as InspectionMessage | undefined)?.delivery.seq ?? null;
      return alarm ? [seq, alarm.payload] : seq;
    });
  const hole = { alarm: 'missing', first: 9, last: 10 };
  assert.deepEqual(outcomes([7, 8, 8, 11, 9, 9, 12].map((seq) => recorded(seq))), [
    7,
    8,
    null,
    [11, hole],
    9,
    null,
    12,
  ]);
  const anew = (seq: number) => {
    const message = recorded(seq);
    return { ...message, delivery: { ...message.delivery, epoch: 'another' } };
  };
  assert.deepEqual(outcomes([anew(0), anew(0), anew(2)]), [0, null, [2, { alarm: 'missing', first: 1, last: 1 }]]);
});

test('a stream that jumps far keeps no more than its newest holes', () => {
  const once = functionNode('sg-once');
  once({ payload: recorded(0) });
  assert.deepEqual(once({ payload: recorded(10_000_000) })[1]?.payload, {
    alarm: 'missing',
    first: 1,
    last: 9_999_999,
  });
  assert.equal(once({ payload: recorded(9_999_999) }).length, 2);
});

test('a reject is told in short, with its defects in frame pixels', () => {
  const [message] = functionNode('sg-short')({ payload: recorded(7) });
  assert.equal(message?.topic, 'rejects/ulm/press-3/edge-1/top');
  assert.deepEqual(message?.payload, {
    part: { station: 'top', epoch: '5f0c2a7e-station', sequence: 7 },
    at: '2025-03-01T06:15:00.250Z',
    verdict: 'fail',
    reason: null,
    defects: [{ region: 'face', kind: 'position', x: 384, y: 400, width: 48, height: 16 }],
  });
  const [lost] = functionNode('sg-short')({
    payload: recorded(8, { verdict: 'invalid', reason: 'station lost', regions: [] }),
  });
  assert.deepEqual((lost?.payload as { defects: unknown } | undefined)?.defects, []);
});
