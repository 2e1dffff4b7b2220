import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kolmogorovSmirnov } from '../../src/calibrate/kolmogorov-smirnov.js';
import { Random } from '../../src/random.js';
import { ascending } from '../support/distributions.js';

test('the distance is the largest gap between the two shares below a value', () => {
  assert.equal(kolmogorovSmirnov([1, 2, 3], [4, 5]).distance, 1);
  assert.equal(kolmogorovSmirnov([1, 2, 3, 4], [1, 2, 3, 4]).distance, 0);
  // Below 2.5 lie two of four and none of two; ties count on both sides at once.
  assert.equal(kolmogorovSmirnov([1, 2, 3, 4], [3, 3]).distance, 0.5);
  assert.throws(() => kolmogorovSmirnov([], [1]), RangeError);
});

test('the p-value is 1 for equal samples, and that of the Kolmogorov distribution for others', () => {
  assert.equal(kolmogorovSmirnov([1, 2, 3], [1, 2, 3]).pValue, 1);
  // n = m = 50 and D = 0.28: (5 + 0.12 + 0.022) · 0.28 = 1.4398; 2 (e^(−2x²) − e^(−8x²)) = 0.0316
  const a = Array.from({ length: 50 }, (_, i) => i);
  const b = a.map((value) => value + 13.5);
  const { distance, pValue } = kolmogorovSmirnov(a, b);
  assert.equal(distance, 0.28);
  assert.ok(Math.abs(pValue - 0.0316) < 1e-4, `${pValue}`);
});

test('samples of one distribution are called different as often as the level says, others nearly always', () => {
  const random = new Random(4);
  const draw = () => random.normal();
  let [same, shifted] = [0, 0];
  for (let round = 0; round < 400; round++) {
    const old = ascending(60, draw);
    if (kolmogorovSmirnov(old, ascending(40, draw)).pValue < 0.05) same++;
    const moved = ascending(40, () => random.normal() + 1.2);
    if (kolmogorovSmirnov(old, moved).pValue < 0.01) shifted++;
  }
  assert.ok(same / 400 < 0.08, `${same}`);
  assert.ok(shifted / 400 > 0.95, `${shifted}`);
});
