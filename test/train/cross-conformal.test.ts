import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { quantileThreshold } from '../../src/infer/calibration.js';
import { Random } from '../../src/random.js';
import { POSITION, strangeness } from '../../src/train/position/norm.js';
import { PositionStatistics } from '../../src/train/position/statistics.js';

const GRID = { channels: 4, rows: 4, columns: 4 };
const CELLS = GRID.rows * GRID.columns;
const DRAWS = 60;
const FOLDS = 5;
const FRESH = 400;

/** A good image: features that depend on the position, with a tail heavier than the model believes. */
function goodImage(random: Random): Float32Array {
  const soiled = random.chance(0.1) ? 2 : 1;
  return Float32Array.from(
    { length: GRID.channels * CELLS },
    (_, index) => Math.sin(index) + soiled * random.normal() * (1 + 0.1 * (index % 3)),
  );
}

function statisticsOf(images: readonly Float32Array[], settings = POSITION): PositionStatistics {
  const statistics = new PositionStatistics(GRID, settings);
  for (const image of images) statistics.add(image);
  return statistics;
}

/** The share of fresh good images above the threshold that cross-conformal scores of `count` images give. */
function realisedRate(count: number, rate: number, random: Random): number {
  const images = Array.from({ length: count }, () => goodImage(random));
  const folds = Array.from({ length: FOLDS }, (_, fold) => images.filter((_, index) => index % FOLDS === fold));
  const moments = folds.map((fold) => statisticsOf(fold));
  const norm = (parts: readonly PositionStatistics[]) => PositionStatistics.joined(parts).norm(1);
  // As in training: the first fold normalises, the others calibrate.
  const scores = folds.slice(1).flatMap((fold, index) => {
    const without = norm(moments.filter((_, other) => other !== index + 1));
    return fold.map((image) => strangeness(image, without, GRID));
  });
  const threshold = quantileThreshold(
    scores.sort((a, b) => a - b),
    rate,
  );
  const whole = norm(moments);
  let above = 0;
  for (let index = 0; index < FRESH; index += 1) {
    if (strangeness(goodImage(random), whole, GRID) > threshold.score) above += 1;
  }
  return above / FRESH;
}

describe('each good image is scored by a model without its fold', () => {
  for (const [count, rate] of [
    [50, 0.05],
    [150, 0.05],
    [150, 0.01],
  ] as const) {
    test(`${count} images keep the rate of ${rate}, and are not far from it`, () => {
      const random = new Random(count);
      const rates = Array.from({ length: DRAWS }, () => realisedRate(count, rate, random));
      const mean = rates.reduce((sum, value) => sum + value, 0) / DRAWS;
      const deviation = Math.sqrt(rates.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (DRAWS - 1));
      const error = deviation / Math.sqrt(DRAWS);
      assert.ok(mean <= rate + 3 * error, `${mean} ± ${error} of the good parts are rejected`);
      assert.ok(mean >= rate / 4, `only ${mean} of the good parts are rejected: the threshold is far too high`);
    });
  }

  test('scores by the model that has seen the images would not keep it', () => {
    const random = new Random(9);
    const rates = Array.from({ length: DRAWS }, () => {
      const images = Array.from({ length: 50 }, () => goodImage(random));
      // What an image lends to the norm shows most where nothing else holds the covariances.
      const norm = statisticsOf(images, { ...POSITION, neighbourhoodImages: 0, leastVariance: 0.01 }).norm(1);
      const scores = images.map((image) => strangeness(image, norm, GRID)).sort((a, b) => a - b);
      const { score } = quantileThreshold(scores, 0.05);
      return Array.from({ length: FRESH }, () => strangeness(goodImage(random), norm, GRID)).filter((s) => s > score)
        .length;
    });
    const mean = rates.reduce((sum, value) => sum + value, 0) / DRAWS / FRESH;
    assert.ok(mean > 0.075, `${mean}: this test could not tell honest scores from others`);
  });
});
