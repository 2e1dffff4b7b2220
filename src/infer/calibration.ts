/**
 * Thresholds and p-values from the scores of held-out good parts (split conformal prediction: Vovk, Gammerman, Shafer,
 * *Algorithmic Learning in a Random World*, 2005). They hold for good parts that are like the held-out ones, whatever
 * the distribution of the scores.
 */

/** Where a score becomes a `fail`: above `score`. */
export interface Threshold {
  readonly score: number;
  /**
   * The held-out scores are too few for the rate that was asked for, so the threshold was extrapolated from their
   * mean and deviation and the rate is an estimate, not a guarantee.
   */
  readonly extrapolated: boolean;
}

/** How the threshold is chosen: from the good scores by a false reject rate per part, or as a plain score. */
export type ThresholdChoice = { readonly falseRejectRate: number } | { readonly score: number };

/** @param scores held-out good scores in ascending order */
export function thresholdFrom(choice: ThresholdChoice, scores: readonly number[], regionsPerPart = 1): Threshold {
  if ('score' in choice) return { score: choice.score, extrapolated: false };
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
 * With n < 1/a − 1 there is no such score. Then the upper end of the one-sided prediction interval of a normal
 * distribution is taken, mean + t(n−1, 1−a) · s · √(1 + 1/n), but never less than the largest score seen.
 *
 * @param scores in ascending order, at least one
 */
export function quantileThreshold(scores: readonly number[], rate: number): Threshold {
  const n = scores.length;
  const largest = scores[n - 1];
  if (largest === undefined) throw new RangeError('a threshold needs at least one held-out good score');
  // Rounding must not lift an exact rank such as (99 + 1) · 0.99 to the next one.
  const rank = Math.ceil((n + 1) * (1 - rate) - 1e-9);
  if (rank <= n) return { score: scores[Math.max(1, rank) - 1]!, extrapolated: false };
  if (n === 1) return { score: largest, extrapolated: true };
  const mean = scores.reduce((sum, score) => sum + score, 0) / n;
  const deviation = Math.sqrt(scores.reduce((sum, score) => sum + (score - mean) ** 2, 0) / (n - 1));
  const reach = studentQuantile(1 - rate, n - 1) * deviation * Math.sqrt(1 + 1 / n);
  return { score: Math.max(largest, mean + reach), extrapolated: true };
}

/**
 * Share of good parts that score at least as high: (1 + #{good ≥ score}) / (n + 1), in (0, 1].
 * @param scores in ascending order
 */
export function pValueOf(score: number, scores: readonly number[]): number {
  let low = 0;
  let high = scores.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (scores[middle]! < score) low = middle + 1;
    else high = middle;
  }
  return (1 + scores.length - low) / (scores.length + 1);
}

/** What a bundle stores, from the maps of held-out good images. */
export interface Calibration {
  /** In ascending order. */
  readonly scores: number[];
  /** Cells above it belong to a defect; about one good region in twenty has such a cell. */
  readonly mapThreshold: number;
}

const GOOD_REGIONS_WITH_HOT_CELLS = 0.05;

/** @param good score and hottest cell of each held-out good image, at least two */
export function calibrate(good: readonly { readonly score: number; readonly hottest: number }[]): Calibration {
  const ascending = (values: number[]) => values.sort((a, b) => a - b);
  const hottest = ascending(good.map((each) => each.hottest));
  return {
    scores: ascending(good.map((each) => each.score)),
    mapThreshold: quantileThreshold(hottest, GOOD_REGIONS_WITH_HOT_CELLS).score,
  };
}

/** Quantile of Student's t by its expansion in 1/ν (Abramowitz & Stegun 26.7.5); 0.3 % off at ν = 4, p = 0.995. */
export function studentQuantile(p: number, degrees: number): number {
  const z = normalQuantile(p);
  const terms = [
    z,
    (z ** 3 + z) / 4,
    (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96,
    (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / 384,
    (79 * z ** 9 + 776 * z ** 7 + 1482 * z ** 5 - 1920 * z ** 3 - 945 * z) / 92160,
  ];
  return terms.reduce((sum, term, power) => sum + term / degrees ** power, 0);
}

/** Quantile of the standard normal distribution (P. J. Acklam's rational approximation, relative error < 1.2e-9). */
export function normalQuantile(p: number): number {
  if (!(p > 0 && p < 1)) throw new RangeError(`a quantile lies between 0 and 1, not at ${p}`);
  const low = 0.02425;
  if (p < low) return tail(Math.sqrt(-2 * Math.log(p)));
  if (p > 1 - low) return -tail(Math.sqrt(-2 * Math.log1p(-p)));
  const q = p - 0.5;
  const r = q * q;
  const above = polynomial(
    [
      -3.969683028665376e1, 2.209460984245205e2, -2.759285104469687e2, 1.38357751867269e2, -3.066479806614716e1,
      2.506628277459239,
    ],
    r,
  );
  const below = polynomial(
    [-5.447609879822406e1, 1.615858368580409e2, -1.556989798598866e2, 6.680131188771972e1, -1.328068155288572e1, 1],
    r,
  );
  return (above * q) / below;
}

function tail(q: number): number {
  const above = polynomial(
    [
      -7.784894002430293e-3, -3.223964580411365e-1, -2.400758277161838, -2.549732539343734, 4.374664141464968,
      2.938163982698783,
    ],
    q,
  );
  const below = polynomial([7.784695709041462e-3, 3.224671290700398e-1, 2.445134137142996, 3.754408661907416, 1], q);
  return above / below;
}

/** Horner's scheme, highest power first. */
function polynomial(coefficients: readonly number[], x: number): number {
  return coefficients.reduce((sum, coefficient) => sum * x + coefficient, 0);
}
