import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Overrides, withOverrides } from '../../src/commands/overrides.js';
import { ConfigSchema, type StationConfig } from '../../src/config/schema.js';
import { commandsConfig, EVERYTHING } from './support.js';

function stationOf(more: object = {}, name = 'top'): StationConfig {
  const device = { site: 's', line: 'l', name: 'd' };
  const camera = { type: 'gige', gainDb: 2 };
  const { stations } = ConfigSchema.parse({ device, stations: [{ name, camera, ...more }] });
  return { ...stations[0], model: '/model' } as StationConfig;
}

const STATION = stationOf({ threshold: { score: 3 } });
const CHANGE = {
  paused: true,
  threshold: { value: { falseRejectRate: 0.01 }, insteadOf: { score: 3 } },
  exposureMicroseconds: { value: 900, insteadOf: null },
  gainDb: { value: 6, insteadOf: 2 },
} as const;

test('a change is there again after a restart, in what the station is given to do', () => {
  const config = commandsConfig();
  Overrides.open(config, [STATION]).set('top', CHANGE);
  const again = Overrides.open(config, [STATION]);
  assert.deepEqual(again.of('top'), CHANGE);
  assert.deepEqual(again.of('side'), {});
  const { camera, threshold } = withOverrides(STATION, again.of('top'));
  assert.deepEqual(threshold, { falseRejectRate: 0.01 });
  assert.deepEqual(camera.type === 'gige' && [camera.exposureMicroseconds, camera.gainDb], [900, 6]);
  again.set('top', {});
  assert.deepEqual(Overrides.open(config, [STATION]).of('top'), {});
  assert.deepEqual(readdirSync(config.folder), ['overrides.json']);
});

test('the configuration wins: a value that was written anew there takes the change back, and only that one', () => {
  const config = commandsConfig();
  Overrides.open(config, [STATION]).set('top', CHANGE);
  const edited = stationOf({ threshold: { score: 4 } });
  const overrides = Overrides.open(config, [edited]);
  assert.deepEqual(overrides.dropped, [
    { station: 'top', setting: 'threshold', reason: 'the configuration was changed' },
  ]);
  assert.deepEqual(Object.keys(overrides.of('top')), ['paused', 'exposureMicroseconds', 'gainDb']);
  assert.deepEqual(withOverrides(edited, overrides.of('top')).threshold, { score: 4 });
});

test('a change that no command may make any more does not hold, nor one of a station that is gone', () => {
  const config = commandsConfig();
  Overrides.open(config, [STATION]).set('top', CHANGE);
  const allow = { ...EVERYTHING, pause: 'never', threshold: 'never', camera: ['side'] } as typeof config.allow;
  const { dropped } = Overrides.open({ ...config, allow }, [STATION]);
  assert.deepEqual(
    dropped.map(({ setting }) => setting),
    // `calibrate` still sets thresholds.
    ['paused', 'exposureMicroseconds', 'gainDb'],
  );
  const renamed = Overrides.open(config, [stationOf({}, 'left')]);
  assert.deepEqual(new Set(renamed.dropped.map(({ reason }) => reason)), new Set(['there is no such station']));
});

test('a damaged file is set aside, and the configuration holds', () => {
  const config = commandsConfig();
  for (const text of [
    '',
    '{',
    '[]',
    '{"format":"sideglance-overrides/1","stations":{"top":{"threshold":{"value":{"score":"9"}}}}}',
  ]) {
    const path = join(config.folder, 'overrides.json');
    writeFileSync(path, text);
    const overrides = Overrides.open(config, [STATION]);
    assert.match(overrides.fault ?? '', /was damaged/);
    assert.deepEqual(overrides.of('top'), {});
    assert.equal(readFileSync(`${path}.damaged`, 'utf8'), text);
    assert.ok(!existsSync(path));
  }
});

test('what cannot be written is not changed', () => {
  const config = commandsConfig();
  const overrides = Overrides.open(config, [STATION]);
  overrides.set('top', { paused: true });
  mkdirSync(join(config.folder, 'overrides.json.partial'));
  assert.throws(() => overrides.set('top', {}), { code: 'SG_STORAGE' });
  assert.deepEqual(overrides.of('top'), { paused: true });
  rmSync(join(config.folder, 'overrides.json.partial'), { recursive: true, force: true });
  assert.deepEqual(Overrides.open(config, [STATION]).of('top'), { paused: true });
});
