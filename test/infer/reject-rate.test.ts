/** What a threshold promises, tested as it is promised: over many calibrations, on parts that none of them has seen. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { quantileThreshold } from '../../src/infer/calibration.js';
import { ScoreTail, TAIL } from '../../src/infer/tail.js';
import { Random } from '../../src/random.js';
import { ascending, rejectInterval, SKEWED } from '../support/distributions.js';

const DRAWS = 60;

/** Rejects among `trials` new parts at each of `DRAWS` calibrations with `n` parts, for each of the thresholds. */
function rejects(
  draw: (random: Random) => number,
  n: number,
  trials: number,
  thresholds: readonly ((scores: number[]) => number)[],
): number[][] {
  const random = new Random(n);
  const counts: number[][] = thresholds.map(() => []);
  for (let round = 0; round < DRAWS; round++) {
    const scores = ascending(n, () => draw(random));
    const parts = Array.from({ length: trials }, () => draw(random));
    thresholds.forEach((threshold, i) => {
      const limit = threshold(scores);
      counts[i]?.push(parts.reduce((count, part) => (part > limit ? count + 1 : count), 0));
    });
  }
  return counts;
}

function assertInside(counts: readonly number[], n: number, rate: number, trials: number): void {
  // Every calibration lies in an interval that one in 10,000 misses, and of the 90 % interval no more than chance allows.
  const [least, most] = rejectInterval(n, rate, trials, 0.9999);
  for (const count of counts) assert.ok(count >= least && count <= most, `${count} is not in ${least} to ${most}`);
  const [low, high] = rejectInterval(n, rate, trials, 0.9);
  const inside = counts.filter((count) => count >= low && count <= high).length;
  assert.ok(inside >= 0.9 * DRAWS - 3 * Math.sqrt(DRAWS * 0.09), `${inside} of ${DRAWS} in ${low} to ${high}`);
}

describe('the realised reject rate lies in the beta-binomial interval', () => {
  for (const [name, draw] of Object.entries(SKEWED)) {
    for (const [rate, n] of [
      [0.05, 40],
      [0.05, 200],
      [0.01, 120],
      [0.01, 500],
    ] as const) {
      test(`${name}: ${rate * 100} % from ${n} good parts`, () => {
        const counted = (scores: number[]) => {
          const { score, extrapolated, interval } = quantileThreshold(scores, rate);
          assert.deepEqual([extrapolated, interval], [false, null]);
          return score;
        };
        for (const counts of rejects(draw, n, 2000, [counted])) assertInside(counts, n, rate, 2000);
      });
    }

    test(`${name}: 0.1 % from 20,000 good parts, counted and by the fitted tail`, () => {
      const n = 20_000;
      const counted = (scores: number[]) => quantileThreshold(scores, 0.001).score;
      for (const counts of rejects(draw, n, n, [counted, tailQuantile])) assertInside(counts, n, 0.001, n);
    });
  }
});

function tailQuantile(scores: readonly number[]): number {
  return (ScoreTail.fit(scores) as ScoreTail).quantile(0.001);
}

/** The score that 0.1 % of good parts exceed. */
function trueQuantile(draw: (random: Random) => number): number {
  const random = new Random(7);
  return ascending(200_000, () => draw(random))[200_000 * 0.999] as number;
}

describe('a threshold beyond the scores', () => {
  for (const [name, draw] of Object.entries(SKEWED)) {
    const truth = trueQuantile(draw);
    for (const n of [TAIL.leastScores, 300]) {
      test(`${name}: 0.1 % from ${n} good parts is kept on average, and its interval holds the true score`, () => {
        let covered = 0;
        const extrapolate = (scores: number[]) => {
          const { score, extrapolated, interval } = quantileThreshold(scores, 0.001);
          assert.ok(extrapolated && interval);
          assert.ok(score >= (scores.at(-1) as number) && score >= interval.low && score <= interval.high);
          if (interval.low <= truth && truth <= interval.high) covered++;
          return score;
        };
        const [counts = []] = rejects(draw, n, 20_000, [extrapolate]);
        const mean = counts.reduce((a, b) => a + b, 0) / DRAWS / 20_000;
        assert.ok(mean > 0.0002 && mean < 0.002, `${mean}`);
        // Three standard deviations below 90 % of 60.
        assert.ok(covered >= 47, `${covered} of ${DRAWS}`);
      });
    }
  }
});
