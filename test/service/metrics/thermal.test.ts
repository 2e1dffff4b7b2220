import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { Thermal } from '../../../src/service/metrics/thermal.js';

let sys: string;
before(async () => {
  sys = await mkdtemp(join(tmpdir(), 'sideglance-sys-'));
});
after(() => rm(sys, { recursive: true, force: true }));

async function device(folder: string, files: Readonly<Record<string, string>>): Promise<string> {
  const root = await mkdtemp(join(sys, 'machine-'));
  for (const [path, text] of Object.entries(files)) {
    const file = join(root, folder, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, `${text}\n`);
  }
  return root;
}

test('a Jetson: zones of CPU and GPU in degrees, fan and throttling as shares; a zone that is switched off is absent', async () => {
  const root = await device('class/thermal', {
    'thermal_zone0/type': 'cpu-thermal',
    'thermal_zone0/temp': '48156',
    'thermal_zone1/type': 'gpu-thermal',
    'thermal_zone1/temp': '-256000',
    'thermal_zone2/type': 'gpu-thermal',
    'thermal_zone2/temp': '46500',
    'thermal_zone10/type': 'gpu-thermal',
    'thermal_zone10/temp': '40000',
    'cooling_device0/type': 'pwm-fan',
    'cooling_device0/cur_state': '2',
    'cooling_device0/max_state': '8',
    'cooling_device1/type': 'gpu-throttle-alert',
    'cooling_device1/cur_state': '1',
    'cooling_device1/max_state': '1',
    'cooling_device2/type': 'intel_powerclamp',
    'cooling_device2/cur_state': '-1',
    'cooling_device2/max_state': '100',
  });
  const { temperatures, cooling, throttleEvents } = await new Thermal(root).heat();
  assert.deepEqual(
    [...temperatures],
    [
      ['cpu-thermal', 48.156],
      ['gpu-thermal', 46.5],
      ['gpu-thermal-2', 40],
    ],
  );
  assert.deepEqual(
    [...cooling],
    [
      ['pwm-fan', 0.25],
      ['gpu-throttle-alert', 1],
      ['intel_powerclamp', 0],
    ],
  );
  assert.equal(throttleEvents, null);
});

test('a PC counts how often its cores were slowed down', async () => {
  const root = await device('devices/system/cpu', {
    'cpu0/thermal_throttle/core_throttle_count': '12',
    'cpu1/thermal_throttle/core_throttle_count': '30',
    'cpufreq/policy0': '',
  });
  assert.equal((await new Thermal(root).heat()).throttleEvents, 42);
});

test('a machine that says nothing has no temperatures, and that is no fault', async () => {
  const { temperatures, cooling, throttleEvents } = await new Thermal(join(sys, 'nowhere')).heat();
  assert.deepEqual([temperatures.size, cooling.size, throttleEvents], [0, 0, null]);
});

test('sensors are read once for scrapes that follow each other at once, and again later', async () => {
  const root = await device('class/thermal', { 'thermal_zone0/type': 'cpu', 'thermal_zone0/temp': '50000' });
  let now = 0;
  const thermal = new Thermal(root, () => now);
  const celsius = async () => (await thermal.heat()).temperatures.get('cpu');
  assert.equal(await celsius(), 50);
  await writeFile(join(root, 'class/thermal/thermal_zone0/temp'), '60000\n');
  assert.equal(await celsius(), 50);
  now += 2_000;
  assert.equal(await celsius(), 60);
});
