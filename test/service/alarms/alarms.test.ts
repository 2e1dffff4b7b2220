import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { AlarmsSchema } from '../../../src/config/alarms.js';
import type { StationConfig } from '../../../src/config/schema.js';
import { Random } from '../../../src/random.js';
import { type AlarmChange, Alarms } from '../../../src/service/alarms/alarms.js';
import { AlarmKeeper } from '../../../src/service/alarms/keeper.js';
import type { Inspection, Verdict } from '../../../src/types.js';
import { inspectionOf, regionOf } from '../../support/condition.js';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sideglance-alarms-'));
});
after(() => rm(folder, { recursive: true, force: true }));

const THRESHOLD = 10;
const at = { utc: '2025-03-01T06:15:00.250Z', monotonicMs: 1 };
const now = () => at;

function station(alarms: object = {}): StationConfig {
  const regions = [
    { name: 'face', x: 0, y: 0, width: 8, height: 8 },
    { name: 'edge', x: 8, y: 0, width: 8, height: 8 },
  ];
  // Only what alarms look at.
  return { name: 'top', regions, alarms: AlarmsSchema.parse(alarms) } as unknown as StationConfig;
}

/** A part whose face has this score. */
function part(score: number, threshold = THRESHOLD, model = 'bracket@3'): Inspection {
  return { ...inspectionOf({ result: 'pass' }, [regionOf('face', score, threshold)]), model };
}

function feed(
  alarms: { add(one: Inspection): AlarmChange[] },
  random: Random,
  mean: number,
  parts: number,
): AlarmChange[] {
  return Array.from({ length: parts }, () => alarms.add(part(mean + random.normal()))).flat();
}

test('an alarm tells where, since when, and what was normal; it is taken back with the change', () => {
  const random = new Random(1);
  const alarms = new Alarms([station()], now);
  assert.deepEqual(feed(alarms, random, 2, 2_000), []);
  const [raised, ...more] = feed(alarms, random, 4, 500);
  assert.deepEqual(more, []);
  assert.deepEqual(
    [raised?.alarm, raised?.station, raised?.region, raised?.raised],
    ['score-high', 'top', 'face', true],
  );
  const [standing] = alarms.raised('top');
  assert.deepEqual([standing?.alarm, standing?.region, standing?.since], ['score-high', 'face', at]);
  assert.match(standing?.text ?? '', /higher than they were: [34]\.\d+ on average, (1\.9|2|2\.0)\d* when/);
  const [cleared] = feed(alarms, random, 2, 500);
  assert.deepEqual([cleared?.alarm, cleared?.raised], ['score-high', false]);
  assert.deepEqual(alarms.raised('top'), []);
});

test('rejected regions are no drift of good scores, and an alarm of their own', () => {
  const random = new Random(2);
  const alarms = new Alarms([station()], now);
  feed(alarms, random, 2, 2_000);
  const changes = Array.from({ length: 400 }, () =>
    alarms.add(part(random.chance(0.3) ? 50 : 2 + random.normal())),
  ).flat();
  assert.deepEqual(
    changes.map(({ alarm, raised }) => [alarm, raised]),
    [['reject-rate', true]],
  );
  assert.match(alarms.raised('top')[0]?.text ?? '', /\d+ % of the last \d+ parts/);
});

test('regions that could not be judged count as rejected, and have no score', () => {
  const random = new Random(3);
  const alarms = new Alarms([station()], now);
  feed(alarms, random, 2, 2_000);
  const invalid: Verdict = { result: 'invalid', reason: 'no part' };
  const blind = inspectionOf(invalid, [regionOf('face', Number.NaN, Number.NaN, invalid)]);
  const changes = Array.from({ length: 50 }, () => alarms.add(blind)).flat();
  assert.deepEqual(
    changes.map(({ alarm }) => alarm),
    ['reject-rate'],
  );
});

test('another model or threshold is learnt anew, and takes back what was raised', () => {
  for (const [threshold, model] of [
    [THRESHOLD, 'bracket@4'],
    [THRESHOLD + 1, 'bracket@3'],
  ] as const) {
    const random = new Random(4);
    const alarms = new Alarms([station()], now);
    feed(alarms, random, 2, 1_000);
    feed(alarms, random, 5, 500);
    assert.equal(alarms.raised('top').length, 1);
    assert.deepEqual(
      alarms.add(part(5, threshold, model)).map(({ raised }) => raised),
      [false],
    );
    assert.ok(alarms.standings('top').every(({ evidence }) => evidence === null));
  }
});

test('regions and stations that the configuration does not name are left out; what is switched off is not there', () => {
  const alarms = new Alarms([station({ scoreShift: 'never', rejectRate: 0.02 })], now);
  assert.deepEqual(
    alarms.standings('top').map(({ region, alarm }) => `${region} ${alarm}`),
    ['face reject-rate', 'edge reject-rate'],
  );
  const strange = inspectionOf({ result: 'fail' }, [regionOf('nose', 99, 1)]);
  for (let i = 0; i < 200; i++) assert.deepEqual(alarms.add(strange), []);
  assert.deepEqual(alarms.add({ ...strange, part: { ...strange.part, station: 'elsewhere' } }), []);
});

test('the next run goes on with what was learnt, and with the alarms that were raised', async () => {
  const changes: AlarmChange[] = [];
  const faults: string[] = [];
  const keeper = () =>
    new AlarmKeeper({
      stations: [station()],
      folder: join(folder, 'kept', 'deep'),
      now,
      onChange: (change) => changes.push(change),
      onFault: ({ message }) => faults.push(message),
    });
  const feedKeeper = (to: AlarmKeeper, random: Random, mean: number, parts: number) => {
    for (let i = 0; i < parts; i++) to.add(part(mean + random.normal()));
  };
  const random = new Random(5);
  const first = keeper();
  feedKeeper(first, random, 2, 1_500);
  await first.stop();
  const second = keeper();
  feedKeeper(second, random, 4, 300);
  assert.deepEqual(
    changes.map(({ alarm, raised }) => [alarm, raised]),
    [['score-high', true]],
  );
  await second.stop();
  const third = keeper();
  assert.deepEqual(third.alarms.raised('top'), second.alarms.raised('top'));
  assert.equal(third.alarms.raised('top').length, 1);
  assert.deepEqual(faults, []);
  assert.deepEqual(await readdir(join(folder, 'kept', 'deep')), ['alarms.json']);
});

test('a memory that is damaged is learnt anew, one that cannot be written is told once', async () => {
  const faults: string[] = [];
  const options = {
    stations: [station()],
    now,
    onChange: () => {},
    onFault: ({ message }: Error) => faults.push(message),
  };
  await writeFile(join(folder, 'alarms.json'), '{"schema":"sideglance/alarms/1","stations":{"top":{"face":');
  const damaged = new AlarmKeeper({ ...options, folder });
  assert.deepEqual(damaged.alarms.raised('top'), []);
  assert.match(faults.pop() ?? '', /alarms\.json cannot be read .* learnt anew/);

  const blocked = new AlarmKeeper({ ...options, folder: join(folder, 'alarms.json', 'no-folder') });
  for (let i = 0; i < 2; i++) {
    blocked.add(part(1));
    await blocked.stop();
  }
  assert.equal(faults.length, 1);
  assert.match(faults[0] ?? '', /cannot be written/);
});
