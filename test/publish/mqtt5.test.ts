import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { connect as connectMqtt } from 'mqtt';
import type { StatusMessage } from '../../src/publish/messages.js';
import type { SessionOptions } from '../../src/publish/options.js';
import { Outbox } from '../../src/publish/outbox/outbox.js';
import { DEVICE, inspection, mapOf, publisherFor, ROOT, reach } from './support/inspections.js';
import { startMosquitto, withoutMosquitto } from './support/mosquitto.js';
import { Subscriber } from './support/subscriber.js';
import { startTcpProxy } from './support/tcp-proxy.js';

const skip = withoutMosquitto;

function states(subscriber: Subscriber): string[] {
  return subscriber.on('/status').map((message) => {
    const { state, reason } = message.json<StatusMessage>();
    return reason ? `${state}: ${reason}` : state;
  });
}

test('a message says to the broker how long it is of use: what is left of the age of its class', { skip }, async () => {
  const broker = await startMosquitto();
  const subscriber = await Subscriber.open(broker.url);
  let nowMs = 0;
  const hours = (count: number) => count * 3_600_000;
  const maxAgeMs = { verdict: hours(48), map: hours(10), frame: hours(5) };
  const publisher = publisherFor(broker.url, { outbox: new Outbox({ maxAgeMs }, [], () => nowMs) });
  publisher.publishInspection(inspection(0), [await mapOf('face')]);
  nowMs += hours(4);
  publisher.publishInspection(inspection(1), [await mapOf('face')]);
  publisher.start();
  const all = () => subscriber.on('/inspection').length === 2 && subscriber.on('/map').length === 2;
  await subscriber.until('everything', all);
  // The broker counts down from when it got them.
  const near = (seconds: number | undefined, expected: number) =>
    assert.ok(seconds !== undefined && seconds <= expected && seconds > expected - 60, `${seconds}, not ${expected}`);
  const expiries = (end: string) => subscriber.on(end).map(({ expirySeconds }) => expirySeconds);
  near(expiries('/inspection')[0], 44 * 3600);
  near(expiries('/inspection')[1], 48 * 3600);
  near(expiries('/map')[0], 6 * 3600);
  near(expiries('/map')[1], 10 * 3600);
  assert.deepEqual(expiries('/status'), [undefined], 'a value has no age');
  await publisher.stop();
  await subscriber.close();
  await broker.stop();
});

/** Connects under the device's client id. Returns whether the broker has kept its session. */
async function visit(url: string, session: SessionOptions): Promise<boolean> {
  const client = connectMqtt(url, {
    protocolVersion: 5,
    clientId: `sideglance-${DEVICE.site}-${DEVICE.line}-${DEVICE.name}`,
    clean: session.cleanStart,
    reconnectPeriod: 0,
    properties: { sessionExpiryInterval: session.expirySeconds },
  });
  const sessionPresent = await new Promise<boolean>((done, failed) => {
    client.once('connect', (connack) => done(connack.sessionPresent));
    client.once('error', failed);
  });
  await client.endAsync();
  return sessionPresent;
}

test('the broker keeps the session where the configuration says so, and only there', { skip }, async () => {
  const broker = await startMosquitto();
  const look = { cleanStart: false, expirySeconds: 600, willDelaySeconds: 0 };
  for (const [session, isKept] of [
    [undefined, false],
    [{ cleanStart: false, expirySeconds: 60, willDelaySeconds: 0 }, true],
    [{ cleanStart: true, expirySeconds: 0, willDelaySeconds: 0 }, false],
    [{ cleanStart: true, expirySeconds: 60, willDelaySeconds: 0 }, true],
  ] as const) {
    const publisher = publisherFor(broker.url, { mqtt: { url: broker.url, session } });
    publisher.start();
    await reach(publisher, 'online');
    await publisher.stop();
    assert.equal(await visit(broker.url, look), isKept, JSON.stringify(session));
  }
  await broker.stop();
});

test('a session that is kept does not make anything come twice or out of order', { skip }, async () => {
  const broker = await startMosquitto();
  const proxy = await startTcpProxy(broker.port);
  const subscriber = await Subscriber.open(broker.url);
  const session = { cleanStart: false, expirySeconds: 60, willDelaySeconds: 0 };
  const outbox = new Outbox({ order: 'strict', replayPerSecond: null });
  const publisher = publisherFor(proxy.url, { mqtt: { url: proxy.url, session }, outbox });
  publisher.start();
  for (let at = 0; at < 200; at++) {
    publisher.publishInspection(inspection(at), []);
    if (at % 50 === 25) {
      await reach(publisher, 'online');
      proxy.cut();
    }
  }
  const seqs = () =>
    subscriber.on('/inspection').map((message) => message.json<{ delivery: { seq: number } }>().delivery.seq);
  await subscriber.until('all', () => new Set(seqs()).size === 200);
  assert.deepEqual(
    [...new Set(seqs())],
    Array.from({ length: 200 }, (_, at) => at),
  );
  await publisher.stop();
  await Promise.all([subscriber.close(), proxy.close()]);
  await broker.stop();
});

test('a loss shorter than the delay of the last will raises no alarm, a longer one does', { skip }, async () => {
  const broker = await startMosquitto();
  const proxy = await startTcpProxy(broker.port);
  const subscriber = await Subscriber.open(broker.url);
  const session = { cleanStart: false, expirySeconds: 60, willDelaySeconds: 2 };
  const publisher = publisherFor(proxy.url, { mqtt: { url: proxy.url, session } });
  publisher.start();
  await reach(publisher, 'online');
  proxy.cut();
  await subscriber.until('online again', () => states(subscriber).length === 2);
  assert.deepEqual(states(subscriber), ['online', 'online']);
  proxy.block();
  await subscriber.until('the will', () => states(subscriber).length === 3);
  assert.deepEqual(states(subscriber)[2], 'offline: connection lost');
  proxy.mend();
  await reach(publisher, 'online');
  await publisher.stop();
  await Promise.all([subscriber.close(), proxy.close()]);
  await broker.stop();
});

test('what MQTT.js sends when it connects: the session, the will and its delay (MQTT 5 §3.1)', async () => {
  const hellos: Buffer[] = [];
  const listener = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', (hello) => {
      hellos.push(hello);
      socket.destroy();
    });
  }).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  const url = `mqtt://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
  const session = { cleanStart: false, expirySeconds: 3600, willDelaySeconds: 30 };
  const publisher = publisherFor(url, { mqtt: { url, session, keepaliveSeconds: 120 } });
  publisher.start();
  await reach(publisher, 'offline');
  await publisher.stop();
  listener.close();
  const [hello] = hellos;
  assert.ok(hello);
  const at = hello.indexOf('MQTT') + 4;
  assert.equal(hello[at], 5);
  // Will flag, will QoS 1, will retain; no clean start.
  assert.equal(hello[at + 1], 0b0010_1100);
  assert.equal(hello.readUInt16BE(at + 2), 120);
  const has = (...bytes: number[]) => hello.includes(Buffer.from(bytes));
  // 0x11 session expiry interval, 0x18 will delay interval, as four bytes each.
  assert.ok(has(0x11, 0, 0, 0x0e, 0x10));
  assert.ok(has(0x18, 0, 0, 0, 30));
  assert.ok(hello.includes(`${ROOT}/status`));
});
