import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pValueOf, quantileThreshold } from '../../src/infer/calibration.js';
import { ScoreTail, TAIL } from '../../src/infer/tail.js';
import { Random } from '../../src/random.js';
import { ascending, gamma } from '../support/distributions.js';

/** From a generalised Pareto distribution of scale 1. */
function paretoScores(shape: number, count: number, seed: number): number[] {
  const random = new Random(seed);
  const one = () => {
    const share = 1 - random.uniform();
    return shape === 0 ? -Math.log(share) : (share ** -shape - 1) / shape;
  };
  return ascending(count, one);
}

function fit(scores: readonly number[]): ScoreTail {
  const tail = ScoreTail.fit(scores);
  assert.ok(tail);
  return tail;
}

describe('the tail of the scores', () => {
  for (const shape of [-0.25, 0, 0.25]) {
    it(`is found where the distribution is known: shape ${shape}`, () => {
      const seeds = Array.from({ length: 20 }, (_, i) => i);
      for (const rate of [0.01, 0.001]) {
        const x = shape === 0 ? -Math.log(rate) : (rate ** -shape - 1) / shape;
        let [covered, logExceedance] = [0, 0];
        for (const seed of seeds) {
          const tail = fit(paretoScores(shape, 2000, seed));
          logExceedance += Math.log(tail.exceedance(x)) / seeds.length;
          assert.ok(Math.abs(tail.exceedance(tail.quantile(rate)) / rate - 1) < 1e-6);
          const { low, high } = tail.interval(rate);
          if (low < x && x < high) covered++;
        }
        assert.ok(Math.abs(logExceedance - Math.log(rate)) < 0.3, `${Math.exp(logExceedance)} at ${rate}`);
        // Three standard deviations below 90 % of 20.
        assert.ok(covered >= 14, `${covered} of 20 at ${rate}`);
      }
    });
  }

  it('is less sure the further it reaches, and the fewer scores there are', () => {
    const width = (count: number, rate: number) => {
      const { low, high } = fit(paretoScores(0, count, 5)).interval(rate);
      return high - low;
    };
    assert.ok(width(200, 0.001) > width(200, 0.004));
    assert.ok(width(200, 0.001) > width(2000, 0.001));
  });

  it('gives the same for the same scores, and scales with them', () => {
    const scores = paretoScores(0.1, 150, 9);
    const [one, again] = [quantileThreshold(scores, 0.001), quantileThreshold(scores, 0.001)];
    assert.deepEqual(one, again);
    const thousandfold = scores.map((score) => 1000 * score - 7);
    const { score } = quantileThreshold(thousandfold, 0.001);
    assert.ok(Math.abs((score + 7) / 1000 / one.score - 1) < 1e-6, `${score}`);
  });

  it('is not fitted to fewer than 100 scores, nor to scores that are all the same above', () => {
    const scores = paretoScores(0, TAIL.leastScores, 1);
    assert.ok(ScoreTail.fit(scores));
    assert.equal(ScoreTail.fit(scores.slice(1)), null);
    const fewer = quantileThreshold(scores.slice(1), 0.001);
    assert.deepEqual([fewer.extrapolated, fewer.interval], [true, null]);
    const same = new Array<number>(150).fill(3);
    assert.equal(ScoreTail.fit(same), null);
    assert.deepEqual(quantileThreshold(same, 0.001), { score: 3, extrapolated: true, interval: null });
  });

  it('never puts the threshold below the largest score, however far that lies out', () => {
    const scores = [...Array.from({ length: 149 }, (_, i) => i), 1e6];
    const { score, interval } = quantileThreshold(scores, 0.005);
    assert.ok(score >= 1e6 && interval && interval.high >= score && interval.low <= score);
  });
});

describe('a p-value with a tail', () => {
  const random = new Random(2);
  const scores = ascending(120, () => gamma(random, 2));
  const largest = scores.at(-1) as number;
  const tail = fit(scores);

  it('falls as the score rises, within (0, 1]', () => {
    let last = 1;
    for (let score = -1; score < 40 * largest; score = score < 2 * largest ? score + 0.01 : score * 1.1) {
      const p = pValueOf(score, scores, tail);
      assert.ok(p > 0 && p <= last, `${p} after ${last} at ${score}`);
      last = p;
    }
    assert.ok(last < 1e-4);
    assert.ok(pValueOf(Number.MAX_VALUE, scores, tail) > 0);
  });

  it('is counted up to the largest score, and finer beyond', () => {
    for (const score of [0, 1, largest]) assert.equal(pValueOf(score, scores, tail), pValueOf(score, scores));
    assert.equal(pValueOf(3 * largest, scores), 1 / 121);
    assert.ok(pValueOf(3 * largest, scores, tail) < 1 / 1210);
  });

  it('is below the rate exactly where the score is above the threshold', () => {
    for (const rate of [0.005, 0.001, 0.0001]) {
      const { score } = quantileThreshold(scores, rate);
      assert.ok(pValueOf(score * 1.0001, scores, tail) <= rate);
      assert.ok(pValueOf(score * 0.9999, scores, tail) > rate);
    }
  });
});
