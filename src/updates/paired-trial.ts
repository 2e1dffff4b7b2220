import type { ShadowState } from '../shadow.js';

export const PAIRED_LIMITS = {
  /** Parts that both models have looked at before anything is concluded. */
  minPairs: 20,
  /**
   * Probability at most that a model which differs from the one before in no more than the tolerated share of parts is found to
   * differ in more, at one station in one probation.
   */
  falseAlarmRate: 0.001,
} as const;

type Counts = Pick<ShadowState, 'model' | 'compared' | 'outcomes'>;

/**
 * Whether the model in use, on the same parts, rejects what the one before passes, or passes what it rejects, more often than is
 * tolerated. Parts that both reject, a wave of true defects, and those that both pass count for neither.
 *
 * Each of the two counts is tested by the exact binomial tail against the tolerated share, as McNemar's test looks at
 * discordant pairs only. It is looked at the counts when {@link PAIRED_LIMITS.minPairs} parts have come, then when at least twice as
 * many have as at the last time; the j-th look may err with 2⁻ʲ of the false alarm rate, half of it for each count, so that all
 * looks together keep to it (Bonferroni).
 */
export class PairedTrial {
  readonly #toleratedShare: number;
  #looks = 0;
  #nextAt: number = PAIRED_LIMITS.minPairs;
  #seen = 0;

  /** @param toleratedShare of parts, in (0, 1), for each of the two counts */
  constructor(toleratedShare: number) {
    this.#toleratedShare = toleratedShare;
  }

  /** @param counts so far; fewer than before: they began anew @returns what is wrong with the model in use, where it is */
  add({ model, compared, outcomes }: Counts): string | null {
    if (compared < this.#seen) this.#nextAt = PAIRED_LIMITS.minPairs;
    this.#seen = compared;
    if (compared < this.#nextAt) return null;
    this.#nextAt = 2 * compared;
    const mayErr = (PAIRED_LIMITS.falseAlarmRate * 2 ** -++this.#looks) / 2;
    for (const [count, what] of [
      [outcomes.onlyCurrentRejects, `rejects what ${model} passes`],
      [outcomes.onlyShadowRejects, `passes what ${model} rejects`],
    ] as const) {
      const probability = binomialTail(count, compared, this.#toleratedShare);
      if (probability >= mayErr) continue;
      const { bothPass, bothReject } = outcomes;
      const tolerated = `${+(100 * this.#toleratedShare).toFixed(2)} % are tolerated (p = ${probability.toExponential(1)})`;
      return `at ${count} of ${compared} parts it ${what}, ${tolerated}; both pass ${bothPass} and reject ${bothReject}`;
    }
    return null;
  }
}

/**
 * Probability of at least so many successes.
 * @param share probability of each of the `trials`, in (0, 1)
 */
export function binomialTail(successes: number, trials: number, share: number): number {
  if (successes <= 0) return 1;
  let logTerm = trials * Math.log1p(-share);
  const odds = Math.log(share) - Math.log1p(-share);
  const step = (k: number) => Math.log((trials - k + 1) / k) + odds;
  for (let k = 1; k <= successes; k++) logTerm += step(k);
  let sum = 0;
  for (let k = successes; k <= trials; k++) {
    const term = Math.exp(logTerm);
    sum += term;
    // Past the mode the terms fall, ever faster.
    if (k > trials * share && term < sum * 1e-15) break;
    logTerm += step(k + 1);
  }
  return Math.min(1, sum);
}
