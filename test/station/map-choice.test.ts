import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MapChoice } from '../../src/station/map-choice.js';
import type { RegionResult, Verdict } from '../../src/types.js';
import { mapsConfig } from './scripted-inspector.js';

const PASS: Verdict = { result: 'pass' };
const FAIL: Verdict = { result: 'fail' };

function region(name: string, score: number, verdict: Verdict = PASS): RegionResult {
  return { region: { name }, score, verdict } as RegionResult;
}

function names(regions: readonly RegionResult[]): string {
  return regions.map(({ region: { name } }) => name).join();
}

/** Parts at this rate for `seconds`, each of one region; how many of them had a map. */
function published(choice: MapChoice, partsPerSecond: number, seconds: number, verdict = PASS, fromMs = 0): number {
  let count = 0;
  for (let i = 0; i < partsPerSecond * seconds; i++) {
    count += choice.choose(verdict, [region('a', 1, verdict)], fromMs + (i * 1000) / partsPerSecond).length;
  }
  return count;
}

test('only regions above the score are chosen, and those that have none', () => {
  const choice = new MapChoice(mapsConfig({ aboveScore: 2 }));
  const regions = [
    region('low', 2),
    region('high', 2.1),
    region('none', Number.NaN, { result: 'invalid', reason: 'blur' }),
  ];
  assert.equal(names(choice.choose(PASS, regions, 0)), 'high,none');
});

test('both the occasion and the score must hold', () => {
  const choice = new MapChoice(mapsConfig({ when: 'fail', aboveScore: 2 }));
  assert.equal(names(choice.choose(PASS, [region('high', 9)], 0)), '');
  assert.equal(names(choice.choose(FAIL, [region('low', 1), region('high', 9, FAIL)], 0)), 'high');
});

test('an overlay shows all regions of a part when one of them is above the score, and counts as one map', () => {
  const choice = new MapChoice(mapsConfig({ form: 'overlay', aboveScore: 2, perSecond: 1 }));
  const regions = [region('low', 1), region('high', 3, FAIL)];
  assert.equal(names(choice.choose(PASS, [region('low', 1)], 0)), '');
  assert.equal(names(choice.choose(FAIL, regions, 0)), 'low,high');
  assert.equal(names(choice.choose(FAIL, regions, 0)), 'low,high');
  assert.equal(names(choice.choose(FAIL, regions, 0)), '');
  assert.equal(names(choice.choose(FAIL, regions, 1000)), 'low,high');
});

test('no more maps than the rate allows, whatever they show, and no fewer', () => {
  for (const verdict of [PASS, FAIL]) {
    for (const [perSecond, seconds] of [
      [5, 20],
      [1, 60],
      [0.1, 600],
    ] as const) {
      const count = published(new MapChoice(mapsConfig({ perSecond })), 30, seconds, verdict);
      const most = perSecond * seconds + Math.max(2, perSecond);
      assert.ok(count <= most && count >= perSecond * seconds - 1, `${verdict.result}: ${count} of ${most}`);
    }
  }
});

test('a defect has its map although good parts use up the rate', () => {
  for (const perSecond of [5, 1, 0.1]) {
    const choice = new MapChoice(mapsConfig({ perSecond }));
    published(choice, 30, 60);
    assert.equal(published(choice, 1, 1, FAIL, 60_000), 1, `${perSecond}`);
  }
});

test('where not all maps of a part may go, those of regions that fail do, in the order of the regions', () => {
  const choice = new MapChoice(mapsConfig({ perSecond: 2 }));
  const regions = [region('a', 1), region('b', 5, FAIL), region('c', 1), region('d', 5, FAIL)];
  assert.equal(names(choice.choose(FAIL, regions, 0)), 'b,d');
});

test('a clock that stands still or goes back frees nothing', () => {
  const choice = new MapChoice(mapsConfig({ perSecond: 1 }));
  const taken = [9000, 9000, 0, 0].map((nowMs) => choice.choose(FAIL, [region('a', 1, FAIL)], nowMs).length);
  assert.deepEqual(taken, [1, 1, 0, 0]);
});
