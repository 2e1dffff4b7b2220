import type { ThresholdChoice } from '../types.js';
import { studentQuantile } from './quantiles.js';
import { type Interval, ScoreTail } from './tail.js';

/**
 * Thresholds and p-values from the scores of held-out good parts (split conformal prediction: Vovk, Gammerman, Shafer,
 * *Algorithmic Learning in a Random World*, 2005). They hold for good parts that are like the held-out ones, whatever
 * the distribution of the scores.
 */

/** Where a score becomes a `fail`: above `score`. */
export interface Threshold {
  readonly score: number;
  /**
   * The held-out scores are too few for the rate that was asked for, so the threshold was extrapolated from their tail
   * (or, below `TAIL.leastScores`, from their mean and deviation) and the rate is an estimate, not a guarantee.
   */
  readonly extrapolated: boolean;
  /**
   * Confidence interval of an extrapolated threshold: where the score lies that exactly the wanted share of good parts
   * exceeds. Null where nothing was extrapolated, and below `TAIL.leastScores`, which say too little about their tail.
   */
  readonly interval: Interval | null;
}

/** @param scores held-out good scores in ascending order */
export function thresholdFrom(choice: ThresholdChoice, scores: readonly number[], regionsPerPart = 1): Threshold {
  if ('score' in choice) return { score: choice.score, extrapolated: false, interval: null };
  return quantileThreshold(scores, ratePerRegion(choice.falseRejectRate, regionsPerPart));
}

/**
 * The rate for each region, so that a good part with `regions` of them is rejected at `perPart`: 1 − (1 − a)^(1/R).
 * Exact for independent regions, on the safe side of the parts for regions that go wrong together.
 */
export function ratePerRegion(perPart: number, regions: number): number {
  if (!(perPart > 0 && perPart < 1))
    throw new RangeError(`a false reject rate lies between 0 and 1, not at ${perPart}`);
  if (!(Number.isInteger(regions) && regions >= 1)) throw new RangeError(`a part has 1 region or more, not ${regions}`);
  return -Math.expm1(Math.log1p(-perPart) / regions);
}

/**
 * The ⌈(n+1)(1−a)⌉-th smallest of n good scores: a further good score lies above it with probability ≤ a.
 *
 * With n < 1/a − 1 there is no such score. Then the quantile of the fitted tail is taken or, with too few scores for a
 * tail, the upper end of the one-sided prediction interval of a normal distribution, mean + t(n−1, 1−a) · s · √(1 + 1/n).
 * Neither is ever less than the largest score seen.
 *
 * @param scores in ascending order, at least one
 */
export function quantileThreshold(scores: readonly number[], rate: number): Threshold {
  const n = scores.length;
  const largest = scores[n - 1];
  if (largest === undefined) throw new RangeError('a threshold needs at least one held-out good score');
  // Rounding must not lift an exact rank such as (99 + 1) · 0.99 to the next one.
  const rank = Math.ceil((n + 1) * (1 - rate) - 1e-9);
  if (rank <= n) return { score: scores[Math.max(1, rank) - 1]!, extrapolated: false, interval: null };
  const tail = ScoreTail.fit(scores);
  if (tail) {
    const score = Math.max(largest, tail.quantile(rate));
    const { low, high } = tail.interval(rate);
    return { score, extrapolated: true, interval: { low: Math.min(low, score), high: Math.max(high, score) } };
  }
  return {
    score: n === 1 ? largest : Math.max(largest, normalBound(scores, rate)),
    extrapolated: true,
    interval: null,
  };
}

/** @param scores at least two */
function normalBound(scores: readonly number[], rate: number): number {
  const n = scores.length;
  const mean = scores.reduce((sum, score) => sum + score, 0) / n;
  const deviation = Math.sqrt(scores.reduce((sum, score) => sum + (score - mean) ** 2, 0) / (n - 1));
  return mean + studentQuantile(1 - rate, n - 1) * deviation * Math.sqrt(1 + 1 / n);
}

/**
 * Share of good parts that score at least as high: (1 + #{good ≥ score}) / (n + 1), in (0, 1]. Above the largest score
 * the tail, where there is one, says how much rarer than 1 / (n + 1) the score is.
 *
 * @param scores in ascending order
 * @param tail fitted to the scores
 */
export function pValueOf(score: number, scores: readonly number[], tail: ScoreTail | null = null): number {
  let low = 0;
  let high = scores.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (scores[middle]! < score) low = middle + 1;
    else high = middle;
  }
  const counted = (1 + scores.length - low) / (scores.length + 1);
  return low === scores.length && tail ? Math.min(counted, tail.exceedance(score)) : counted;
}

/** What a bundle stores, from the maps of held-out good images. */
export interface Calibration {
  /** In ascending order. */
  readonly scores: number[];
  /** Cells above it belong to a defect; about one good region in twenty has such a cell. */
  readonly mapThreshold: number;
}

const GOOD_REGIONS_WITH_HOT_CELLS = 0.05;

/**
 * @param scores of good images, at least two
 * @param hottest the hottest cell of each of some good images, of the same ones or of others; at least two
 */
export function calibrate(scores: readonly number[], hottest: readonly number[]): Calibration {
  const ascending = (values: readonly number[]) => [...values].sort((a, b) => a - b);
  return {
    scores: ascending(scores),
    mapThreshold: quantileThreshold(ascending(hottest), GOOD_REGIONS_WITH_HOT_CELLS).score,
  };
}
