import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectAsync } from 'mqtt';
import { SideglanceError } from '../../src/errors.js';
import { startEmbeddedBroker } from '../../src/publish/broker.js';

test('a port that is taken is named, together with the key that changes it', async () => {
  const first = await startEmbeddedBroker({ port: 0 });
  await assert.rejects(startEmbeddedBroker({ port: first.port }), (error: unknown) => {
    assert.ok(error instanceof SideglanceError);
    assert.equal(error.code, 'SG_BROKER');
    assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${first.port}: the port is taken.*mqtt\\.embedded\\.port`));
    return true;
  });
  await first.stop();
});

test('a stop closes every connection and frees the port', async () => {
  const broker = await startEmbeddedBroker({ port: 0 });
  const client = await connectAsync(broker.url, { protocolVersion: 4, reconnectPeriod: 0 });
  const closed = new Promise<void>((done) => client.once('close', () => done()));
  await broker.stop();
  await closed;
  const again = await startEmbeddedBroker({ port: broker.port });
  await again.stop();
  await client.endAsync(true);
});

test('a client that went away with a durable session leaves nothing behind that could pile up', async () => {
  const broker = await startEmbeddedBroker({ port: 0 });
  const options = { protocolVersion: 4, clientId: 'scada', clean: false, reconnectPeriod: 0 } as const;
  const first = await connectAsync(broker.url, options);
  await first.subscribeAsync('a', { qos: 1 });
  await first.endAsync(true);
  const second = await connectAsync(broker.url, options);
  const heard: string[] = [];
  second.on('message', (topic) => heard.push(topic));
  await second.publishAsync('a', 'x', { qos: 1 });
  await second.subscribeAsync('b', { qos: 1 });
  await second.publishAsync('b', 'x', { qos: 1 });
  await new Promise<void>((done) => (heard.includes('b') ? done() : second.once('message', () => done())));
  assert.deepEqual(heard, ['b']);
  await second.endAsync(true);
  await broker.stop();
});

test('a client that speaks nonsense does not disturb the broker', async () => {
  const broker = await startEmbeddedBroker({ port: 0 });
  const { connect } = await import('node:net');
  const socket = connect(broker.port, '127.0.0.1');
  const closed = new Promise<void>((done) => socket.once('close', () => done()));
  socket.on('error', () => {});
  socket.resume();
  socket.end('GET / HTTP/1.1\r\n\r\n');
  await closed;
  const client = await connectAsync(broker.url, { protocolVersion: 4 });
  await client.endAsync();
  await broker.stop();
});
