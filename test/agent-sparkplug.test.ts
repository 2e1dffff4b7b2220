import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { SparkplugHost } from './publish/sparkplug/support/host.js';
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

test('the daemon is an edge node: its stations are devices, live, dead when their process is, and back', async () => {
  const caps = 'video/x-raw,width=512,height=512,framerate=10/1';
  const press = {
    name: 'press',
    camera: { type: 'pipeline', pipeline: `videotestsrc is-live=true pattern=blink ! ${caps}` },
    model,
    threshold: { score: 0.5 },
    deadlineMs: 60_000,
  };
  const daemon = await Daemon.start([press], { more: { sparkplug: { enabled: true, primaryHost: 'scada' } } });
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
