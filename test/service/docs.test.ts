import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { AlarmsSchema } from '../../src/config/alarms.js';
import type { StationConfig } from '../../src/config/schema.js';
import { HttpSchema } from '../../src/config/service.js';
import { PACKAGE_ROOT } from '../../src/paths.js';
import { healthSchema } from '../../src/publish/health-message.js';
import { Alarms } from '../../src/service/alarms/alarms.js';
import { ALARMS } from '../../src/service/alarms/region-alarms.js';
import { generatedServiceDocs } from '../../src/service/docs.js';
import { Metrics } from '../../src/service/metrics/metrics.js';
import { inspectionOf, regionOf, wellHealth } from '../support/condition.js';

const read = (path: string) => readFileSync(join(PACKAGE_ROOT, path), 'utf8');
const text = read('docs/monitoring.md');

for (const [path, generated] of Object.entries(generatedServiceDocs())) {
  test(`${path} is up to date (npm run docs)`, () => {
    assert.equal(read(path), generated);
  });
}

test('docs/monitoring.md names every reason and alarm, and the address that is the default', () => {
  const reasons = healthSchema.shape.reasons.element.shape.reason.options;
  for (const name of [...reasons, ...ALARMS]) assert.ok(text.includes(`\`${name}\``), name);
  const { host, port } = HttpSchema.parse({});
  assert.ok(text.includes(`\`${host}:${port}\``));
});

test('the alarms of the message are those that there are', () => {
  const { alarms } = healthSchema.shape.stations.element.shape;
  assert.deepEqual(alarms.element.shape.alarm.options, [...ALARMS]);
});

/** How many series there are with these stations and regions, all of their stages and verdicts counted. */
async function series(stations: number, regions: number): Promise<number> {
  const names = Array.from({ length: regions }, (_, i) => `region-${i}`);
  const configs = Array.from({ length: stations }, (_, i) => ({
    name: `station-${i}`,
    regions: names.map((name) => ({ name, x: 0, y: 0, width: 1, height: 1 })),
    alarms: AlarmsSchema.parse({}),
  })) as unknown as StationConfig[];
  const metrics = new Metrics(configs.map(({ name }) => ({ name, regions: names })));
  const alarms = new Alarms(configs, () => ({ utc: '', monotonicMs: 0 }));
  for (const { name } of configs) {
    const judged = names.map((region) => regionOf(region, 1, 4));
    metrics.countPart(inspectionOf({ result: 'pass' }, judged, name), 50);
    metrics.countDelivery(name, 5);
  }
  const [one] = wellHealth().stations;
  const health = { ...wellHealth(), stations: configs.map(({ name }) => ({ ...one!, name })) };
  const heat = { temperatures: new Map(), cooling: new Map(), throttleEvents: null };
  const outboxAgeMs = { verdict: 0, map: 0, frame: 0 };
  const served = await metrics.text({ health, alarms, heat, outboxAgeMs, droppedOutput: { stdout: 0, stderr: 0 } });
  return served.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length;
}

test('docs/monitoring.md says how many series there are', async () => {
  const [device, station, region] = [await series(0, 0), await series(1, 0), await series(1, 1)];
  const told = /some (\d+) for each\s+station, (\d+) for each region, (\d+) for the device/.exec(text);
  assert.ok(told);
  const real = [station - device, region - station, device];
  for (const [i, number] of real.entries()) {
    const stated = Number(told[i + 1]);
    assert.ok(Math.abs(stated - number) <= 0.15 * number, `${real} are ${told.slice(1)} in the text`);
  }
});
