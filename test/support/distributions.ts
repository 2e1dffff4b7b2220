/** Scores of simulated good parts, and how many of them may be rejected. */
import type { Random } from '../../src/random.js';

/** Marsaglia and Tsang, *ACM Transactions on Mathematical Software* 26, 2000. @param shape at least 1 */
export function gamma(random: Random, shape: number): number {
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = random.normal();
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - random.uniform()) < x ** 2 / 2 + d - d * v + d * Math.log(v)) return d * v;
  }
}

/** Distributions that are not normal, as scores are: bounded below, with a tail above. */
export const SKEWED: Record<string, (random: Random) => number> = {
  'gamma, shape 2': (random) => gamma(random, 2),
  'gamma, shape 9': (random) => gamma(random, 9),
  'lognormal, σ 0.5': (random) => Math.exp(0.5 * random.normal()),
};

export function ascending(count: number, draw: () => number): number[] {
  // Typed arrays sort numbers several times as fast.
  return Array.from(Float64Array.from({ length: count }, draw).sort());
}

/**
 * Between which counts of rejects among `trials` good parts `confidence` of all calibrations lie: with n scores and the
 * threshold at the r-th smallest, the share of good parts above it is Beta(n + 1 − r, r), and the count beta-binomial
 * (Vovk, *Conditional validity of inductive conformal predictors*, 2012).
 */
export function rejectInterval(n: number, rate: number, trials: number, confidence: number): [number, number] {
  const rank = Math.ceil((n + 1) * (1 - rate) - 1e-9);
  const [alpha, beta] = [n + 1 - rank, rank];
  let logTerm = 0;
  const logTerms = [logTerm];
  for (let k = 0; k < trials; k++) {
    logTerm += Math.log(((trials - k) / (k + 1)) * ((alpha + k) / (beta + trials - k - 1)));
    logTerms.push(logTerm);
  }
  const highest = logTerms.reduce((a, b) => Math.max(a, b));
  const terms = logTerms.map((each) => Math.exp(each - highest));
  const total = terms.reduce((a, b) => a + b, 0);
  const outside = ((1 - confidence) / 2) * total;
  return [countUpTo(terms, outside), trials - countUpTo(terms.reverse(), outside)];
}

/** The first place at which the sum is above `limit`. */
function countUpTo(terms: readonly number[], limit: number): number {
  let sum = 0;
  return terms.findIndex((term) => {
    sum += term;
    return sum > limit;
  });
}
