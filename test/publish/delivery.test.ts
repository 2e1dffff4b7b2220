import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { type EmbeddedBroker, startEmbeddedBroker } from '../../src/publish/broker.js';
import { type GapMessage, gapSchema, type InspectionMessage, type StatusMessage } from '../../src/publish/messages.js';
import { Outbox } from '../../src/publish/outbox/outbox.js';
import { inspection, mapOf, publisherFor, reach } from './support/inspections.js';
import { startMosquitto, withoutMosquitto } from './support/mosquitto.js';
import { Subscriber } from './support/subscriber.js';
import { startTcpProxy } from './support/tcp-proxy.js';

const skip = withoutMosquitto;
const STRICT = { order: 'strict', replayPerSecond: null } as const;

function verdicts(subscriber: Subscriber): InspectionMessage[] {
  return subscriber.on('/inspection').map((message) => message.json<InspectionMessage>());
}

function gaps(subscriber: Subscriber): GapMessage[] {
  return subscriber.on('/gap').map((message) => gapSchema.parse(message.json()));
}

/** What docs/mqtt.md tells a consumer to do: drop what it has seen, report what is missing. */
class Consumer {
  readonly parts: number[] = [];
  duplicates = 0;
  readonly #next = new Map<string, number>();
  readonly #missing = new Set<string>();

  take(message: InspectionMessage): void {
    const { epoch, stream, seq } = message.delivery;
    const key = `${epoch} ${stream}`;
    const next = this.#next.get(key) ?? 0;
    if (seq < next && !this.#missing.delete(`${key} ${seq}`)) {
      this.duplicates++;
      return;
    }
    for (let lost = next; lost < seq; lost++) this.#missing.add(`${key} ${lost}`);
    this.#next.set(key, Math.max(next, seq + 1));
    this.parts.push(message.part.sequence);
  }

  get missing(): number {
    return this.#missing.size;
  }
}

const numbers = (count: number) => Array.from({ length: count }, (_, at) => at);

test('a broker that is killed in mid-stream and comes back: nothing lost, in order, duplicates recognisable', {
  skip,
}, async () => {
  const broker = await startMosquitto();
  const proxy = await startTcpProxy(broker.port);
  const subscriber = await Subscriber.open(broker.url);
  const publisher = publisherFor(proxy.url, { outbox: new Outbox(STRICT) });
  publisher.start();
  await reach(publisher, 'online');
  const total = 300;
  for (const at of numbers(total)) {
    publisher.publishInspection(inspection(at), []);
    if (at % 10 === 9) await wait(1);
    if (at === 150) await reach(publisher, 'online');
    if (at === 99 || at === 199) {
      await broker.kill();
      proxy.block();
      await broker.start();
      await subscriber.back();
      proxy.mend();
    }
  }
  await subscriber.until('the last verdict', () => verdicts(subscriber).at(-1)?.part.sequence === total - 1, 20_000);
  const consumer = new Consumer();
  for (const message of verdicts(subscriber)) consumer.take(message);
  assert.deepEqual(consumer.parts, numbers(total));
  assert.equal(consumer.missing, 0);
  assert.ok(
    verdicts(subscriber).some(({ stored }) => stored),
    'nothing was marked as stored',
  );
  assert.deepEqual(gaps(subscriber), []);
  assert.equal(publisher.counters().connections, 3);
  await publisher.stop();
  await subscriber.close();
  await proxy.close();
  await broker.stop();
});

test('a connection that is cut again and again: what is sent twice has the same identity, and the order holds', async () => {
  const broker = await startEmbeddedBroker({ port: 0 });
  const proxy = await startTcpProxy(broker.port);
  const subscriber = await Subscriber.open(broker.url, 4);
  const publisher = publisherFor(proxy.url, {
    mqtt: { url: proxy.url, protocolVersion: 4 },
    outbox: new Outbox(STRICT),
  });
  publisher.start();
  const total = 400;
  for (const at of numbers(total)) {
    publisher.publishInspection(inspection(at, at % 2 ? 'top' : 'side'), []);
    if (at % 100 === 50) {
      await reach(publisher, 'online');
      proxy.cut();
    }
    await wait(0);
  }
  const lastOf = (station: string, sequence: number) => () =>
    verdicts(subscriber).some(({ part }) => part.station === station && part.sequence === sequence);
  await subscriber.until('the last of top', lastOf('top', total - 1), 20_000);
  await subscriber.until('the last of side', lastOf('side', total - 2));
  for (const [station, odd] of [
    ['top', 1],
    ['side', 0],
  ] as const) {
    const consumer = new Consumer();
    for (const message of verdicts(subscriber)) if (message.station === station) consumer.take(message);
    assert.deepEqual(
      consumer.parts,
      numbers(total).filter((at) => at % 2 === odd),
    );
  }
  await publisher.stop();
  await subscriber.close();
  await proxy.close();
  await broker.stop();
});

test('what waited for the broker keeps its first time and is marked as stored; what comes live is not', async () => {
  const broker = await startEmbeddedBroker({ port: 0 });
  const proxy = await startTcpProxy(broker.port);
  const subscriber = await Subscriber.open(broker.url, 4);
  proxy.block();
  const publisher = publisherFor(proxy.url);
  publisher.start();
  await reach(publisher, 'offline');
  publisher.publishInspection(inspection(0), []);
  const made = Date.now();
  await wait(30);
  proxy.mend();
  await reach(publisher, 'online');
  await subscriber.until('the late verdict', () => verdicts(subscriber).length === 1);
  publisher.publishInspection(inspection(1), []);
  await subscriber.until('the live verdict', () => verdicts(subscriber).length === 2);
  const [late, live] = verdicts(subscriber);
  assert.deepEqual([late?.stored, live?.stored], [true, false]);
  assert.ok(Date.parse(late?.published.utc ?? '') <= made);
  assert.deepEqual(late?.captured, inspection(0).captured);
  await publisher.stop();
  await subscriber.close();
  await proxy.close();
  await broker.stop();
});

async function longOutage(broker: EmbeddedBroker, maxBytes: number, parts: number) {
  const proxy = await startTcpProxy(broker.port);
  proxy.block();
  const subscriber = await Subscriber.open(broker.url, 4);
  const outbox = new Outbox({ maxBytes, replayPerSecond: null });
  const publisher = publisherFor(proxy.url, {
    mqtt: { url: proxy.url, protocolVersion: 4 },
    outbox,
    limits: { drainMs: 10_000 },
  });
  publisher.start();
  const map = await mapOf('face', 64, 7);
  for (const at of numbers(parts)) publisher.publishInspection(inspection(at), [map]);
  const during = publisher.counters();
  proxy.mend();
  await subscriber.until('the last verdict', () => verdicts(subscriber).at(-1)?.part.sequence === parts - 1);
  await publisher.stop();
  // The farewell is the last of all: what the subscriber has by now is all there is.
  await subscriber.until(
    'the farewell',
    () => subscriber.on('/status').at(-1)?.json<StatusMessage>().reason === 'stopped',
  );
  await proxy.close();
  return { during, subscriber };
}

test('an outage longer than the bounds: maps go before verdicts, and a gap record says which', async () => {
  const broker = await startEmbeddedBroker({ port: 0 });
  const { during, subscriber } = await longOutage(broker, 400_000, 100);
  assert.ok(during.waitingBytes <= 400_000);
  assert.equal(during.dropped.bytes.verdict, 0);
  assert.equal(verdicts(subscriber).length, 100);
  const dropped = during.dropped.bytes.map;
  assert.ok(dropped > 0);
  assert.equal(subscriber.on('/map').length, 100 - dropped);
  const [gap, ...more] = gaps(subscriber);
  assert.deepEqual(more, []);
  assert.deepEqual(
    [gap?.stream, gap?.firstSeq, gap?.lastSeq, gap?.messages, gap?.reasons.bytes],
    ['top/map', 0, dropped - 1, dropped, dropped],
  );
  const order = subscriber.received.map(({ topic }) => topic.split('/').at(-1));
  assert.ok(order.indexOf('gap') < order.indexOf('map'), 'the gap record does not stand in the place of what is gone');
  await subscriber.close();
  await broker.stop();
});

test('when there is not even room for verdicts, the oldest are announced as gone and the rest is contiguous', async () => {
  const broker = await startEmbeddedBroker({ port: 0 });
  const { during, subscriber } = await longOutage(broker, 60_000, 100);
  const dropped = during.dropped.bytes.verdict;
  assert.ok(dropped > 0);
  const gap = gaps(subscriber).find(({ stream }) => stream === 'top/verdict');
  assert.deepEqual([gap?.firstSeq, gap?.lastSeq], [0, dropped - 1]);
  const seqs = verdicts(subscriber).map(({ delivery }) => delivery.seq);
  assert.deepEqual(seqs, numbers(100).slice(dropped));
  await subscriber.close();
  await broker.stop();
});

test('maps that the broker refuses are announced and reported once; verdicts that it refuses are kept', {
  skip,
}, async () => {
  const users = { agent: 'a', scada: 's' };
  const everything = 'user scada\ntopic read sideglance/#\nuser agent\ntopic write sideglance/+/+/+/status';
  const gapsToo = 'topic write sideglance/+/+/+/+/gap';
  const conf = 'acl_file <folder>/acl';
  const noMaps = await startMosquitto({
    users,
    conf,
    files: { acl: `${everything}\n${gapsToo}\ntopic write sideglance/+/+/+/+/inspection\n` },
  });
  const scada = noMaps.url.replace('//', '//scada:s@');
  const subscriber = await Subscriber.open(scada);
  const agent = { username: 'agent', password: 'a' };
  const publisher = publisherFor(noMaps.url, { mqtt: { url: noMaps.url, ...agent } });
  const refused: string[] = [];
  publisher.on('refused', ({ message }) => refused.push(message));
  publisher.start();
  for (const at of numbers(5)) publisher.publishInspection(inspection(at), [await mapOf('face')]);
  const announced = () => gaps(subscriber).reduce((total, { messages }) => total + messages, 0);
  await subscriber.until('all five maps announced', () => announced() === 5 && verdicts(subscriber).length === 5);
  assert.equal(refused.length, 1);
  assert.match(refused[0] ?? '', /refuses sideglance.*\/top\/map .*access rules/);
  await publisher.stop();
  await subscriber.close();
  await noMaps.stop();

  const noVerdicts = await startMosquitto({ users, conf, files: { acl: `${everything}\n` } });
  const other = publisherFor(noVerdicts.url, { mqtt: { url: noVerdicts.url, ...agent } });
  other.start();
  await reach(other, 'online');
  other.publishInspection(inspection(0), []);
  const { reason, retryInMs } = await reach(other, 'offline');
  assert.match(reason, /refuses verdicts on .*inspection .*access rules/);
  assert.ok(retryInMs >= 200);
  assert.equal(other.counters().waiting.verdict, 1);
  assert.deepEqual(await other.stop(), { undelivered: 1 });
  await noVerdicts.stop();
});

test('a stop sends what is still in the store first', { skip }, async () => {
  const broker = await startMosquitto();
  const subscriber = await Subscriber.open(broker.url);
  const publisher = publisherFor(broker.url, { limits: { drainMs: 10_000 } });
  publisher.start();
  for (const at of numbers(500)) publisher.publishInspection(inspection(at), []);
  assert.deepEqual(await publisher.stop(), { undelivered: 0 });
  await subscriber.until('the farewell', () => subscriber.on('/status').length === 2);
  assert.equal(verdicts(subscriber).length, 500);
  assert.match(subscriber.received.at(-1)?.topic ?? '', /\/status$/);
  await subscriber.close();
  await broker.stop();
});
