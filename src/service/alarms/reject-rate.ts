import { addEvidence, type CusumState, newCusum } from './cusum.js';

/** Notices when more regions are rejected (`fail` or `invalid`) than is normal, by CUSUM over each of them. */
export const REJECTS = {
  /** Verdicts from which the normal rate is learnt, where the configuration does not tell it, before anything is judged … */
  learnt: 1_000,
  /** … and up to which it is learnt better meanwhile, unless there is an alarm. */
  learntAtMost: 10_000,
  /** The rate that is looked for: so many times the normal one, and a little more where that is small. */
  factor: 2,
  more: 0.01,
  /** Normal deviate of the bound that is taken for the learnt rate (Wilson's interval, 95 % on one side). */
  deviate: 1.645,
} as const;

/** What is kept of a region; survives JSON. */
export interface RejectState {
  verdicts: number;
  rejects: number;
  readonly cusum: CusumState;
}

export function newRejects(): RejectState {
  return { verdicts: 0, rejects: 0, cusum: newCusum() };
}

/** @returns the rate that counts as normal, from 0 to 1; null while it is being learnt */
export function normalRate(state: RejectState, configured: number | 'auto'): number | null {
  if (configured !== 'auto') return configured;
  return state.verdicts < REJECTS.learnt ? null : wilsonBound(state.rejects, state.verdicts);
}

/**
 * Takes in whether a region was rejected.
 * @param configured the rate that is normal, or `auto`: it is learnt
 * @param limit of the evidence, see `cusum.ts`
 * @returns whether the alarm was raised or taken back
 */
export function addVerdict(state: RejectState, isReject: boolean, configured: number | 'auto', limit: number): boolean {
  const rate = normalRate(state, configured);
  if (state.verdicts < REJECTS.learntAtMost && !state.cusum.raised) {
    state.verdicts++;
    if (isReject) state.rejects++;
  }
  if (rate === null) return false;
  // Above one half there is nothing to look for that would be worse by as much.
  const raised = Math.min((1 + rate) / 2, REJECTS.factor * rate + REJECTS.more);
  const ratio = isReject ? Math.log(raised / rate) : Math.log((1 - raised) / (1 - rate));
  return addEvidence(state.cusum, Number(isReject), ratio, limit);
}

/** The upper bound of a share (Wilson, *JASA* 22, 1927): what was learnt from few parts must not raise an alarm later. */
function wilsonBound(hits: number, of: number): number {
  const share = hits / of;
  const z2 = REJECTS.deviate ** 2;
  const spread = REJECTS.deviate * Math.sqrt((share * (1 - share)) / of + z2 / (4 * of * of));
  return (share + z2 / (2 * of) + spread) / (1 + z2 / of);
}
