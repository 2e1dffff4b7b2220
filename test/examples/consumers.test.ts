import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { connect } from 'mqtt';
import type { InspectionMessage } from '../../src/publish/messages.js';
import { closeAtTheEnd } from '../publish/support/leftovers.js';
import { type Mosquitto, startMosquitto, withoutMosquitto } from '../publish/support/mosquitto.js';
import { Subscriber } from '../publish/support/subscriber.js';
import { Daemon } from '../support/daemon.js';
import { Example, PYTHON, recorded, withoutPython } from './support.js';

const skip = withoutMosquitto || withoutPython('paho.mqtt.client');
const STATION = {
  name: 'top',
  camera: { type: 'simulated', partsPerSecond: 4, defectShare: 0.5, seed: 5 },
  // Other tests may keep the machine busy.
  deadlineMs: 10_000,
  publish: { maps: { form: 'float16' }, frames: 'never' },
};

let mosquitto: Mosquitto;
let subscriber: Subscriber;
before(async () => {
  if (skip) return;
  mosquitto = await startMosquitto();
  subscriber = await Subscriber.open(mosquitto.url);
  await Daemon.start([STATION], { url: mosquitto.url });
  await subscriber.until('a verdict', () => subscriber.on('/inspection').length > 0, 60_000);
});

/** What the device has published, by the number of the part. */
function published(): Map<number, InspectionMessage> {
  const all = subscriber.on('/inspection').map((message) => message.json<InspectionMessage>());
  return new Map(all.map((message) => [message.part.sequence, message]));
}

interface Told {
  readonly event: string;
  readonly seq: number;
  readonly seqs: number[];
  readonly reject: boolean;
  readonly part: { readonly sequence: number };
  readonly peak: number;
  readonly at: [number, number];
  readonly is_defect: boolean;
}

test('mosquitto_sub and jq: a line for each reject and for nothing else', { skip }, async () => {
  const example = new Example('shell/rejects.sh', ['-h', '127.0.0.1', '-p', String(mosquitto.port)]);
  await example.until('three rejects', () => example.lines.length >= 3);
  await example.stop();
  const parts = example.lines.map((line) => line.split('\t'));
  const numbers = parts.map(([, , part = '']) => Number(part.replace('part ', '')));
  // Another client has heard of them; this one may be later.
  await subscriber.until('the same parts', () => numbers.every((number) => published().has(number)), 60_000);
  for (const [i, [when, where, , verdict, reason, worst]] of parts.entries()) {
    const message = published().get(numbers[i]!) as InspectionMessage;
    assert.deepEqual([when, where], [message.captured.utc, 'plant/line/device/top']);
    assert.deepEqual([verdict, reason], [message.verdict, message.reason ?? '']);
    const [region] = message.regions;
    const expected = region
      ? `frame: score ${region.score}, threshold ${region.threshold}, ${region.defects.length} defects`
      : '';
    assert.equal(worst, expected);
  }
  const between = [...published().values()].filter(
    ({ part, verdict }) => part.sequence >= numbers[0]! && part.sequence <= numbers.at(-1)! && verdict !== 'pass',
  );
  assert.deepEqual(
    numbers,
    between.map(({ part }) => part.sequence),
  );
});

test('Python: every verdict once, and the peak of each map lies in a defect of its part', { skip }, async () => {
  const example = new Example('python/consumer.py', ['--port', String(mosquitto.port)], PYTHON);
  const told = (event: string) => example.events<Told>().filter((one) => one.event === event);
  await example.until('a defect on a map', () => told('map').filter(({ is_defect }) => is_defect).length >= 2);
  await example.stop();
  const verdicts = told('verdict');
  for (const { part, reject } of verdicts) {
    assert.equal(reject, published().get(part.sequence)?.verdict !== 'pass');
  }
  const first = verdicts[0]!.part.sequence;
  assert.deepEqual(
    verdicts.map(({ part }) => part.sequence),
    verdicts.map((_, i) => first + i),
  );
  assert.deepEqual([told('duplicate'), told('missing'), told('dropped')], [[], [], []]);
  for (const { part, peak, at, is_defect } of told('map')) {
    const region = published().get(part.sequence)?.regions[0];
    if (region === undefined) continue;
    assert.equal(is_defect, peak > (region.mapThreshold as number));
    if (!is_defect) continue;
    const [strongest] = region.defects;
    assert.ok(Math.abs((strongest?.peak as number) - peak) <= peak / 1000, `${strongest?.peak} ${peak}`);
    const { x, y, width, height } = strongest!.box;
    assert.ok(at[0] >= x && at[0] <= x + width && at[1] >= y && at[1] <= y + height, `${at} in ${x} ${y}`);
  }
});

test('Python: duplicates, holes, gap records and a new epoch are seen as what they are', { skip }, async () => {
  const broker = await startMosquitto();
  const example = new Example('python/consumer.py', ['--port', String(broker.port)], PYTHON);
  const client = connect(broker.url, { protocolVersion: 5 });
  closeAtTheEnd(() => client.endAsync(true));
  const root = 'sideglance/ulm/press-3/edge-1';
  const send = (topic: string, message: object, retain = false) =>
    client.publishAsync(`${root}/${topic}`, JSON.stringify(message), { qos: 1, retain });
  const verdict = (seq: number, epoch = 'one') => {
    const message = recorded(seq);
    return send('top/inspection', { ...message, delivery: { ...message.delivery, epoch } });
  };
  const { device } = recorded(0);
  // Retained: it arrives as soon as the program is subscribed.
  await send('status', { device, state: 'online', reason: null }, true);
  await example.until('the device', () => example.lines.length > 0);
  for (const seq of [5, 6, 6, 9, 7]) await verdict(seq);
  await send('top/gap', { device, epoch: 'one', stream: 'top/verdict', firstSeq: 10, lastSeq: 12 });
  await verdict(13);
  await verdict(1, 'two');
  await verdict(13);
  await send('status', { device, state: 'offline', reason: 'connection lost' });
  await example.until('the end', () => example.lines.at(-1)?.includes('offline') === true);
  const seen = example.events<Told>().map(({ event, seq, seqs }) => [event, seqs ?? seq ?? null]);
  assert.deepEqual(seen, [
    ['device', null],
    ['verdict', 5],
    ['verdict', 6],
    ['duplicate', 6],
    ['missing', [7, 8]],
    ['verdict', 9],
    ['verdict', 7],
    ['dropped', null],
    ['verdict', 13],
    ['missing', [0]],
    ['verdict', 1],
    ['duplicate', 13],
    ['device', null],
  ]);
});
