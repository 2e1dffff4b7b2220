import { normalQuantile } from './quantiles.js';

/**
 * The upper tail of the scores of good parts, where there are too few of them to count: a generalised Pareto
 * distribution of the excesses over a high score (Pickands, *Annals of Statistics* 3, 1975; Coles, *An Introduction to
 * Statistical Modeling of Extreme Values*, 2001, chapter 4).
 *
 * Shape ξ and scale σ are not known but for a handful of excesses, so they are averaged over by their posterior
 * distribution instead of being fixed at one estimate: a rate that is read off one fitted curve is exceeded by more
 * good parts than were promised, because the curve was fitted to what happened to be seen.
 */

export const TAIL = {
  /** With fewer scores no tail is fitted. */
  leastScores: 100,
  /** The tail begins above the other scores: this share of all, within the bounds below. */
  share: 0.12,
  leastExcesses: 20,
  /** More add nothing but time, and reach down into what is no tail. */
  mostExcesses: 500,
  /** Shapes beyond have an infinite variance, or a density that grows towards the end. */
  shape: { least: -0.5, most: 0.5, steps: 40 },
  /** Of an interval. */
  confidence: 0.9,
  /** No tail says anything about one part in a thousand million. */
  leastProbability: 1e-9,
} as const;

/** Where a quantile lies with a probability of `TAIL.confidence`; in units of the score. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** One pair of parameters that the excesses allow, and how probable it is. */
interface Candidate {
  readonly shape: number;
  readonly scale: number;
  readonly weight: number;
}

/** A fitted tail. It speaks only of scores above all those that it was fitted to. */
export class ScoreTail {
  /** The tail begins at this score. */
  readonly #start: number;
  /** Expected share of good parts above the start, and the standard deviation of its logarithm. */
  readonly #share: number;
  readonly #shareDeviation: number;
  readonly #candidates: readonly Candidate[];

  private constructor(start: number, excesses: readonly number[], count: number) {
    const above = excesses.length;
    this.#start = start;
    // With the start at an order statistic the share above it is Beta(k + 1, n − k), whatever the distribution.
    this.#share = (above + 1) / (count + 1);
    this.#shareDeviation = Math.sqrt(1 / (above + 1) - 1 / (count + 1));
    this.#candidates = posterior(excesses);
  }

  /**
   * @param scores of good parts, in ascending order
   * @returns null for fewer than `TAIL.leastScores`, and where the highest scores are all the same
   */
  static fit(scores: readonly number[]): ScoreTail | null {
    const count = scores.length;
    if (count < TAIL.leastScores) return null;
    const above = Math.min(TAIL.mostExcesses, Math.max(TAIL.leastExcesses, Math.round(TAIL.share * count)));
    const start = scores[count - above - 1] as number;
    const excesses = scores.slice(count - above).map((score) => score - start);
    return excesses[above - 1]! > 0 ? new ScoreTail(start, excesses, count) : null;
  }

  /** Probability that a further good part scores above `score`, which is at or above the tail's start. */
  exceedance(score: number): number {
    const excess = score - this.#start;
    const share = this.#candidates.reduce((sum, each) => sum + each.weight * survival(excess, each), 0);
    return Math.max(TAIL.leastProbability, this.#share * share);
  }

  /** The score that a further good part exceeds with probability `rate`, below the share of the tail. */
  quantile(rate: number): number {
    const wanted = Math.max(rate, TAIL.leastProbability);
    let width = this.#candidates.reduce((widest, { scale }) => Math.max(widest, scale), 0);
    while (this.exceedance(this.#start + width) > wanted) width *= 2;
    let [low, high] = [this.#start, this.#start + width];
    for (let step = 0; step < BISECTIONS; step++) {
      const middle = (low + high) / 2;
      if (this.exceedance(middle) > wanted) low = middle;
      else high = middle;
    }
    return high;
  }

  /** Where the score lies that a share of exactly `rate` of all good parts exceeds. */
  interval(rate: number): Interval {
    const found: { score: number; weight: number }[] = [];
    for (const deviate of SHARE_DEVIATES) {
      const reach = Math.log(this.#share / rate) + deviate * this.#shareDeviation;
      for (const { shape, scale, weight } of this.#candidates) {
        const excess = shape === 0 ? reach : Math.expm1(shape * reach) / shape;
        found.push({ score: this.#start + scale * excess, weight: weight / SHARE_DEVIATES.length });
      }
    }
    found.sort((a, b) => a.score - b.score);
    const outside = (1 - TAIL.confidence) / 2;
    return { low: weightedQuantile(found, outside), high: weightedQuantile(found, 1 - outside) };
  }
}

/** Halvings after which nothing is left of an interval of doubles. */
const BISECTIONS = 60;

/** Equally probable values of a standard normal distribution. */
const SHARE_DEVIATES = [1, 3, 5, 7, 9, 11, 13].map((odd) => normalQuantile(odd / 14));

/** Places around the most probable scale at which it is weighed, in standard deviations of its logarithm. */
const SCALE_PLACES = Array.from({ length: 15 }, (_, i) => (i - 7) / 2);

/**
 * Posterior of shape and scale on a grid, for priors that are flat in the shape and in the logarithm of the scale. A
 * prior that leans to one shape, such as that for floods (Martins and Stedinger, *Water Resources Research* 36, 2000),
 * was tried with the distributions of `bench/reject-rate.ts`: where scores have another shape it rejected up to four
 * times as many good parts as were asked for.
 */
function posterior(excesses: readonly number[]): Candidate[] {
  const found: { shape: number; scale: number; logWeight: number }[] = [];
  const { least, most, steps } = TAIL.shape;
  for (let step = 1; step < steps; step++) {
    const shape = least + ((most - least) * step) / steps;
    const { centre, deviation } = likelyScale(excesses, shape);
    for (const place of SCALE_PLACES) {
      const scale = Math.exp(centre + place * deviation);
      const logWeight = logLikelihood(excesses, shape, scale) + Math.log(deviation);
      if (logWeight > -Infinity) found.push({ shape, scale, logWeight });
    }
  }
  const highest = found.reduce((a, { logWeight }) => Math.max(a, logWeight), -Infinity);
  const weights = found.map(({ logWeight }) => Math.exp(logWeight - highest));
  const total = weights.reduce((a, b) => a + b, 0);
  return found
    .map(({ shape, scale }, i) => ({ shape, scale, weight: weights[i]! / total }))
    .filter(({ weight }) => weight > 1e-9);
}

/**
 * The most probable logarithm of the scale for a shape, and its standard deviation. The derivative of the log-likelihood
 * by it, −k + (1 + ξ) Σ z / (1 + ξz) with z = y/σ, falls throughout.
 */
function likelyScale(excesses: readonly number[], shape: number): { centre: number; deviation: number } {
  const largest = excesses.at(-1) as number;
  const slope = (logScale: number) => {
    const scale = Math.exp(logScale);
    let sum = -excesses.length;
    for (const excess of excesses) sum += ((1 + shape) * excess) / (scale + shape * excess);
    return sum;
  };
  const bound = shape < 0 ? Math.log(-shape * largest) : Math.log(largest) - 30;
  let [low, high] = [bound, Math.log(largest) + 3];
  for (let step = 0; step < BISECTIONS; step++) {
    const middle = (low + high) / 2;
    if (slope(middle) > 0) low = middle;
    else high = middle;
  }
  const scale = Math.exp(high);
  const curvature = excesses.reduce((sum, excess) => {
    const z = excess / scale;
    return sum + ((1 + shape) * z) / (1 + shape * z) ** 2;
  }, 0);
  return { centre: high, deviation: 1 / Math.sqrt(curvature) };
}

function logLikelihood(excesses: readonly number[], shape: number, scale: number): number {
  let sum = -excesses.length * Math.log(scale);
  for (const excess of excesses) {
    const reached = 1 + (shape * excess) / scale;
    if (!(reached > 0)) return -Infinity;
    sum -= shape === 0 ? excess / scale : (1 + 1 / shape) * Math.log(reached);
  }
  return sum;
}

function survival(excess: number, { shape, scale }: Candidate): number {
  if (shape === 0) return Math.exp(-excess / scale);
  return Math.max(0, 1 + (shape * excess) / scale) ** (-1 / shape);
}

function weightedQuantile(ascending: readonly { score: number; weight: number }[], share: number): number {
  let sum = 0;
  for (const { score, weight } of ascending) {
    sum += weight;
    if (sum >= share) return score;
  }
  return (ascending.at(-1) as { score: number }).score;
}
