import { addEvidence, type CusumState, newCusum } from './cusum.js';

/**
 * Notices when the scores of good parts become other than they were, by CUSUM up and down over means of batches. Only
 * regions that pass are looked at: bad parts are no drift. What is normal is learnt from the first of them: the mean, the
 * deviation of single scores, which says what shift would matter, and that of the batches, which holds how much
 * neighbouring parts have in common and says what shift can be told from chance.
 */
export interface DriftSettings {
  /** Scores in a mean. */
  readonly batch: number;
  /** Batches from which is learnt what is normal. */
  readonly learnt: number;
  /** The shift that is looked for, in deviations of single scores. Half of it is taken for the play between lots. */
  readonly shift: number;
  /** But no less than so many deviations of the batches. */
  readonly leastShift: number;
  /** The deviation of the batches may have been learnt too small by this factor. */
  readonly allowance: number;
  /** An alarm takes so many batches, however far they lie off. */
  readonly leastBatches: number;
}

/** Chosen by `node dist/bench/alarms.js`. */
export const DRIFT: DriftSettings = {
  batch: 10,
  learnt: 100,
  shift: 1.5,
  leastShift: 2,
  allowance: 1.15,
  leastBatches: 4,
};

/** Welford's running mean and sum of squared deviations. */
interface Spread {
  count: number;
  mean: number;
  squares: number;
}

/** What is kept of a region; survives JSON. */
export interface DriftState {
  /** Of the batch under way. */
  sum: number;
  count: number;
  /** What was learnt. */
  readonly scores: Spread;
  readonly batches: Spread;
  readonly high: CusumState;
  readonly low: CusumState;
}

export function newDrift(): DriftState {
  const spread = () => ({ count: 0, mean: 0, squares: 0 });
  return { sum: 0, count: 0, scores: spread(), batches: spread(), high: newCusum(), low: newCusum() };
}

/**
 * Takes in the score of a region that passed.
 * @param limit of the evidence, see `cusum.ts`
 * @returns whether an alarm was raised or taken back
 */
export function addScore(state: DriftState, score: number, limit: number, settings: DriftSettings = DRIFT): boolean {
  const isLearning = state.batches.count < settings.learnt;
  if (isLearning) learn(state.scores, score);
  state.sum += score;
  state.count++;
  if (state.count < settings.batch) return false;
  const mean = state.sum / state.count;
  state.sum = 0;
  state.count = 0;
  if (isLearning) learn(state.batches, mean);
  return isLearning ? false : judge(state, mean, limit, settings);
}

function judge(
  { scores, batches, high, low }: DriftState,
  mean: number,
  limit: number,
  settings: DriftSettings,
): boolean {
  const unit = settings.allowance * deviation(batches);
  // Scores that never differed say nothing about what a difference means.
  if (!(unit > 0)) return false;
  const shift = Math.max(settings.leastShift, (settings.shift * deviation(scores)) / unit);
  const z = (mean - batches.mean) / unit;
  // ln N(z; ±shift, 1) − ln N(z; 0, 1)
  const evidence = (towards: number) => Math.min(shift * (towards - shift / 2), limit / settings.leastBatches);
  const isHigh = addEvidence(high, mean, evidence(z), limit);
  const isLow = addEvidence(low, mean, evidence(-z), limit);
  return isHigh || isLow;
}

function learn(spread: Spread, value: number): void {
  spread.count++;
  const from = value - spread.mean;
  spread.mean += from / spread.count;
  spread.squares += from * (value - spread.mean);
}

function deviation({ count, squares }: Spread): number {
  return Math.sqrt(squares / (count - 1));
}
