import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { z } from 'zod';
import { PACKAGE_ROOT } from '../../src/paths.js';
import { type EmbeddedBroker, startEmbeddedBroker } from '../../src/publish/broker.js';
import {
  type CameraMessage,
  type InspectionMessage,
  MESSAGE_SCHEMAS,
  type MessageName,
  type ModelMessage,
  type StatusMessage,
} from '../../src/publish/messages.js';
import type { HealthReport } from '../../src/publish/publisher.js';
import type { UpdateReport } from '../../src/publish/update-message.js';
import type { ModelInUse } from '../../src/types.js';
import { inspection, mapOf, publisherFor, ROOT, reach, region } from './support/inspections.js';
import { type Mosquitto, startMosquitto, withoutMosquitto } from './support/mosquitto.js';
import { Subscriber } from './support/subscriber.js';

const BUILDING: ModelInUse = {
  model: 'cap@7',
  provider: null,
  precision: null,
  skipped: [],
  building: { provider: 'tensorrt', precision: 'fp16', phase: 'building', elapsedS: 41 },
  threshold: null,
  refused: null,
  shadow: null,
};

function inUse(model: string, provider: string): ModelInUse {
  const skipped = [{ provider: 'tensorrt', reason: 'no driver', fix: 'install it' }];
  return { model, provider, precision: 'fp32', skipped, building: null, threshold: 3.1, refused: null, shadow: null };
}

const UPDATE: UpdateReport = {
  key: 'shift-42',
  origin: 'command',
  rollout: null,
  model: 'bracket',
  version: '4.0.0',
  phase: 'downloading',
  percent: 37,
  stations: ['top'],
  code: null,
  reason: null,
  since: inspection(0).captured,
  at: inspection(0).captured,
};

const HEALTH: HealthReport = {
  live: true,
  ready: true,
  reasons: [],
  agent: { uptimeS: 61.5, rssBytes: 91_000_000, eventLoopLagMs: 1.2 },
  stations: [
    {
      name: 'top',
      state: 'running',
      reason: null,
      camera: { state: 'running', reason: null },
      model: 'bracket@3',
      provider: 'cpu',
      precision: 'fp32',
      skipped: [{ provider: 'tensorrt', reason: 'no driver', fix: 'install it' }],
      building: null,
      threshold: 3.1,
      refused: null,
      shadow: null,
      settings: {
        paused: false,
        falseRejectRate: null,
        score: 3.1,
        exposureMicroseconds: null,
        gainDb: null,
        byCommand: ['threshold'],
      },
      alarms: [],
      restarts: 0,
      rssBytes: 80_000_000,
      eventLoopLagMs: 3,
      parts: { accepted: 10, pass: 8, fail: 1, invalid: 1, late: 1, lateVerdicts: 0, lost: 0 },
    },
  ],
  commands: null,
  sparkplug: null,
};

/** Valid by the types' own schema without an undeclared field, and valid by the JSON Schema that is shipped. */
function assertValid(name: MessageName, message: unknown): void {
  assert.deepEqual(MESSAGE_SCHEMAS[name].parse(message), message);
  const file = readFileSync(join(PACKAGE_ROOT, `docs/messages/${name}.schema.json`), 'utf8');
  z.fromJSONSchema(JSON.parse(file)).parse(message);
}

let mosquitto: Mosquitto | undefined;
let embedded: EmbeddedBroker;
before(async () => {
  if (!withoutMosquitto) mosquitto = await startMosquitto();
  embedded = await startEmbeddedBroker({ port: 0 });
});
after(async () => {
  await mosquitto?.stop();
  await embedded.stop();
});

const brokers = [
  { name: 'mosquitto, MQTT 5', protocol: 5, skip: withoutMosquitto, url: () => (mosquitto as Mosquitto).url },
  { name: 'the embedded broker, MQTT 3.1.1', protocol: 4, skip: false, url: () => embedded.url },
] as const;

for (const { name, protocol, skip, url } of brokers) {
  test(`every message that is published is what its schema says (${name})`, { skip }, async () => {
    const subscriber = await Subscriber.open(url(), protocol);
    const publisher = publisherFor(url());
    publisher.start();
    publisher.publishModel('top', inUse('bracket@3', 'cpu'));
    publisher.publishModel('side', BUILDING);
    publisher.publishUpdates([UPDATE]);
    publisher.publishCamera('top', { state: 'running', reason: null, at: inspection(0).captured });
    publisher.publishHealth(HEALTH);
    const frame = {
      ...(await mapOf('face')),
      kind: 'frame',
      region: null,
      form: null,
      scale: null,
      grid: null,
    } as const;
    const overlay = { ...frame, kind: 'map', form: 'overlay', mediaType: 'image/jpeg' } as const;
    publisher.publishInspection(inspection(7), [await mapOf('face'), overlay, frame]);
    const station = { ...region('face'), score: Number.NaN, map: { ...region('face').map, rows: 0, columns: 0 } };
    publisher.publishInspection({ ...inspection(8, 'top', [station]), ptsNs: null }, []);
    publisher.publishInspection(
      { ...inspection(9, 'top', []), model: null, verdict: { result: 'invalid', reason: 'station lost' } },
      [],
    );
    await subscriber.until('three inspections and three pictures', () => subscriber.on('/frame').length === 1);
    await publisher.stop();
    await subscriber.until('the farewell', () => subscriber.on('/status').length === 2);

    const inspections = subscriber.on(`${ROOT}/top/inspection`);
    assert.equal(inspections.length, 3);
    for (const message of inspections) assertValid('inspection', message.json());
    for (const message of subscriber.on(`${ROOT}/status`)) assertValid('status', message.json());
    for (const message of subscriber.on(`${ROOT}/health`)) assertValid('health', message.json());
    for (const message of subscriber.on(`${ROOT}/model`)) assertValid('model', message.json());
    assert.ok(subscriber.on(`${ROOT}/update`).length > 0);
    for (const message of subscriber.on(`${ROOT}/update`)) assertValid('update', message.json());
    for (const message of subscriber.on(`${ROOT}/top/camera`)) assertValid('camera', message.json());
    const pictures = [...subscriber.on(`${ROOT}/top/map`), ...subscriber.on(`${ROOT}/top/frame`)];
    assert.equal(pictures.length, 3);
    if (protocol === 5) for (const { properties } of pictures) assertValid('picture', properties);

    const [first, , third] = inspections.map((message) => message.json<InspectionMessage>());
    assert.equal(first?.ptsNs, '123456789012');
    assert.equal(first?.regions[0]?.score, 6.25);
    assert.deepEqual([third?.verdict, third?.reason], ['invalid', 'station lost']);
    await subscriber.close();
  });

  test(`a picture is paired with its inspection by its hash, and in MQTT 5 by its properties (${name})`, {
    skip,
  }, async () => {
    const subscriber = await Subscriber.open(url(), protocol);
    const publisher = publisherFor(url());
    publisher.start();
    await reach(publisher, 'online');
    const maps = await Promise.all([mapOf('face', 32, 1), mapOf('rim', 32, 2)]);
    publisher.publishInspection(inspection(4, 'top', [region('face'), region('rim')]), maps);
    await subscriber.until('two maps', () => subscriber.on('/top/map').length === 2);
    const message = subscriber.on('/top/inspection')[0]?.json<InspectionMessage>();
    assert.ok(message);
    for (const [at, { payload, properties, contentType, topic }] of subscriber.on('/top/map').entries()) {
      const hash = createHash('sha256').update(payload).digest('hex');
      const attachment: InspectionMessage['attachments'][number] | undefined = message.attachments.find(
        ({ sha256 }) => sha256 === hash,
      );
      assert.equal(attachment?.region, ['face', 'rim'][at]);
      assert.equal(attachment?.topic, topic);
      assert.deepEqual(attachment?.scale, { offset: 0, scale: 0.05 });
      assert.deepEqual(payload, Buffer.from(maps[at]?.bytes ?? []));
      if (protocol !== 5) continue;
      assert.equal(contentType, 'image/png');
      assert.equal(properties.seq, String(attachment?.delivery.seq));
      assert.equal(properties.epoch, message.delivery.epoch);
      assert.equal(properties.partSequence, String(message.part.sequence));
      assert.deepEqual([properties.scale, properties.offset, properties.cell], ['0.05', '0', '8']);
      assert.equal(properties.box, '320,240,512,512');
    }
    await publisher.stop();
    await subscriber.close();
  });

  test(`status, model, update, camera and health are retained for who comes later (${name})`, { skip }, async () => {
    const publisher = publisherFor(url());
    publisher.start();
    publisher.publishModel('top', inUse('bracket@2', 'cpu'));
    publisher.publishModel('side', inUse('lid@1', 'cuda'));
    publisher.publishModel('top', inUse('bracket@3', 'cpu'));
    publisher.publishUpdates([UPDATE]);
    const at = inspection(0).captured;
    publisher.publishCamera('top', { state: 'running', reason: null, at });
    publisher.publishCamera('top', { state: 'lost', reason: 'device unplugged', at });
    publisher.publishHealth(HEALTH);
    await reach(publisher, 'online');
    const early = await Subscriber.open(url(), protocol);
    await early.until('health', () => early.on('/health').length > 0);
    const late = await Subscriber.open(url(), protocol);
    const topics = ['/status', '/model', '/update', '/top/camera', '/health'];
    await late.until('five retained messages', () => topics.every((topic) => late.on(topic).length > 0));
    for (const topic of topics) assert.equal(late.on(topic)[0]?.retain, true, topic);
    assert.equal(late.on('/status')[0]?.json<StatusMessage>().state, 'online');
    const models = late
      .on('/model')[0]
      ?.json<ModelMessage>()
      .stations.map(({ name, model }) => `${name} ${model}`);
    assert.deepEqual(models, ['top bracket@3', 'side lid@1']);
    const camera = late.on('/top/camera')[0]?.json<CameraMessage>();
    assert.deepEqual([camera?.state, camera?.reason, camera?.outages], ['lost', 'device unplugged', 1]);
    await publisher.stop();
    await late.until('the farewell', () => late.on('/status').length > 1);
    const last = late.on('/status').at(-1)?.json<StatusMessage>();
    assert.deepEqual([last?.state, last?.reason], ['offline', 'stopped']);
    await early.close();
    await late.close();
  });
}

test('a verdict goes ahead of its pictures', async () => {
  const subscriber = await Subscriber.open(embedded.url, 4);
  const publisher = publisherFor(embedded.url);
  publisher.start();
  await reach(publisher, 'online');
  publisher.publishInspection(inspection(0), [await mapOf('face')]);
  await subscriber.until('the map', () => subscriber.on('/top/map').length === 1);
  const order = subscriber.received.map(({ topic }) => topic.split('/').at(-1));
  assert.deepEqual(
    order.filter((end) => end === 'inspection' || end === 'map'),
    ['inspection', 'map'],
  );
  await publisher.stop();
  await subscriber.close();
});

test('a long list of defects is cut after the strongest, and says so', async () => {
  const subscriber = await Subscriber.open(embedded.url, 4);
  const publisher = publisherFor(embedded.url);
  publisher.start();
  publisher.publishInspection(inspection(0, 'top', [region('face', 400)]), []);
  await subscriber.until('the verdict', () => subscriber.on('/top/inspection').length === 1);
  const face = subscriber.on('/top/inspection')[0]?.json<InspectionMessage>().regions[0];
  assert.equal(face?.defects.length, 50);
  assert.equal(face?.defectsOmitted, 350);
  assert.equal(face?.defects[0]?.peak, 7.5);
  await publisher.stop();
  await subscriber.close();
});

test('a stop without a broker ends in time and says how much is left', async () => {
  const publisher = publisherFor('mqtt://127.0.0.1:1');
  publisher.start();
  await reach(publisher, 'offline');
  publisher.publishInspection(inspection(0), [await mapOf('face')]);
  const { undelivered } = await publisher.stop();
  assert.equal(undelivered, 2);
  assert.equal(publisher.state.state, 'stopped');
});
