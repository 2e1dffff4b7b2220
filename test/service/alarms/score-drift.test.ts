import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../src/random.js';
import { addScore, DRIFT, type DriftState, newDrift } from '../../../src/service/alarms/score-drift.js';

const LIMIT = Math.log(1e8);
const LEARNT = DRIFT.batch * DRIFT.learnt;

/** Scores of mean 5 and deviation 2. */
function learnt(random: Random): DriftState {
  const state = newDrift();
  for (let i = 0; i < LEARNT; i++) addScore(state, 5 + 2 * random.normal(), LIMIT);
  return state;
}

function feed(state: DriftState, random: Random, mean: number, parts: number, deviation = 2): number {
  for (let part = 1; part <= parts; part++) {
    if (addScore(state, mean + deviation * random.normal(), LIMIT)) return part;
  }
  return Number.POSITIVE_INFINITY;
}

test('nothing is judged while it is learnt what is normal, whatever comes', () => {
  const state = newDrift();
  for (let i = 0; i < LEARNT; i++) assert.equal(addScore(state, i, LIMIT), false);
  assert.deepEqual([state.high.evidence, state.low.evidence], [0, 0]);
});

test('scores that stay as they were raise no alarm in 100,000 parts', () => {
  const random = new Random(1);
  assert.equal(feed(learnt(random), random, 5, 100_000), Number.POSITIVE_INFINITY);
});

test('a shift by one and a half deviations is noticed within 200 parts, to either side, and on the right side', () => {
  const random = new Random(2);
  const high = learnt(random);
  assert.ok(feed(high, random, 8, 200) <= 200);
  assert.deepEqual([high.high.raised, high.low.raised], [true, false]);
  const low = learnt(random);
  assert.ok(feed(low, random, 2, 200) <= 200);
  assert.deepEqual([low.high.raised, low.low.raised], [false, true]);
});

test('a shift by half a deviation passes as the play between lots', () => {
  const random = new Random(3);
  assert.equal(feed(learnt(random), random, 6, 20_000), Number.POSITIVE_INFINITY);
});

test('the alarm is taken back when the scores are as before, however long they were not', () => {
  const random = new Random(4);
  const state = learnt(random);
  feed(state, random, 9, 200);
  for (let i = 0; i < 50_000; i++) addScore(state, 9 + 2 * random.normal(), LIMIT);
  assert.equal(state.high.raised, true);
  assert.ok(feed(state, random, 5, 500) <= 500);
  assert.equal(state.high.raised, false);
});

test('a few very strange scores in a row are no drift', () => {
  const random = new Random(5);
  const state = learnt(random);
  for (let i = 0; i < 3 * DRIFT.batch; i++) assert.equal(addScore(state, 1e6, LIMIT), false);
});

test('scores that never differ raise no alarm, and divide nothing by nothing', () => {
  const state = newDrift();
  for (let i = 0; i < LEARNT + 1_000; i++) assert.equal(addScore(state, 0, LIMIT), false);
  for (let i = 0; i < 1_000; i++) assert.equal(addScore(state, 1, LIMIT), false);
});

test('what neighbouring scores have in common is learnt with them: lots of ten raise no alarm', () => {
  const random = new Random(6);
  const state = newDrift();
  for (let lot = 0; lot < 10_000; lot++) {
    const mean = 5 + 2 * random.normal();
    for (let i = 0; i < 10; i++) assert.equal(addScore(state, mean + random.normal(), LIMIT), false);
  }
});
