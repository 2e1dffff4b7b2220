import type { ShadowState } from '../shadow.js';
import type { Inspection, InvalidReason } from '../types.js';
import { PairedTrial } from './paired-trial.js';

export const TRIAL_LIMITS = {
  /** So many ends of station processes that run it, or were about to, are its fault. */
  maxCrashes: 3,
  /** Parts of a station that are looked at together, the last ones. */
  window: 50,
  /** Most invalid ones among them. */
  maxInvalid: 10,
  /** And at most so many times as many as with the model before. */
  invalidFactor: 2,
} as const;

/** What a model can be to blame for. Light, focus and the camera are not its matter. */
const OF_THE_MODEL: ReadonlySet<InvalidReason> = new Set(['no part', 'overrun', 'station lost', 'late', 'error']);

/** The last parts of one station. */
export class RecentParts {
  readonly #invalid: boolean[] = [];
  readonly #judgeMs: number[] = [];

  add({ verdict, timings, regions }: Inspection): void {
    push(this.#invalid, verdict.result === 'invalid' && OF_THE_MODEL.has(verdict.reason));
    if (regions.length > 0) push(this.#judgeMs, timings.crop + timings.network + timings.postprocess);
  }

  get isFull(): boolean {
    return this.#invalid.length === TRIAL_LIMITS.window;
  }

  get invalid(): number {
    return this.#invalid.filter(Boolean).length;
  }

  /** Null before there are enough to tell. */
  get medianMs(): number | null {
    if (this.#judgeMs.length < TRIAL_LIMITS.window) return null;
    return [...this.#judgeMs].sort((a, b) => a - b)[TRIAL_LIMITS.window / 2] as number;
  }
}

/**
 * What a model on probation has done so far. Rejects alone are not counted: a wave of real defects must not remove a model
 * that finds them.
 */
export class Trial {
  readonly #maxJudgeMs: number;
  readonly #toleratedShare: number;
  readonly #parts = new Map<string, RecentParts>();
  readonly #pairs = new Map<string, PairedTrial>();
  #crashes = 0;

  /**
   * @param maxJudgeMs of a part, in the middle of many; infinite: parts have a deadline all the same
   * @param toleratedShare of parts, see `PairedTrial`
   */
  constructor(maxJudgeMs: number, toleratedShare: number) {
    this.#maxJudgeMs = maxJudgeMs;
    this.#toleratedShare = toleratedShare;
  }

  /** A station process ended. @returns why the model has failed, where it has */
  crashed(reason: string): string | null {
    if (++this.#crashes < TRIAL_LIMITS.maxCrashes) return null;
    return `station processes ended ${this.#crashes} times; at last one ${reason}`;
  }

  /** @param counts of this model and the one before, at the same parts @returns as {@link crashed} */
  compared(station: string, counts: ShadowState): string | null {
    const pairs = this.#pairs.get(station) ?? new PairedTrial(this.#toleratedShare);
    this.#pairs.set(station, pairs);
    const fault = pairs.add(counts);
    return fault && `at station ${station}, ${fault}`;
  }

  /** @param before the last parts that another model judged at this station @returns as {@link crashed} */
  add(inspection: Inspection, before: RecentParts): string | null {
    const { station } = inspection.part;
    const parts = this.#parts.get(station) ?? new RecentParts();
    this.#parts.set(station, parts);
    parts.add(inspection);
    const { window, maxInvalid, invalidFactor } = TRIAL_LIMITS;
    if (parts.invalid > maxInvalid && parts.invalid > invalidFactor * before.invalid) {
      return `${parts.invalid} of the last ${window} parts of station ${station} could not be judged, ${before.invalid} with the model before`;
    }
    const { medianMs } = parts;
    if (medianMs === null || medianMs <= this.#maxJudgeMs) return null;
    return `parts of station ${station} take ${medianMs.toFixed(1)} ms, ${this.#maxJudgeMs} are allowed`;
  }
}

function push<T>(list: T[], value: T): void {
  list.push(value);
  if (list.length > TRIAL_LIMITS.window) list.shift();
}
