import assert from 'node:assert/strict';
import { test } from 'node:test';
import { calibrate, pValueOf, quantileThreshold, ratePerRegion, thresholdFrom } from '../../src/infer/calibration.js';
import { normalQuantile, studentQuantile } from '../../src/infer/quantiles.js';

const hundred = Array.from({ length: 99 }, (_, i) => i + 1);

test('the threshold is the conformal quantile of the good scores', () => {
  // n = 99: ⌈100 · 0.99⌉ = 99th, ⌈100 · 0.95⌉ = 95th of the scores 1 to 99.
  assert.deepEqual(quantileThreshold(hundred, 0.01), { score: 99, extrapolated: false, interval: null });
  assert.deepEqual(quantileThreshold(hundred, 0.05), { score: 95, extrapolated: false, interval: null });
  assert.deepEqual(quantileThreshold(hundred, 0.5), { score: 50, extrapolated: false, interval: null });
});

test('a good part is rejected at the promised rate, whatever the distribution of the scores', () => {
  const random = generator(11);
  const skewed = () => random() ** 4;
  let rejected = 0;
  const rounds = 2000;
  for (let round = 0; round < rounds; round++) {
    const scores = Array.from({ length: 59 }, skewed).sort((a, b) => a - b);
    if (skewed() > quantileThreshold(scores, 0.05).score) rejected++;
  }
  // The expected rate is exactly 3/60; four standard errors of 2000 rounds are 0.0195.
  assert.ok(Math.abs(rejected / rounds - 0.05) < 0.02, `${rejected / rounds}`);
});

test('too few scores for the rate give an extrapolated threshold, never below the largest score', () => {
  const few = [1, 2, 3, 4, 5];
  // mean 3, s = 1.5811, t(4; 0.99) = 3.747: 3 + 3.747 · 1.5811 · √1.2 = 9.49
  const { score, extrapolated } = quantileThreshold(few, 0.01);
  assert.ok(extrapolated);
  assert.ok(Math.abs(score - 9.49) < 0.05, `${score}`);
  assert.deepEqual(quantileThreshold([...Array(30).fill(0), 100], 0.03), {
    score: 100,
    extrapolated: true,
    interval: null,
  });
  assert.deepEqual(quantileThreshold([5], 0.01), { score: 5, extrapolated: true, interval: null });
  assert.throws(() => quantileThreshold([], 0.01), /at least one/);
});

test('extrapolation keeps the rate for normal scores', () => {
  const random = generator(5);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  let rejected = 0;
  const rounds = 5000;
  for (let round = 0; round < rounds; round++) {
    const scores = Array.from({ length: 10 }, normal).sort((a, b) => a - b);
    if (normal() > quantileThreshold(scores, 0.02).score) rejected++;
  }
  // Four standard errors of 5000 rounds are 0.008.
  assert.ok(Math.abs(rejected / rounds - 0.02) < 0.008, `${rejected / rounds}`);
});

test('the rate of a part is shared by its regions', () => {
  assert.equal(ratePerRegion(0.01, 1), 0.01);
  assert.ok(Math.abs((1 - ratePerRegion(0.01, 4)) ** 4 - 0.99) < 1e-12);
  assert.ok(
    thresholdFrom({ falseRejectRate: 0.2 }, hundred, 4).score > thresholdFrom({ falseRejectRate: 0.2 }, hundred).score,
  );
  assert.deepEqual(thresholdFrom({ score: 7.5 }, hundred, 4), { score: 7.5, extrapolated: false, interval: null });
  assert.throws(() => ratePerRegion(0, 1), RangeError);
  assert.throws(() => ratePerRegion(0.01, 0), RangeError);
});

test('a p-value counts the good scores that are at least as high', () => {
  const scores = [1, 2, 2, 3];
  const expected: [number, number][] = [
    [0, 5 / 5],
    [1, 5 / 5],
    [1.5, 4 / 5],
    [2, 4 / 5],
    [2.5, 2 / 5],
    [3, 2 / 5],
    [4, 1 / 5],
  ];
  for (const [score, p] of expected) assert.equal(pValueOf(score, scores), p, `score ${score}`);
});

test('a score fails exactly when its p-value is at most the rate', () => {
  for (const rate of [0.01, 0.03, 0.05, 0.1, 0.37]) {
    const { score: threshold } = quantileThreshold(hundred, rate);
    for (let score = 0.5; score < 101; score += 0.5) {
      assert.equal(score > threshold, pValueOf(score, hundred) <= rate + 1e-12, `score ${score} at ${rate}`);
    }
  }
});

test('quantiles agree with published tables', () => {
  const normal: [number, number][] = [
    [0.5, 0],
    [0.975, 1.959963985],
    [0.999, 3.090232306],
    [0.01, -2.326347874],
    [0.0001, -3.719016485],
  ];
  for (const [p, z] of normal) assert.ok(Math.abs(normalQuantile(p) - z) < 1e-7, `${p}: ${normalQuantile(p)}`);
  const student: [number, number, number][] = [
    [0.99, 4, 3.747],
    [0.995, 10, 3.169],
    [0.999, 30, 3.385],
    [0.975, 120, 1.98],
  ];
  for (const [p, degrees, t] of student) {
    assert.ok(
      Math.abs(studentQuantile(p, degrees) / t - 1) < 0.005,
      `${p}, ${degrees}: ${studentQuantile(p, degrees)}`,
    );
  }
});

test('calibration sorts the scores and takes the map threshold from the hottest cells', () => {
  const { scores, mapThreshold } = calibrate(
    hundred.map((score) => 100 - score),
    hundred.map((score) => score * 10),
  );
  assert.deepEqual(scores, hundred);
  assert.equal(mapThreshold, 950);
});

/** mulberry32 */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
