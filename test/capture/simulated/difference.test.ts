import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { auroc, measureDifference, SETTINGS } from '../../../bench/simulated-line-difference.js';
import { SIMULATED_DEFECTS } from '../../../src/capture/simulated/defects.js';

describe('the plain difference from the mean image', () => {
  it('does not find the defects of the simulated line', () => {
    // Alternating, because the drift of the light would otherwise tell good parts from defective ones.
    const reference = Array.from({ length: 66 }, (_, i) => 3 * i);
    const good = reference.map((index) => ({ index: index + 1, defect: null }));
    const bad = reference.map((index, i) => ({
      index: index + 2,
      defect: SIMULATED_DEFECTS[i % SIMULATED_DEFECTS.length]!,
    }));
    const results = measureDifference({
      seed: 42,
      size: 192,
      placement: 'aligned',
      format: 'GRAY8',
      reference,
      test: [...good, ...bad],
    });
    assert.equal(results.length, SETTINGS.length);
    for (const { reading, smoothing, auroc: area } of results) {
      assert.ok(area <= 0.8, `${reading}, smoothed by ${smoothing}: ${area.toFixed(3)}`);
    }
  });

  it('is measured by a yardstick that can tell good from bad', () => {
    assert.equal(auroc([1, 2, 3], [4, 5]), 1);
    assert.equal(auroc([4, 5], [1, 2, 3]), 0);
    assert.equal(auroc([1, 2], [1, 2]), 0.5);
    assert.equal(auroc([1, 3], [2, 3]), 0.625);
  });

  it('is nothing for a part against itself, and something for every other part', () => {
    const test = Array.from({ length: 4 }, (_, i) => ({ index: 50 + i, defect: null }));
    const seen: number[][] = [];
    measureDifference({
      seed: 42,
      size: 128,
      placement: 'aligned',
      format: 'RGB',
      reference: [50, 50, 50],
      test,
      onScores: (_, scores) => seen.push([...scores]),
    });
    const own = seen[0]!;
    assert.ok(
      own.every((score) => score < 1e-3),
      'a part does not differ from the mean of itself',
    );
    for (const other of seen.slice(1)) assert.ok(other.every((score) => score > 5));
  });
});
