import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../src/random.js';
import {
  addVerdict,
  newRejects,
  normalRate,
  REJECTS,
  type RejectState,
} from '../../../src/service/alarms/reject-rate.js';

const LIMIT = Math.log(1e8);

function feed(
  state: RejectState,
  random: Random,
  rate: number,
  parts: number,
  configured: number | 'auto' = 'auto',
): number {
  for (let part = 1; part <= parts; part++) {
    if (addVerdict(state, random.chance(rate), configured, LIMIT)) return part;
  }
  return Number.POSITIVE_INFINITY;
}

test('what is normal is learnt from the first verdicts, with an upper bound', () => {
  const random = new Random(1);
  const state = newRejects();
  feed(state, random, 0.05, REJECTS.learnt - 1);
  assert.equal(normalRate(state, 'auto'), null);
  feed(state, random, 0.05, 1);
  const rate = normalRate(state, 'auto') as number;
  assert.ok(rate > state.rejects / state.verdicts && rate < 0.09, String(rate));
  assert.equal(normalRate(state, 0.02), 0.02);
});

test('a rate that stays raises no alarm in 100,000 parts; three times as many rejects do, within 1,000', () => {
  const random = new Random(2);
  const state = newRejects();
  assert.equal(feed(state, random, 0.05, 100_000), Number.POSITIVE_INFINITY);
  assert.ok(feed(state, random, 0.15, 1_000) <= 1_000);
  assert.equal(state.cusum.raised, true);
  const share = state.cusum.sum / state.cusum.count;
  assert.ok(Math.abs(share - 0.15) < 0.06, `the share since the change is told: ${share}`);
  assert.ok(feed(state, random, 0.05, 5_000) <= 5_000);
  assert.equal(state.cusum.raised, false);
});

test('a line that rejects nothing and then one in twenty is noticed', () => {
  const random = new Random(3);
  const state = newRejects();
  feed(state, random, 0, REJECTS.learnt);
  assert.ok(feed(state, random, 0.05, 1_000) <= 1_000);
});

test('with a rate that is told, it begins at the first part', () => {
  const state = newRejects();
  const random = new Random(4);
  assert.ok(feed(state, random, 0.5, 100, 0.02) <= 100);
});

test('also rates near and above one half have their alarm', () => {
  const random = new Random(5);
  const state = newRejects();
  assert.equal(feed(state, random, 0.7, 20_000), Number.POSITIVE_INFINITY);
  assert.ok(feed(state, random, 1, 500) <= 500);
});
