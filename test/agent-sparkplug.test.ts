import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { AuditMessage } from '../src/publish/command-messages.js';
import { SparkplugHost } from './publish/sparkplug/support/host.js';
import { Subscriber } from './publish/support/subscriber.js';
import { writeBrightnessBundle } from './support/brightness-bundle.js';
import { BOUND_MS, Daemon } from './support/daemon.js';

let folder: string;
let model: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sideglance-agent-'));
  model = join(folder, 'model');
  await writeBrightnessBundle(model);
});
after(() => rm(folder, { recursive: true, force: true }));

/** A camera whose frames are black and white in turn: scores 0 and 1. */
function station(name: string): object {
  const caps = 'video/x-raw,width=512,height=512,framerate=10/1';
  return {
    name,
    camera: { type: 'pipeline', pipeline: `videotestsrc is-live=true pattern=blink ! ${caps}` },
    model,
    threshold: { score: 0.5 },
    deadlineMs: 60_000,
  };
}

test('the daemon is an edge node: its stations are devices, live, dead when their process is, and back', async () => {
  const daemon = await Daemon.start([station('press')], {
    more: { sparkplug: { enabled: true, primaryHost: 'scada' } },
  });
  await daemon.until('it waits for the host', () =>
    daemon.events('sparkplug.state').some(({ state }) => state === 'waiting'),
  );
  const host = new SparkplugHost(daemon.brokerUrl, 'plant-line', 'scada');
  await host.goOnline();
  const value = (name: string) => host.tag(`device/press/${name}`)?.value;
  await host.until('a birth', () => host.of('DBIRTH').length === 1, BOUND_MS);
  const verdicts = () => new Set((host.samples.get('device/press/Part/Verdict') ?? []).map((sample) => sample.value));
  await host.until('good and bad parts', () => verdicts().has('pass') && verdicts().has('fail'), BOUND_MS);
  assert.match(String(value('Model/Id')), /@/);
  assert.equal(value('Model/Provider'), 'cpu');
  assert.equal(value('Camera/State'), 'running');
  assert.equal(value('Regions/frame/Threshold'), 0.5);

  const [pid] = daemon.stations();
  process.kill(pid as number, 'SIGKILL');
  await host.until('its death', () => host.of('DDEATH').length === 1, BOUND_MS);
  const before = Number(value('Counts/Total'));
  await host.until('its next birth', () => host.of('DBIRTH').length === 2, BOUND_MS);
  await host.until('parts of its next life', () => Number(value('Counts/Total')) > before + 2, BOUND_MS);

  daemon.process.kill('SIGTERM');
  assert.deepEqual(await daemon.ended, { code: 0, signal: null });
  assert.equal(host.of('NDEATH').length, 1);
  assert.deepEqual(host.faults, []);
});

test('what a host writes is a command like any other: allowed for a station, counted, and in the audit', async () => {
  const allow = { threshold: ['press'], trigger: 'always' };
  const daemon = await Daemon.start([station('press'), station('side')], {
    more: { sparkplug: { enabled: true }, commands: { enabled: true, allow, perMinute: 1 } },
  });
  await daemon.until('it listens', () => daemon.lines.includes('mosquitto_sub'));
  const subscriber = await Subscriber.open(daemon.brokerUrl, 4);
  const host = new SparkplugHost(daemon.brokerUrl, 'plant-line', 'scada');
  await host.goOnline();
  const value = (metric: string) => host.tag(`device/${metric}`)?.value;
  await host.rebirth('device');
  await host.until('parts', () => ['press', 'side'].every((name) => value(`${name}/Part/Verdict`)), BOUND_MS);
  const write = async (at: string, metric: string, wanted: number | boolean): Promise<string> => {
    const before = value(`${at}/Control/Commands`) as bigint;
    await host.command('device', at, [{ name: metric, value: wanted }]);
    await host.until('its answer', () => value(`${at}/Control/Commands`) === before + 1n, BOUND_MS);
    return String(value(`${at}/Control/Result`));
  };
  assert.equal(value('press/Control/Threshold'), 0.5);
  assert.equal(await write('press', 'Control/Threshold', 2.5), 'Control/Threshold: done');
  assert.equal(value('press/Control/Threshold'), 2.5);
  await host.until('a part under it', () => value('press/Regions/frame/Threshold') === 2.5, BOUND_MS);
  assert.match(await write('side', 'Control/Threshold', 2.5), /SG_COMMAND_FORBIDDEN/);
  assert.equal(await write('side', 'Control/Trigger', true), 'Control/Trigger: done');
  for (let number = 3; number <= 5; number++) await write('press', 'Control/Threshold', number);
  assert.match(await write('press', 'Control/Threshold', 6), /SG_COMMAND_RATE/);
  assert.equal(value('press/Control/Threshold'), 5);

  const audit = () => subscriber.on('/audit').map((one) => one.json<AuditMessage>());
  await subscriber.until('the audit', () => audit().some(({ code }) => code === 'SG_COMMAND_RATE'), BOUND_MS);
  assert.ok(audit().every(({ origin }) => origin === 'sparkplug'));
  assert.deepEqual(
    audit()
      .slice(0, 4)
      .map(({ event, command, station }) => [event, command, station]),
    [
      ['begun', 'threshold', 'press'],
      ['done', 'threshold', 'press'],
      ['refused', 'threshold', 'side'],
      ['done', 'trigger', 'side'],
    ],
  );
  assert.deepEqual(subscriber.on('/answer'), []);
  daemon.process.kill('SIGTERM');
  assert.deepEqual(await daemon.ended, { code: 0, signal: null });
});
