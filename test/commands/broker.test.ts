import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { Aedes } from 'aedes';
import { connect, type IClientPublishOptions, type MqttClient } from 'mqtt';
import { startEmbeddedBroker } from '../../src/publish/broker.js';
import type { AnswerMessage } from '../../src/publish/command-messages.js';
import { publisherFor, ROOT, reach } from '../publish/support/inspections.js';
import { closeAtTheEnd } from '../publish/support/leftovers.js';
import { startMosquitto, withoutMosquitto } from '../publish/support/mosquitto.js';
import { Subscriber } from '../publish/support/subscriber.js';
import { commandsConfig, type Done, testDesk } from './support.js';

/** A device that listens to commands, with the real desk and the real session. */
async function device(url: string, options: { protocolVersion?: 4 | 5; username?: string; password?: string } = {}) {
  const publisher = publisherFor(url, { mqtt: { url, keepaliveSeconds: 5, ...options } });
  const it = testDesk(commandsConfig(), { post: (packet) => publisher.post(packet) });
  const refusals: string[] = [];
  publisher.on('refused', ({ message }) => refusals.push(message));
  publisher.listen((message) => it.desk.receive(message));
  publisher.start();
  await reach(publisher, 'online');
  return { publisher, done: it.done as readonly Done[], desk: it.desk, refusals };
}

async function client(url: string, options: object = {}): Promise<MqttClient> {
  const mqtt = connect(url, { protocolVersion: 5, reconnectPeriod: 0, ...options });
  closeAtTheEnd(() => mqtt.endAsync(true));
  await new Promise((up, down) => mqtt.once('connect', up).once('error', down));
  return mqtt;
}

const send = (mqtt: MqttClient, command: string, payload: object | string, options: IClientPublishOptions = {}) =>
  mqtt.publishAsync(`${ROOT}/${command}`, typeof payload === 'string' ? payload : JSON.stringify(payload), {
    qos: 1,
    ...options,
  });

test('MQTT 5: the answer comes on the response topic with the correlation data (mosquitto)', {
  skip: withoutMosquitto,
}, async () => {
  const { url } = await startMosquitto();
  const { done } = await device(url);
  const mqtt = await client(url);
  const responseTopic = `${ROOT}/answer/hmi`;
  await mqtt.subscribeAsync(responseTopic, { qos: 1 });
  const correlationData = Buffer.from([1, 2, 3, 0xff]);
  const answered = new Promise<{ answer: AnswerMessage; correlation: Buffer | undefined }>((got) => {
    mqtt.once('message', (_topic, payload, { properties }) =>
      got({ answer: JSON.parse(payload.toString()), correlation: properties?.correlationData }),
    );
  });
  await send(mqtt, 'top/command/trigger', {}, { properties: { responseTopic, correlationData } });
  const { answer, correlation } = await answered;
  assert.deepEqual([answer.outcome, answer.id], ['done', '010203ff']);
  assert.deepEqual(correlation, correlationData);
  assert.deepEqual(
    done.map(({ name, station }) => [name, station]),
    [['trigger', 'top']],
  );
});

for (const broker of ['mosquitto', 'the embedded broker'] as const) {
  test(`MQTT 3.1.1: id and topic stand in the payload; without a topic the answer is on \`answer\` (${broker})`, {
    skip: broker === 'mosquitto' && withoutMosquitto,
  }, async () => {
    const url = broker === 'mosquitto' ? (await startMosquitto()).url : await embedded();
    await device(url, { protocolVersion: 4 });
    const subscriber = await Subscriber.open(url, 4);
    const mqtt = await client(url, { protocolVersion: 4 });
    await send(mqtt, 'command/report', { id: 'a', respondTo: `${ROOT}/answer/hmi` });
    await send(mqtt, 'command/report', { id: 'b' });
    await subscriber.until('both answers', () => subscriber.on('/answer').length + subscriber.on('/hmi').length === 2);
    assert.equal(subscriber.on('/answer/hmi')[0]?.json<AnswerMessage>().id, 'a');
    assert.equal(subscriber.on('/answer')[0]?.json<AnswerMessage>().id, 'b');
    await subscriber.until('the audit', () => subscriber.on('/audit').length === 2);
    assert.ok(subscriber.on('/answer').every(({ retain }) => !retain));
  });
}

async function embedded(): Promise<string> {
  const broker = await startEmbeddedBroker({ port: 0 });
  closeAtTheEnd(() => broker.stop());
  return broker.url;
}

test('commands that are retained, or were sent while the device was away, or have expired are not carried out', {
  skip: withoutMosquitto,
}, async () => {
  const { url } = await startMosquitto();
  const mqtt = await client(url);
  await send(mqtt, 'command/report', { id: 'away' });
  await send(mqtt, 'top/command/pause', { id: 'retained' }, { retain: true });
  const subscriber = await Subscriber.open(url);
  const first = await device(url);
  await subscriber.until('the refusal', () => subscriber.on('/answer').length === 1);
  assert.equal(subscriber.on('/answer')[0]?.json<AnswerMessage>().code, 'SG_COMMAND_RETAINED');
  // Also where it comes as it is sent: in MQTT 5 the flag is told.
  await send(mqtt, 'top/command/resume', { id: 'live' }, { retain: true });
  await subscriber.until('the second refusal', () => subscriber.on('/answer').length === 2);
  await send(mqtt, 'top/command/pause', '', { retain: true });
  await send(mqtt, 'top/command/resume', '', { retain: true });
  await first.publisher.stop();
  await send(mqtt, 'command/report', { id: 'gone' }, { properties: { messageExpiryInterval: 1 } });
  const second = await device(url);
  await send(mqtt, 'command/report', { id: 'here' });
  await subscriber.until('the answer', () =>
    subscriber.on('/answer').some((one) => one.json<AnswerMessage>().id === 'here'),
  );
  assert.deepEqual([first.done, second.done.map(({ id }) => id)], [[], ['here']]);
});

test('a payload that is far too large does not reach the device in MQTT 5, one that is a little too large is refused', {
  skip: withoutMosquitto,
}, async () => {
  const { url } = await startMosquitto();
  const { desk } = await device(url);
  const subscriber = await Subscriber.open(url);
  const mqtt = await client(url);
  await send(mqtt, 'command/report', 'x'.repeat(1_000_000));
  await send(mqtt, 'command/report', 'x'.repeat(20_000));
  await subscriber.until('the refusal', () => subscriber.on('/answer').length === 1);
  assert.equal(subscriber.on('/answer')[0]?.json<AnswerMessage>().code, 'SG_COMMAND_TOO_LARGE');
  assert.equal(desk.counters.received, 1);
});

test('a command that MQTT delivers twice, before and after the connection breaks, is carried out once', {
  skip: withoutMosquitto,
}, async () => {
  const broker = await startMosquitto();
  const { publisher, done } = await device(broker.url);
  const command = { id: 'once' };
  await send(await client(broker.url), 'top/command/restart', command);
  while (done.length === 0) await new Promise((turn) => setTimeout(turn, 5));
  await broker.kill();
  await reach(publisher, 'offline');
  await broker.start();
  await reach(publisher, 'online');
  const subscriber = await Subscriber.open(broker.url);
  const mqtt = await client(broker.url);
  await send(mqtt, 'top/command/restart', command);
  await subscriber.until('the answer again', () => subscriber.on('/answer').length === 1);
  assert.equal(done.length, 1);
});

const ACL = `
user edge
topic write ${ROOT}/#
topic read ${ROOT}/command/#
topic read ${ROOT}/+/command/#
topic deny ${ROOT}/answer/secret
user hmi
topic write ${ROOT}/+/command/trigger
topic read ${ROOT}/#
user deaf
topic write ${ROOT}/#
`;

test('who may send what is for the access rules of the broker; a device that may not listen says so', {
  skip: withoutMosquitto,
}, async () => {
  const users = { edge: 'a', hmi: 'b', deaf: 'c' };
  const { url } = await startMosquitto({ users, files: { acl: ACL }, conf: 'acl_file <folder>/acl' });
  const { done, refusals } = await device(url, { username: 'edge', password: 'a' });
  const mqtt = await client(url, { username: 'hmi', password: 'b' });
  await mqtt.subscribeAsync(`${ROOT}/answer`, { qos: 1 });
  const answered = new Promise((got) => mqtt.once('message', got));
  // A refused publish has a reason code, which MQTT.js throws.
  await send(mqtt, 'top/command/pause', { id: '1' }).catch(() => {});
  await send(mqtt, 'top/command/trigger', { id: '2' });
  await answered;
  assert.deepEqual(
    done.map(({ name }) => name),
    ['trigger'],
  );
  assert.deepEqual(refusals, []);
});

test('a broker that refuses the subscription is reported, and publishing goes on', async () => {
  const broker = await Aedes.createBroker({
    authorizeSubscribe: (_client, subscription, done) =>
      done(null, subscription.topic.includes('command') ? null : subscription),
  });
  const server = createServer(broker.handle);
  await new Promise<void>((up) => server.listen(0, '127.0.0.1', up));
  closeAtTheEnd(async () => {
    broker.close();
    server.close();
  });
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  const { refusals, publisher } = await device(`mqtt://127.0.0.1:${address.port}`, { protocolVersion: 4 });
  const end = Date.now() + 10_000;
  while (refusals.length === 0 && Date.now() < end) await new Promise((turn) => setTimeout(turn, 10));
  assert.match(refusals[0] ?? '', /does not let us hear commands .*commands\.enabled: false/);
  assert.equal(publisher.state.state, 'online');
});
