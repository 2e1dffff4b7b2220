import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openOutbox } from '../../../src/publish/outbox/open.js';
import { Outbox } from '../../../src/publish/outbox/outbox.js';
import { OUTBOX_DEFAULTS } from '../../../src/publish/outbox/types.js';
import { closeAtTheEnd } from '../support/leftovers.js';
import { startMosquitto, withoutMosquitto } from '../support/mosquitto.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { EDGE, edgeNode, GROUP, NOTHING, part, RUNNING, reach, startStations } from './support/edge.js';
import { SparkplugHost } from './support/host.js';

const NUMBERS = `${EDGE}/top/Part/Number`;

/** The numbers of the parts that a host has heard of, each once. */
function heard(host: SparkplugHost): number[] {
  const numbers = (host.samples.get(NUMBERS) ?? []).map(({ value }) => (value === null ? -1 : Number(value)));
  return [...new Set(numbers)].filter((number) => number >= 0).sort((a, b) => a - b);
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, at) => at);
}

test('while the primary host is offline parts wait, over a restart of the agent too, and come as history with their first times', {
  skip: withoutMosquitto,
}, async () => {
  const broker = await startMosquitto();
  const folder = mkdtempSync(join(tmpdir(), 'sideglance-sparkplug-'));
  closeAtTheEnd(async () => rmSync(folder, { recursive: true, force: true }));
  const open = async () => {
    const outbox = await openOutbox({ ...OUTBOX_DEFAULTS, folder });
    const node = edgeNode(broker.url, { primaryHost: 'scada', outbox, bdSeqFile: join(folder, 'bdSeq') });
    node.start();
    startStations(node);
    await reach(node, 'waiting');
    return node;
  };
  const first = await open();
  const times = new Map<number, number>();
  const inspect = (node: typeof first, number: number) => {
    const one = part(number);
    times.set(number, Date.parse(one.captured.utc));
    node.publishInspection(one);
  };
  for (let number = 0; number < 100; number++) {
    inspect(first, number);
    if (number % 10 === 0) await sleep(2);
  }
  await first.stop();
  const second = await open();
  for (let number = 100; number < 200; number++) inspect(second, number);

  const host = new SparkplugHost(broker.url, GROUP, 'scada');
  await host.goOnline();
  await host.until('all parts', () => heard(host).length === 200);
  for (let number = 200; number < 220; number++) inspect(second, number);
  await host.until('those that are new', () => heard(host).length === 220);

  assert.deepEqual(heard(host), upTo(220));
  for (const { value, timestamp, isHistorical } of host.samples.get(NUMBERS) ?? []) {
    assert.equal(timestamp, times.get(Number(value)));
    // The birth tells the newest as it is now; it comes as history as well.
    if (Number(value) !== 199) assert.equal(isHistorical, Number(value) < 200);
  }
  assert.equal(host.tag(NUMBERS)?.value, 219n);
  // Each part comes whole: its verdict too, though it is that of the part before.
  const verdicts = (host.samples.get(`${EDGE}/top/Part/Verdict`) ?? []).filter(({ isHistorical }) => isHistorical);
  assert.equal(verdicts.length, 200);
  assert.deepEqual(host.faults, []);
  await second.stop();
});

test('a broker that is killed again and again under load costs no part', { skip: withoutMosquitto }, async () => {
  const broker = await startMosquitto();
  const node = edgeNode(broker.url, { primaryHost: 'scada' });
  node.start();
  startStations(node);
  let host = new SparkplugHost(broker.url, GROUP, 'scada');
  await host.goOnline();
  await reach(node, 'online');
  const all = new Set<number>();
  let number = 0;
  for (let kills = 0; kills < 5; kills++) {
    for (const end = number + 60; number < end; number++) {
      node.publishInspection(part(number));
      if (number % 3 === 0) await sleep(1);
    }
    await broker.kill();
    for (const one of heard(host)) all.add(one);
    for (const end = number + 10; number < end; number++) node.publishInspection(part(number));
    await broker.start();
    host.crash();
    host = new SparkplugHost(broker.url, GROUP, 'scada');
    await host.goOnline();
    await reach(node, 'online');
  }
  await host.until('the last part', () => heard(host).includes(number - 1));
  await host.until('all parts', () => new Set([...all, ...heard(host)]).size === number);
  assert.deepEqual(host.faults, []);
  await node.stop();
});

test('what was sent to a host that had gone without a word is sent once more when it is back', {
  skip: withoutMosquitto,
}, async () => {
  const broker = await startMosquitto();
  const wire = await startTcpProxy(broker.port);
  const node = edgeNode(broker.url, { primaryHost: 'scada' });
  node.start();
  startStations(node);
  const host = new SparkplugHost(wire.url, GROUP, 'scada', 1);
  await host.goOnline();
  await host.until('births', () => host.of('DBIRTH').length === 2);
  for (let number = 0; number < 20; number++) node.publishInspection(part(number));
  await host.until('the first parts', () => heard(host).length === 20);
  wire.freeze();
  const missed = reach(node, 'offline');
  for (let number = 20; number < 40; number++) node.publishInspection(part(number));
  await missed;
  host.crash();
  const next = new SparkplugHost(broker.url, GROUP, 'scada');
  await next.goOnline();
  await next.until('what the first one has missed', () => heard(next).length === 40);
  assert.deepEqual(heard(host), upTo(20));
  assert.deepEqual(heard(next), upTo(40));
  await node.stop();
});

test('with resendMs 0 nothing comes twice', { skip: withoutMosquitto }, async () => {
  const broker = await startMosquitto();
  const node = edgeNode(broker.url, { resendMs: 0 });
  node.start();
  const host = new SparkplugHost(broker.url, GROUP, 'scada');
  await host.goOnline();
  startStations(node);
  await host.until('births', () => host.of('DBIRTH').length === 2);
  for (let number = 0; number < 20; number++) node.publishInspection(part(number));
  await host.until('all', () => heard(host).length === 20);
  // Long enough for the broker to confirm them.
  await sleep(200);
  await host.rebirth(EDGE);
  await host.until('births again', () => host.of('DBIRTH').length === 4);
  node.publishInspection(part(20));
  await host.until('the next part', () => heard(host).length === 21);
  assert.equal(
    (host.samples.get(NUMBERS) ?? []).filter(({ isHistorical, value }) => isHistorical && value === 5n).length,
    0,
  );
  await node.stop();
});

test('what had no room is announced, with how much it was and from when to when', {
  skip: withoutMosquitto,
}, async () => {
  const broker = await startMosquitto();
  const outbox = new Outbox({ maxBytes: 100_000 });
  const node = edgeNode(broker.url, { primaryHost: 'scada', outbox });
  node.start();
  startStations(node);
  await reach(node, 'waiting');
  const begun = Date.now();
  for (let number = 0; number < 200; number++) node.publishInspection(part(number));
  const host = new SparkplugHost(broker.url, GROUP, 'scada');
  await host.goOnline();
  await host.until('the last part', () => heard(host).includes(199));
  await host.until('the gap', () => (host.tag(`${EDGE}/top/History/Dropped`)?.value as bigint) > 0n);
  const dropped = Number(host.tag(`${EDGE}/top/History/Dropped`)?.value);
  // The birth brings the newest part, and with it nothing is missing: parts, the model and the camera.
  await host.until('the rest', () => heard(host).length + dropped >= 200);
  assert.ok(dropped > 50 && heard(host).length < 150, `${dropped} dropped, ${heard(host).length} heard`);
  for (const name of ['From', 'To']) {
    const time = Number(host.tag(`${EDGE}/top/History/Dropped ${name}`)?.value);
    assert.ok(time >= begun - 60_000 && time <= Date.now(), `${name} ${time}`);
  }
  node.refresh();
  await host.until('the count', () => (host.tag(`${EDGE}/Store/Dropped`)?.value as bigint) >= BigInt(dropped));
  await node.stop();
});

test('what happens at a station that is dead comes as history after its next birth', {
  skip: withoutMosquitto,
}, async () => {
  const broker = await startMosquitto();
  const node = edgeNode(broker.url);
  const host = new SparkplugHost(broker.url, GROUP, 'scada');
  await host.goOnline();
  node.start();
  startStations(node);
  await host.until('births', () => host.of('DBIRTH').length === 2);
  node.publishInspection(part(0));
  node.publishModel('top', NOTHING);
  await host.until('its death', () => host.of('DDEATH').length === 1);
  assert.deepEqual(heard(host), [0]);
  const lost = { ...part(1), verdict: { result: 'invalid', reason: 'station lost' } as const, regions: [] };
  node.publishInspection(lost);
  node.publishInspection(part(7, 'side'));
  await host.until('the other station', () => host.tag(`${EDGE}/side/Part/Number`)?.value === 7n);
  assert.deepEqual(heard(host), [0]);
  assert.equal(host.tag(NUMBERS)?.isStale, true);
  node.publishModel('top', RUNNING);
  await host.until('its history', () =>
    (host.samples.get(NUMBERS) ?? []).some((one) => one.isHistorical && one.value === 1n),
  );
  assert.equal(host.tag(`${EDGE}/top/Part/Reason`)?.value, 'station lost');
  // A region that was not looked at has no score.
  assert.equal(host.tag(`${EDGE}/top/Regions/face/Score`)?.value, null);
  assert.deepEqual(host.faults, []);
  await node.stop();
});
