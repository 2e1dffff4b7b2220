import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Random } from '../../../src/random.js';
import { POSITION, type PositionNorm, type PositionSettings } from '../../../src/train/position/norm.js';
import { PositionStatistics } from '../../../src/train/position/statistics.js';

const GRID = { channels: 3, rows: 4, columns: 5 };
const CELLS = GRID.rows * GRID.columns;
const random = new Random(8);

/** Three correlated features; with `aligned`, their mean and spread depend on the position. */
function image(aligned: boolean): Float32Array {
  const features = new Float32Array(GRID.channels * CELLS);
  for (let cell = 0; cell < CELLS; cell += 1) {
    const place = aligned ? cell : random.below(CELLS);
    const [a, b, c] = [random.normal(), random.normal(), random.normal()];
    const spread = 1 + 0.25 * (place % 3);
    features[cell] = 5 * Math.sin(place) + spread * a;
    features[CELLS + cell] = 3 * Math.cos(place) + spread * (0.8 * a + 0.6 * b);
    features[2 * CELLS + cell] = spread * c;
  }
  return features;
}

/** The covariances nearly as they are. */
const OWN: PositionSettings = { ...POSITION, neighbourhoodImages: 0, leastVariance: 0.01 };

function statistics(images: readonly Float32Array[], settings = OWN): PositionStatistics {
  const result = new PositionStatistics(GRID, settings);
  for (const each of images) result.add(each);
  return result;
}

/** z = A·W·(Z_l − mean) of one cell. */
function normalised(features: Float32Array, norm: PositionNorm, cell: number): number[] {
  const n = GRID.channels;
  const centred = Array.from({ length: n }, (_, c) => features[c * CELLS + cell]! - norm.mean[c * CELLS + cell]!);
  const times = (matrix: Float32Array, offset: number, x: number[]) =>
    x.map((_, k) => x.reduce((sum, value, c) => sum + matrix[offset + k * n + c]! * value, 0));
  const whitened = times(norm.whitening, 0, centred);
  return norm.factors ? times(norm.factors, cell * n * n, whitened) : whitened;
}

describe('normalisation by position', () => {
  const training = Array.from({ length: 1000 }, () => image(true));
  const heldOut = Array.from({ length: 60 }, () => image(true));

  test('makes features of aligned parts uncorrelated and alike at every position', () => {
    const moments = statistics(training);
    const norm = moments.norm(moments.bestTrust(heldOut));
    assert.equal(norm.trust, 1);
    for (const cell of [0, 7, CELLS - 1]) {
      const values = heldOut.concat(training).map((features) => normalised(features, norm, cell));
      const product = (i: number, j: number) => values.reduce((sum, z) => sum + z[i]! * z[j]!, 0) / values.length;
      for (let i = 0; i < GRID.channels; i += 1) {
        assert.ok(Math.abs(product(i, i) - 1) < 0.25, `variance ${product(i, i)} of feature ${i} at ${cell}`);
        for (let j = 0; j < i; j += 1) assert.ok(Math.abs(product(i, j)) < 0.15, `${product(i, j)} at ${cell}`);
      }
    }
  });

  test('leaves position out where it says nothing', () => {
    const anywhere = Array.from({ length: 40 }, () => image(false));
    const moments = statistics(anywhere);
    const norm = moments.norm(moments.bestTrust(Array.from({ length: 20 }, () => image(false))));
    assert.equal(norm.trust, 0);
    assert.equal(norm.factors, null);
    assert.ok(
      norm.mean.subarray(0, CELLS).every((value) => value === norm.mean[0]),
      'one mean for all positions',
    );
  });

  test('takes its settings as an argument, and keeps them where statistics are joined', () => {
    const few = training.slice(0, 20);
    const joined = (settings: typeof POSITION) =>
      PositionStatistics.joined([statistics(few.slice(0, 10), settings), statistics(few.slice(10), settings)]);
    assert.deepEqual(joined(POSITION).norm(1), joined({ ...POSITION }).norm(1));
    assert.notDeepEqual(
      joined({ ...POSITION, neighbourhoodImages: 0 }).norm(1).factors,
      joined(POSITION).norm(1).factors,
    );
    assert.equal(joined({ ...POSITION, trusts: [0] }).bestTrust(heldOut), 0);
    assert.ok(joined(POSITION).bestTrust(heldOut) > 0);
  });

  test('stays finite with fewer images than features, and with a feature that never changes', () => {
    const few = training.slice(0, 2).map((features) => {
      const flat = Float32Array.from(features);
      return flat.fill(4, 2 * CELLS);
    });
    const norm = statistics(few).norm(1);
    for (const values of [norm.mean, norm.whitening, norm.factors!]) assert.ok(values.every(Number.isFinite));
  });
});
