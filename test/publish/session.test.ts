import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { SideglanceError } from '../../src/errors.js';
import { startEmbeddedBroker } from '../../src/publish/broker.js';
import type { StatusMessage } from '../../src/publish/messages.js';
import { inspection, publisherFor, reach } from './support/inspections.js';
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

test('MQTT 5 is spoken where the broker speaks it, 3.1.1 where it is asked for', { skip }, async () => {
  const broker = await startMosquitto();
  for (const protocolVersion of [undefined, 5, 4] as const) {
    const publisher = publisherFor(broker.url, { mqtt: { url: broker.url, protocolVersion } });
    publisher.start();
    const { protocolVersion: spoken } = await reach(publisher, 'online');
    assert.equal(spoken, protocolVersion ?? 5);
    assert.equal(publisher.counters().protocol, spoken === 5 ? '5' : '3.1.1');
    await publisher.stop();
  }
  await broker.stop();
});

test('a broker of MQTT 3.1.1 only is spoken to in 3.1.1 at the second attempt, without a wait', async () => {
  const broker = await startEmbeddedBroker({ port: 0 });
  const publisher = publisherFor(broker.url, { limits: { backoffMinMs: 60_000, backoffMaxMs: 60_000 } });
  publisher.start();
  const { protocolVersion } = await reach(publisher, 'online');
  assert.equal(protocolVersion, 4);
  await publisher.stop();
  await broker.stop();
});

test('a broker that closes on MQTT 5 without a word is spoken to in 3.1.1', async () => {
  const broker = await startEmbeddedBroker({ port: 0 });
  const rude = createServer((near) => {
    near.on('error', () => {});
    near.once('data', (hello) => {
      if (hello[hello.indexOf('MQTT') + 4] === 5) {
        near.destroy();
        return;
      }
      const far = connect(broker.port, '127.0.0.1');
      far.on('error', () => {});
      far.write(hello);
      near.pipe(far).pipe(near);
    });
  }).listen(0, '127.0.0.1');
  await once(rude, 'listening');
  const address = rude.address();
  const publisher = publisherFor(`mqtt://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`);
  publisher.start();
  assert.equal((await reach(publisher, 'online')).protocolVersion, 4);
  await publisher.stop();
  await broker.stop();
  await new Promise<void>((done) => rude.close(() => done()));
});

test('an outage in which connections are closed without a word does not lead away from MQTT 5', { skip }, async () => {
  const broker = await startMosquitto();
  const proxy = await startTcpProxy(broker.port);
  const publisher = publisherFor(proxy.url);
  publisher.start();
  await reach(publisher, 'online');
  proxy.block();
  for (let attempt = 0; attempt < 3; attempt++) {
    await reach(publisher, 'offline');
    await reach(publisher, 'connecting');
  }
  await reach(publisher, 'offline');
  proxy.mend();
  assert.equal((await reach(publisher, 'online')).protocolVersion, 5);
  await publisher.stop();
  await proxy.close();
  await broker.stop();
});

test('when the socket dies, the broker publishes the last will; online follows only the next connection', {
  skip,
}, async () => {
  const broker = await startMosquitto();
  const proxy = await startTcpProxy(broker.port);
  const subscriber = await Subscriber.open(broker.url);
  const publisher = publisherFor(proxy.url);
  publisher.start();
  await reach(publisher, 'online');
  proxy.block();
  await reach(publisher, 'offline');
  await subscriber.until('the last will', () => states(subscriber).length === 2);
  assert.deepEqual(states(subscriber), ['online', 'offline: connection lost']);
  const late = await Subscriber.open(broker.url);
  await late.until('the retained will', () => late.on('/status').length === 1);
  assert.deepEqual(states(late), ['offline: connection lost']);
  proxy.mend();
  await reach(publisher, 'online');
  await publisher.stop();
  await subscriber.until('the farewell', () => states(subscriber).length === 4);
  assert.deepEqual(states(subscriber).slice(2), ['online', 'offline: stopped']);
  await Promise.all([subscriber.close(), late.close()]);
  await proxy.close();
  await broker.stop();
});

test('online is not said before the broker has acknowledged it', async () => {
  let connections = 0;
  const mute = createServer((socket) => {
    connections++;
    socket.on('error', () => {});
    // CONNACK of MQTT 3.1.1 with return code 0; then silence, whatever is published.
    socket.once('data', () => socket.write(Buffer.from([0x20, 2, 0, 0])));
  }).listen(0, '127.0.0.1');
  await once(mute, 'listening');
  const address = mute.address();
  const url = `mqtt://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
  const publisher = publisherFor(url, { mqtt: { url, protocolVersion: 4 }, limits: { acknowledgeTimeoutMs: 150 } });
  const seen: string[] = [];
  publisher.on('state', ({ state }) => seen.push(state));
  publisher.start();
  const { error } = await reach(publisher, 'offline');
  assert.match(error.message, /acknowledged nothing for 150 ms/);
  await reach(publisher, 'connecting');
  await publisher.stop();
  assert.ok(!seen.includes('online'));
  assert.ok(connections > 0);
  await new Promise<void>((done) => mute.close(() => done()));
});

test('a half-open connection is noticed by the keepalive, and what was sent into it is sent again', {
  skip,
}, async () => {
  const broker = await startMosquitto();
  const proxy = await startTcpProxy(broker.port);
  const subscriber = await Subscriber.open(broker.url);
  const publisher = publisherFor(proxy.url, { mqtt: { url: proxy.url, keepaliveSeconds: 1 } });
  publisher.start();
  await reach(publisher, 'online');
  proxy.freeze();
  publisher.publishInspection(inspection(0), []);
  const { reason } = await reach(publisher, 'offline');
  assert.match(reason, /no longer answers \(keepalive\)/);
  await subscriber.until('the verdict', () => subscriber.on('/inspection').length === 1);
  await publisher.stop();
  await subscriber.close();
  await proxy.close();
  await broker.stop();
});

test('a wrong password is a coded fault that says what to do, is retried slowly and is never written out', {
  skip,
}, async () => {
  const broker = await startMosquitto({ users: { line3: 'right-secret' } });
  for (const protocolVersion of [5, 4] as const) {
    const publisher = publisherFor(broker.url, {
      mqtt: { url: broker.url, protocolVersion, username: 'line3', password: 'wrong-secret' },
    });
    publisher.start();
    const offline = await reach(publisher, 'offline');
    assert.equal(offline.error.code, 'SG_BROKER');
    assert.match(offline.reason, /refused the user 'line3'.*mqtt\.password/);
    assert.match(offline.reason, new RegExp(broker.url));
    assert.ok(offline.retryInMs >= 200, `retried after ${offline.retryInMs} ms already`);
    assert.ok(!inspect([offline, publisher.counters()], { depth: 9 }).includes('wrong-secret'));
    await publisher.stop();
  }
  const anonymous = publisherFor(broker.url);
  anonymous.start();
  assert.match((await reach(anonymous, 'offline')).reason, /without a user name: set mqtt\.username/);
  await anonymous.stop();
  const right = publisherFor(broker.url, {
    mqtt: { url: broker.url, username: 'line3', password: 'right-secret' },
  });
  right.start();
  await reach(right, 'online');
  await right.stop();
  await broker.stop();
});

for (const [what, url, fault] of [
  ['nothing listens', 'mqtt://127.0.0.1:1', /127\.0\.0\.1:1 does not listen there \(connection refused\)/],
  ['the name does not exist', 'mqtt://broker.invalid:1883', /cannot be resolved \(E\w+\): correct mqtt\.url/],
] as const) {
  test(`where ${what}, the fault says so and the attempts go on`, async () => {
    const publisher = publisherFor(url);
    let attempts = 0;
    publisher.on('state', ({ state }) => {
      if (state === 'connecting') attempts++;
    });
    publisher.start();
    const { error } = await reach(publisher, 'offline');
    assert.equal(error.code, 'SG_BROKER');
    assert.match(error.message, fault);
    await reach(publisher, 'connecting');
    assert.equal(attempts, 2);
    assert.equal(publisher.counters().lastFault, error.message);
    await publisher.stop();
  });
}

test('a URL that is none of a broker is refused before anything starts', () => {
  for (const url of ['', 'localhost:1883', 'http://localhost', 'mqtt://', 'mqtt://user:secret@localhost']) {
    assert.throws(
      () => publisherFor(url),
      (error: unknown) =>
        error instanceof SideglanceError && error.code === 'SG_BROKER' && !error.message.includes('secret'),
      url,
    );
  }
});

test('attempts come ever more seldom, never on the same beat', async () => {
  const waits: number[] = [];
  const limits = { backoffMinMs: 8, backoffMaxMs: 64 };
  const publisher = publisherFor('mqtt://127.0.0.1:1', { limits });
  const enough = new Promise<void>((done) => {
    publisher.on('state', (state) => {
      if (state.state === 'offline' && waits.push(state.retryInMs) === 8) done();
    });
  });
  publisher.start();
  await enough;
  await publisher.stop();
  for (const [at, wait] of waits.entries()) {
    const most = Math.min(64, 8 * 2 ** at);
    assert.ok(wait >= most / 2 - 1 && wait <= most, `wait ${at} is ${wait} ms, bound ${most} ms`);
  }
  assert.ok(new Set(waits.slice(3)).size > 1, `no jitter in ${waits}`);
});

test('no more messages are under way than the broker allows (receive maximum)', { skip }, async () => {
  const broker = await startMosquitto({ conf: 'max_inflight_messages 3' });
  const subscriber = await Subscriber.open(broker.url);
  const publisher = publisherFor(broker.url);
  publisher.start();
  for (let at = 0; at < 200; at++) publisher.publishInspection(inspection(at), []);
  await reach(publisher, 'online');
  await subscriber.until('200 verdicts', () => subscriber.on('/inspection').length === 200);
  assert.equal(publisher.counters().connections, 1);
  await publisher.stop();
  await subscriber.close();
  await broker.stop();
});

test('a second device with the same client id: the fault names the id', { skip }, async () => {
  const broker = await startMosquitto();
  const first = publisherFor(broker.url);
  first.start();
  await reach(first, 'online');
  const second = publisherFor(broker.url);
  second.start();
  const { reason } = await reach(first, 'offline');
  assert.match(reason, /another client.* the id 'sideglance-ulm-press-3-edge-1'/);
  await Promise.all([first.stop(), second.stop()]);
  await broker.stop();
});
