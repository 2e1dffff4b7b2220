import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { Brokers } from '../../src/publish/brokers.js';
import type { InspectionMessage, StatusMessage } from '../../src/publish/messages.js';
import { Outbox } from '../../src/publish/outbox/outbox.js';
import { inspection, publisherFor, reach } from './support/inspections.js';
import { startMosquitto, withoutMosquitto } from './support/mosquitto.js';
import { Subscriber } from './support/subscriber.js';
import { startTcpProxy } from './support/tcp-proxy.js';

const skip = withoutMosquitto;
const STRICT = { order: 'strict', replayPerSecond: null } as const;
const SOON = { backoffMinMs: 20, backoffMaxMs: 100 };

function seqs(subscriber: Subscriber): number[] {
  return subscriber.on('/inspection').map((message) => message.json<InspectionMessage>().delivery.seq);
}

function states(subscriber: Subscriber): string[] {
  return subscriber.on('/status').map((message) => {
    const { state, reason } = message.json<StatusMessage>();
    return reason ? `${state}: ${reason}` : state;
  });
}

const numbers = (count: number) => Array.from({ length: count }, (_, at) => at);

test('the preferred broker goes and comes back: over to the next one and back, nothing lost, each stream in its order', {
  skip,
}, async () => {
  const [first, second] = [await startMosquitto(), await startMosquitto()];
  const proxy = await startTcpProxy(first.port);
  const [atFirst, atSecond] = [await Subscriber.open(first.url), await Subscriber.open(second.url)];
  const publisher = publisherFor(proxy.url, {
    mqtt: { url: proxy.url, fallbackUrls: [second.url], returnAfterSeconds: 0.3 },
    outbox: new Outbox(STRICT),
    limits: SOON,
  });
  const spoken: string[] = [];
  publisher.on('state', (state) => {
    if (state.state === 'online') spoken.push(state.broker);
  });
  publisher.start();
  await reach(publisher, 'online');
  const total = 1200;
  for (const at of numbers(total)) {
    publisher.publishInspection(inspection(at), []);
    if (at % 4 === 3) await wait(1);
    if (at === 300) proxy.block();
    if (at === 600) {
      await atSecond.until('verdicts at the second broker', () => seqs(atSecond).length > 0);
      proxy.mend();
      await atFirst.until('online at the first broker again', () => states(atFirst).at(-1) === 'online');
    }
  }
  await atFirst.until('the last verdict', () => seqs(atFirst).at(-1) === total - 1);
  assert.deepEqual(spoken, [proxy.url, second.url, proxy.url]);
  // What one broker has not acknowledged is sent again to the next one.
  const taken: number[] = [];
  const [before, after] = [seqs(atFirst).filter((seq) => seq <= 400), seqs(atFirst).filter((seq) => seq > 400)];
  for (const seq of [...before, ...seqs(atSecond), ...after]) if (!taken.includes(seq)) taken.push(seq);
  assert.deepEqual(taken, numbers(total));
  assert.deepEqual(states(atSecond), ['online', 'offline: moved']);
  assert.deepEqual(states(atFirst), ['online', 'offline: connection lost', 'online']);
  await publisher.stop();
  await Promise.all([atFirst.close(), atSecond.close()]);
  await proxy.close();
  await Promise.all([first.stop(), second.stop()]);
});

test('a preferred broker that takes the connection and then says nothing does not take us from one that works', {
  skip,
}, async () => {
  const [first, second] = [await startMosquitto(), await startMosquitto()];
  const proxy = await startTcpProxy(first.port);
  proxy.block();
  const publisher = publisherFor(proxy.url, {
    mqtt: { url: proxy.url, fallbackUrls: [second.url], returnAfterSeconds: 0.05 },
    limits: { ...SOON, connectTimeoutMs: 100 },
  });
  publisher.start();
  await reach(publisher, 'online');
  proxy.swallow();
  const subscriber = await Subscriber.open(second.url);
  for (const at of numbers(100)) {
    publisher.publishInspection(inspection(at), []);
    await wait(5);
  }
  await subscriber.until('all verdicts', () => seqs(subscriber).length === 100);
  assert.equal(publisher.counters().connections, 1);
  assert.ok(proxy.connections > 0, 'nobody has tried the preferred broker');
  proxy.mend();
  await subscriber.until('the farewell', () => states(subscriber).at(-1) === 'offline: moved');
  await reach(publisher, 'online');
  await publisher.stop();
  await subscriber.close();
  await proxy.close();
  await Promise.all([first.stop(), second.stop()]);
});

test('two addresses of one broker: to return takes the session over, and nothing is lost', { skip }, async () => {
  const broker = await startMosquitto();
  const proxy = await startTcpProxy(broker.port);
  proxy.block();
  const subscriber = await Subscriber.open(broker.url);
  const publisher = publisherFor(proxy.url, {
    mqtt: { url: proxy.url, fallbackUrls: [broker.url], returnAfterSeconds: 0.2 },
    outbox: new Outbox(STRICT),
    limits: SOON,
  });
  publisher.start();
  await reach(publisher, 'online');
  proxy.mend();
  for (const at of numbers(400)) {
    publisher.publishInspection(inspection(at), []);
    await wait(1);
  }
  await subscriber.until('the last verdict', () => seqs(subscriber).at(-1) === 399);
  assert.deepEqual([...new Set(seqs(subscriber))], numbers(400));
  const { state } = publisher;
  assert.equal(state.state === 'online' && state.broker, proxy.url);
  assert.equal(publisher.counters().connections, 2);
  assert.deepEqual(states(subscriber).at(-1), 'online');
  await publisher.stop();
  await subscriber.close();
  await proxy.close();
  await broker.stop();
});

test('a wrong password at one broker leads to the next one at once, and none is tried without a pause', async () => {
  const limits = { backoffMinMs: 10, backoffMaxMs: 100, slowRetryMs: 1000, stableAfterMs: 1000 };
  const brokers = new Brokers({ url: 'mqtt://a', fallbackUrls: ['mqtt://b', 'mqtt://c'] }, limits);
  const [a, b, c] = brokers.all;
  assert.ok(a && b && c);
  const fault = (retry: 'soon' | 'slowly') =>
    ({ error: a.noConnection(null).error, retry, wrongVersion: 'no', byBroker: false }) as const;
  assert.equal(brokers.next(a).broker, a);
  a.failed(fault('soon'), null);
  assert.equal(brokers.next(a).broker, a, 'one failure, which may have been a short loss, led away');
  a.failed(fault('slowly'), null);
  const over = brokers.next(a);
  assert.equal(over.broker, b);
  assert.ok(over.inMs <= 10);
  for (const broker of [b, c]) for (const _ of [1, 2, 3]) broker.failed(fault('soon'), null);
  const next = brokers.next(b);
  assert.notEqual(next.broker, a);
  assert.ok(next.inMs > 10);
});
