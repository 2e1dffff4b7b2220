import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import sharp from 'sharp';
import { encodeFrame, encodeMap } from '../../src/encode/attachments.js';
import { greyPngText } from '../../src/encode/png.js';
import { type InspectionMessage, pictureSchema } from '../../src/publish/messages.js';
import type { Attachment } from '../../src/types.js';
import { inspection, mapOf, publisherFor, reach, region } from './support/inspections.js';
import { startMosquitto, withoutMosquitto } from './support/mosquitto.js';
import { Subscriber } from './support/subscriber.js';
import { startTcpProxy } from './support/tcp-proxy.js';

const skip = withoutMosquitto;
const SIX_KB = { conf: 'max_packet_size 6000' };

function verdicts(subscriber: Subscriber): InspectionMessage[] {
  return subscriber.on('/inspection').map((message) => message.json<InspectionMessage>());
}

/** A frame of noise, which no JPEG compresses well. */
function noisyFrame(width: number, height: number): Promise<Attachment> {
  const data = Buffer.alloc(width * height);
  let state = 1;
  for (let at = 0; at < data.length; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    data[at] = state >>> 24;
  }
  return encodeFrame({ width, height, stride: width, format: 'GRAY8', data });
}

test('a map and a frame larger than the broker takes are made smaller, a verdict is shortened, nothing is left out', {
  skip,
}, async () => {
  const broker = await startMosquitto(SIX_KB);
  const subscriber = await Subscriber.open(broker.url);
  const publisher = publisherFor(broker.url);
  publisher.start();
  assert.equal((await reach(publisher, 'online')).maxPacketBytes, 6000);
  const noisy = await mapOf('face', 100, 3);
  const frame = await noisyFrame(320, 240);
  assert.ok(noisy.bytes.byteLength > 6000 && frame.bytes.byteLength > 6000);
  publisher.publishInspection(inspection(0, 'top', [region('face', 50), region('rim', 50)]), [noisy, frame]);
  publisher.publishInspection(inspection(1), [await mapOf('face', 32, 3)]);
  await subscriber.until(
    'all pictures',
    () => subscriber.on('/map').length === 2 && subscriber.on('/frame').length === 1,
  );

  const [first, second] = verdicts(subscriber);
  assert.deepEqual([first?.verdict, first?.reduced, first?.regions[0]?.defectsOmitted], ['fail', true, 50]);
  assert.deepEqual([second?.reduced, second?.regions[0]?.defects.length], [false, 1]);
  // In their order, though the first one took its time.
  assert.deepEqual(
    subscriber.on('/map').map(({ properties }) => properties.seq),
    ['0', '1'],
  );

  const [smaller, small] = subscriber.on('/map');
  assert.ok(smaller && small);
  const { properties, payload } = smaller;
  assert.deepEqual(pictureSchema.parse(properties), properties);
  const attachment = first?.attachments.find(({ kind }) => kind === 'map');
  assert.equal(properties.originalSha256, attachment?.sha256);
  assert.equal(properties.originalSha256, createHash('sha256').update(noisy.bytes).digest('hex'));
  // 32 rows and columns in the properties of this region, whatever its picture: half of them, twice as large.
  assert.deepEqual([properties.rows, properties.columns, properties.cell], ['16', '16', '16']);
  assert.deepEqual([properties.width, properties.height], ['50', '50']);
  const pixels = await sharp(payload).raw().toBuffer({ resolveWithObject: true });
  assert.deepEqual([pixels.info.width, pixels.info.height], [50, 50]);
  assert.equal(small.properties.originalSha256, undefined);

  const [shot] = subscriber.on('/frame');
  assert.equal(shot?.properties.originalSha256, createHash('sha256').update(frame.bytes).digest('hex'));
  const { width = 0, height = 0, format } = await sharp(shot?.payload).metadata();
  assert.deepEqual([String(width), String(height), format], [shot?.properties.width, shot?.properties.height, 'jpeg']);
  assert.ok(width < 320 && Math.abs(width / height - 4 / 3) < 0.05);

  const { shrunk, dropped, gapsAnnounced, connections } = publisher.counters();
  assert.deepEqual([shrunk, dropped.tooLarge.map, dropped.tooLarge.frame, gapsAnnounced, connections], [2, 0, 0, 0, 1]);
  await publisher.stop();
  await subscriber.close();
  await broker.stop();
});

test('a broker that just closes on what is too large (3.1.1) gets the same map smaller, and later ones at once', {
  skip,
}, async () => {
  const broker = await startMosquitto(SIX_KB);
  const subscriber = await Subscriber.open(broker.url);
  const publisher = publisherFor(broker.url, {
    mqtt: { url: broker.url, protocolVersion: 4 },
    limits: { backoffMinMs: 5, backoffMaxMs: 20 },
  });
  publisher.start();
  await reach(publisher, 'online');
  const noisy = await mapOf('face', 100, 3);
  publisher.publishInspection(inspection(0), [noisy]);
  for (const at of [1, 2, 3]) publisher.publishInspection(inspection(at), [await mapOf('face', 32, 3)]);
  await subscriber.until('four maps', () => subscriber.on('/map').length >= 4);
  const original = createHash('sha256').update(noisy.bytes).digest('hex');
  const texts = subscriber.on('/map').map(({ payload }) => greyPngText(payload)['sideglance.original']);
  assert.deepEqual(
    texts.filter((text) => text !== undefined),
    [original],
  );

  const { connections } = publisher.counters();
  publisher.publishInspection(inspection(4), [noisy]);
  await subscriber.until('the large map again', () => subscriber.on('/map').length >= 5);
  const after = publisher.counters();
  assert.equal(after.connections, connections, 'it was sent as it is again');
  assert.deepEqual([after.dropped.refused.map, after.dropped.refused.verdict, after.gapsAnnounced], [0, 0, 0]);
  assert.deepEqual([...new Set(verdicts(subscriber).map(({ part }) => part.sequence))], [0, 1, 2, 3, 4]);
  await publisher.stop();
  await subscriber.close();
  await broker.stop();
});

test('what no picture fits into is announced as a gap; a value that does not fit is reported and left out', {
  skip,
}, async () => {
  const broker = await startMosquitto({ conf: 'max_packet_size 1000' });
  const subscriber = await Subscriber.open(broker.url);
  const publisher = publisherFor(broker.url);
  const refused: string[] = [];
  publisher.on('refused', ({ message }) => refused.push(message));
  publisher.start();
  await reach(publisher, 'online');
  const reason = 'it smokes '.repeat(100);
  publisher.publishCamera('top', { state: 'lost', reason, at: inspection(0).captured });
  const tight = { ...inspection(0, 'top', []), model: null };
  publisher.publishInspection(tight, [{ ...(await noisyFrame(17, 4000)), region: 'x'.repeat(60) }]);
  await subscriber.until('the gap', () => subscriber.on('/gap').length === 1);
  assert.equal(publisher.counters().dropped.tooLarge.frame, 1);
  assert.equal(verdicts(subscriber).length, 1);
  assert.match(refused[0] ?? '', /refuses .*\/top\/camera \(it takes packets of at most 1000 bytes\): raise its limit/);
  assert.equal(publisher.counters().connections, 1);
  await publisher.stop();
  await subscriber.close();
  await broker.stop();
});

test('a connection that goes while a map is made smaller: it comes once, in its place', { skip }, async () => {
  const broker = await startMosquitto(SIX_KB);
  const subscriber = await Subscriber.open(broker.url);
  const proxy = await startTcpProxy(broker.port);
  const publisher = publisherFor(proxy.url, { limits: { backoffMinMs: 5, backoffMaxMs: 20 } });
  publisher.start();
  await reach(publisher, 'online');
  publisher.publishInspection(inspection(0), [await mapOf('face', 300, 3)]);
  // The map is taken out of the store in this turn.
  await new Promise((done) => setImmediate(done));
  proxy.cut();
  publisher.publishInspection(inspection(1), [await mapOf('face', 32, 3)]);
  await subscriber.until('both maps', () => subscriber.on('/map').some(({ properties }) => properties.seq === '1'));
  const seqs = subscriber.on('/map').map(({ properties }) => properties.seq);
  assert.deepEqual([...new Set(seqs)], ['0', '1']);
  assert.deepEqual(await publisher.stop(), { undelivered: 0 });
  await Promise.all([subscriber.close(), proxy.close()]);
  await broker.stop();
});

test('a hot cell stays as hot as it was, in the cell that takes its place', async () => {
  const values = new Float32Array(90 * 70);
  for (let at = 0; at < values.length; at++) values[at] = ((at * 7919) % 97) / 97;
  values[61 * 90 + 83] = 9;
  const map = { rows: 70, columns: 90, cell: 8, inputWidth: 720, inputHeight: 560, values };
  const { bytes } = await encodeMap(map, 'face', { min: 0, max: 10 });
  const { shrinkPicture } = await import('../../src/encode/shrink.js');
  const smaller = await shrinkPicture('image/png', bytes, 1200);
  assert.ok(smaller?.pooled);
  assert.ok(smaller.bytes.byteLength <= 1200);
  const { pooled, width, height } = smaller;
  assert.deepEqual([width, height], [Math.ceil(90 / pooled), Math.ceil(70 / pooled)]);
  const { data } = await sharp(smaller.bytes).toColourspace('b-w').raw().toBuffer({ resolveWithObject: true });
  assert.equal(data[Math.floor(61 / pooled) * width + Math.floor(83 / pooled)], Math.round(9 / (10 / 255)));
  const text = greyPngText(smaller.bytes);
  assert.equal(text['sideglance.geometry'], `${8 * pooled} pixels a cell, model input 720x560`);
  assert.equal(text['sideglance.region'], 'face');
});

test('a picture that would mean something else when it is smaller is left as it is: 16 bits, or no picture at all', async () => {
  const { shrinkPicture } = await import('../../src/encode/shrink.js');
  const values = new Uint16Array(64 * 64).map((_, at) => at * 15);
  const raw = { width: 64, height: 64, channels: 1 } as const;
  const fine = await sharp(values, { raw }).toColourspace('grey16').png().toBuffer();
  assert.equal((await sharp(fine).metadata()).depth, 'ushort');
  assert.equal(await shrinkPicture('image/png', fine, 500), null);
  assert.equal(await shrinkPicture('application/octet-stream', fine, 500), null);
});
