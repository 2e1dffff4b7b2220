/** Commands to the real daemon: agent, station process, camera and broker. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { connect, type MqttClient } from 'mqtt';
import type { CommandName } from '../src/config/commands.js';
import { type AnswerMessage, RESULT_SCHEMAS } from '../src/publish/command-messages.js';
import type { CameraMessage, HealthMessage, InspectionMessage, ModelMessage } from '../src/publish/messages.js';
import { FakeGigeCamera } from './capture/fake-gige-camera.js';
import { EVERYTHING } from './commands/support.js';
import { closeAtTheEnd } from './publish/support/leftovers.js';
import { Subscriber } from './publish/support/subscriber.js';
import { writeBrightnessBundle } from './support/brightness-bundle.js';
import { BOUND_MS, Daemon } from './support/daemon.js';

const ROOT = 'sideglance/plant/line/device';

let folder: string;
let model: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sideglance-agent-commands-'));
  model = join(folder, 'model');
  await writeBrightnessBundle(model);
});
after(() => rm(folder, { recursive: true, force: true }));

/** A camera whose frames are black and white in turn: scores 0 and 1. */
function station(more: object = {}): object {
  const caps = 'video/x-raw,width=512,height=512,framerate=10/1';
  return {
    name: 'press',
    camera: { type: 'pipeline', pipeline: `videotestsrc is-live=true pattern=blink ! ${caps}` },
    model,
    threshold: { score: 0.5 },
    deadlineMs: 60_000,
    publish: { maps: { when: 'never' }, frames: 'never' },
    ...more,
  };
}

class Operator {
  readonly subscriber: Subscriber;
  readonly #mqtt: MqttClient;

  private constructor(subscriber: Subscriber, mqtt: MqttClient) {
    this.subscriber = subscriber;
    this.#mqtt = mqtt;
  }

  static async at(daemon: Daemon, verdicts = 1): Promise<Operator> {
    await daemon.until('it listens', () => daemon.lines.includes('mosquitto_sub'));
    const mqtt = connect(daemon.brokerUrl, { protocolVersion: 4, reconnectPeriod: 100 });
    closeAtTheEnd(() => mqtt.endAsync(true));
    const operator = new Operator(await Subscriber.open(daemon.brokerUrl, 4), mqtt);
    await operator.subscriber.until('verdicts', () => operator.inspections().length >= verdicts, BOUND_MS);
    return operator;
  }

  inspections(): InspectionMessage[] {
    return this.subscriber.on('/press/inspection').map((one) => one.json<InspectionMessage>());
  }

  /** Sends it and waits for its answer, which has to be as its schema says. */
  async send(name: CommandName, id: string, fields: object = {}): Promise<AnswerMessage> {
    const before = this.#answers(id).length;
    await this.#mqtt.publishAsync(`${ROOT}/command/${name}`, JSON.stringify({ id, ...fields }), { qos: 1 });
    await this.subscriber.until(`an answer to ${name}`, () => this.#answers(id).length > before, BOUND_MS);
    const answer = this.#answers(id).at(-1) as AnswerMessage;
    if (answer.outcome === 'done') assert.deepEqual(RESULT_SCHEMAS[name].parse(answer.result), answer.result);
    return answer;
  }

  #answers(id: string): AnswerMessage[] {
    return this.subscriber
      .on('/answer')
      .map((one) => one.json<AnswerMessage>())
      .filter((answer) => answer.id === id);
  }
}

test('without `commands.enabled` nothing is listened to', async () => {
  const daemon = await Daemon.start([station()]);
  const operator = await Operator.at(daemon);
  await assert.rejects(
    operator.subscriber.until('an answer', () => operator.subscriber.on('/answer').length > 0, 300),
    /without: an answer/,
  );
});

test('a threshold and a pause hold at once, over the death of the station, and over that of the agent', async () => {
  const daemon = await Daemon.start([station()], { more: { commands: { enabled: true, allow: EVERYTHING } } });
  const operator = await Operator.at(daemon);
  const answer = await operator.send('threshold', 't1', { factor: 5 });
  assert.deepEqual(answer.result, { score: 2.5, applied: 'now' });
  const seen = operator.inspections().length;
  await operator.subscriber.until('verdicts by it', () => operator.inspections().length > seen + 6, BOUND_MS);
  const later = operator.inspections().slice(seen + 1);
  assert.ok(later.every(({ verdict, regions }) => verdict === 'pass' && regions[0]?.threshold === 2.5));
  assert.deepEqual(await operator.send('threshold', 't1', { factor: 5 }), answer);
  const models = () => operator.subscriber.on('/model').map((one) => one.json<ModelMessage>());
  await operator.subscriber.until('the model says so', () => models().at(-1)?.stations[0]?.threshold === 2.5);

  assert.equal((await operator.send('pause', 'p1')).outcome, 'done');
  const paused = () => operator.inspections().filter(({ reason }) => reason === 'paused');
  await operator.subscriber.until('invalid parts', () => paused().length > 3, BOUND_MS);
  process.kill(daemon.stations()[0] as number, 'SIGKILL');
  const epochs = () => new Set(paused().map(({ part }) => part.epoch));
  await operator.subscriber.until('invalid parts of its next life', () => epochs().size === 2, BOUND_MS);
  daemon.process.kill('SIGKILL');
  await daemon.ended;

  const again = daemon.again();
  const second = await Operator.at(again);
  assert.ok(second.inspections().every(({ reason }) => reason === 'paused' || reason === 'station lost'));
  const { health } = (await second.send('report', 'r1')).result as { health: HealthMessage };
  assert.deepEqual(health.stations[0]?.settings, {
    paused: true,
    falseRejectRate: null,
    score: 2.5,
    exposureMicroseconds: null,
    gainDb: null,
    byCommand: ['paused', 'threshold'],
  });
  // Not carried out again by the next agent either.
  assert.deepEqual(await second.send('threshold', 't1', { factor: 5 }), answer);
  assert.equal((await second.send('resume', 'p2')).outcome, 'done');
  await second.subscriber.until(
    'verdicts',
    () => second.inspections().some(({ verdict }) => verdict === 'pass'),
    BOUND_MS,
  );
  assert.deepEqual((await second.send('threshold', 't2', { reset: true })).result, { score: 0.5, applied: 'now' });
});

test('snapshot, calibration, restart, and what this version or this camera cannot do', async () => {
  const daemon = await Daemon.start([station()], { more: { commands: { enabled: true, allow: EVERYTHING } } });
  const operator = await Operator.at(daemon);
  const { result } = await operator.send('snapshot', 's1');
  const { topic, sha256, bytes } = result as { topic: string; sha256: string; bytes: number };
  await operator.subscriber.until('the picture', () => operator.subscriber.on('/press/snapshot').length === 1);
  const picture = operator.subscriber.on('/press/snapshot')[0]?.payload as Buffer;
  assert.deepEqual([topic, bytes], [`${ROOT}/press/snapshot`, picture.byteLength]);
  assert.equal(createHash('sha256').update(picture).digest('hex'), sha256);
  assert.deepEqual([...picture.subarray(0, 3)], [0xff, 0xd8, 0xff]);

  const calibrated = await operator.send('calibrate', 'c1', { parts: 20, falseRejectRate: 0.5 });
  const { score, before, parts } = calibrated.result as { score: number; before: number; parts: number };
  assert.deepEqual([before, parts], [0.5, 20]);
  assert.ok(score >= 0 && score < 1.001, JSON.stringify(calibrated));

  const [pid] = daemon.stations();
  assert.deepEqual((await operator.send('restart', 'x1')).result, { restarts: 1 });
  await daemon.until('another process', () => daemon.stations().length === 1 && daemon.stations()[0] !== pid);
  const epochs = () => new Set(operator.inspections().map(({ part }) => part.epoch));
  await operator.subscriber.until('verdicts of the next life', () => epochs().size === 2, BOUND_MS);
  assert.equal((await operator.send('camera', 'k1', { gainDb: 1 })).code, 'SG_COMMAND_UNSUPPORTED');
  assert.equal((await operator.send('model.rollback', 'm1')).code, 'SG_STORE', 'no model of the store is in use');
  daemon.process.kill('SIGTERM');
  assert.deepEqual(await daemon.ended, { code: 0, signal: null });
});

test('with `trigger: command` a part is made by each command, and none without', async () => {
  const daemon = await Daemon.start([station({ trigger: 'command' })], {
    more: { commands: { enabled: true, allow: EVERYTHING } },
  });
  await daemon.until('it listens', () => daemon.lines.includes('mosquitto_sub'));
  await daemon.until('the camera runs', () => daemon.events('camera.state').some(({ state }) => state === 'running'));
  const subscriber = await Subscriber.open(daemon.brokerUrl, 4);
  const mqtt = connect(daemon.brokerUrl, { protocolVersion: 4 });
  closeAtTheEnd(() => mqtt.endAsync(true));
  const inspections = () => subscriber.on('/press/inspection').map((one) => one.json<InspectionMessage>());
  const answers = () => subscriber.on('/answer').map((one) => one.json<AnswerMessage>());
  for (let i = 0; i < 5; i++) {
    await mqtt.publishAsync(`${ROOT}/press/command/trigger`, JSON.stringify({ id: `${i}` }), { qos: 1 });
    await subscriber.until('its answer', () => answers().length === i + 1, BOUND_MS);
  }
  await subscriber.until('its inspections', () => inspections().length === 5, BOUND_MS);
  assert.deepEqual(
    answers().map(({ result }) => (result as { part: object }).part),
    inspections().map(({ part }) => part),
  );
  assert.deepEqual(
    answers().map(({ result }) => (result as { verdict: string }).verdict),
    inspections().map(({ verdict }) => verdict),
  );
  // A station that is gone still owes an answer for the part.
  process.kill(daemon.stations()[0] as number, 'SIGKILL');
  await daemon.until('it is gone', () => daemon.events('station.ended').length === 1);
  await mqtt.publishAsync(`${ROOT}/press/command/trigger`, JSON.stringify({ id: 'lost' }), { qos: 1 });
  await subscriber.until('a sixth part', () => inspections().length === 6, BOUND_MS);
});

test('a camera that commands trigger takes a picture for each, however long it has waited', async (context) => {
  const device = await FakeGigeCamera.reserve();
  if (device === null) return context.skip('the fake camera is not installed: apt-get install aravis-tools');
  try {
    await device.start();
    const camera = { type: 'gige', camera: '127.0.0.1', trigger: 'Software', width: 512, height: 512, queue: 8 };
    const daemon = await Daemon.start([station({ camera, trigger: 'command' })], {
      more: { commands: { enabled: true, allow: EVERYTHING } },
    });
    const operator = await Operator.at(daemon, 0);
    const states = () => operator.subscriber.on('/press/camera').map((one) => one.json<CameraMessage>().state);
    await operator.subscriber.until('an open camera', () => states().at(-1) === 'silent', BOUND_MS);
    const opened = states().length - 1;
    // Longer than the element of GStreamer would bear.
    await new Promise((done) => setTimeout(done, 3000));
    for (let i = 0; i < 3; i++) {
      const { outcome, result } = await operator.send('trigger', `fire-${i}`, { station: 'press' });
      assert.equal(outcome, 'done');
      assert.equal((result as { part: { sequence: number } }).part.sequence, i);
    }
    await operator.subscriber.until('a running camera', () => states().at(-1) === 'running', BOUND_MS);
    assert.deepEqual(states().slice(opened), ['silent', 'running']);
    assert.equal((await operator.send('snapshot', 'look', { station: 'press' })).outcome, 'done');
    assert.equal(operator.inspections().length, 3);
  } finally {
    await device.release();
  }
});
