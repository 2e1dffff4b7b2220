import type { AlarmsConfig } from '../../config/schema.js';
import type { RegionResult } from '../../types.js';
import { addVerdict, newRejects, normalRate, type RejectState } from './reject-rate.js';
import { addScore, DRIFT, type DriftState, newDrift } from './score-drift.js';

export const ALARMS = ['score-high', 'score-low', 'reject-rate'] as const;
export type AlarmName = (typeof ALARMS)[number];

/** What is kept of a region; survives JSON. */
export interface RegionState {
  /** Scores compare, and rates mean something, within one model and threshold only. */
  readonly model: string;
  readonly threshold: number;
  readonly drift: DriftState;
  readonly rejects: RejectState;
}

/** How one alarm stands. */
export interface AlarmStanding {
  readonly alarm: AlarmName;
  readonly raised: boolean;
  /** From 0 to 1, where it is raised; null while it is being learnt what is normal. */
  readonly evidence: number | null;
  /** What is so and what was normal, in words. */
  readonly text: string;
}

/** Watches the scores and verdicts of one region. */
export class RegionAlarms {
  readonly #config: AlarmsConfig;
  readonly #limit: number;
  #state: RegionState | null;

  constructor(config: AlarmsConfig, state: RegionState | null = null) {
    this.#config = config;
    this.#limit = Math.log(config.partsPerFalseAlarm);
    this.#state = state;
  }

  get state(): RegionState | null {
    return this.#state;
  }

  /**
   * Takes in the verdict on the region of a further part.
   * @returns whether an alarm was raised or taken back
   */
  add({ verdict, score, threshold }: RegionResult, model: string): boolean {
    const { scoreShift, rejectRate } = this.#config;
    if (this.#state?.model !== model && !Number.isFinite(threshold)) return false;
    const { state, changed } = this.#stateFor(model, threshold);
    let isNews = changed;
    if (rejectRate !== 'never') {
      isNews = addVerdict(state.rejects, verdict.result !== 'pass', rejectRate, this.#limit) || isNews;
    }
    if (scoreShift !== 'never' && verdict.result === 'pass' && Number.isFinite(score)) {
      isNews = addScore(state.drift, score, this.#limit, { ...DRIFT, shift: scoreShift }) || isNews;
    }
    return isNews;
  }

  /** How every alarm stands that is switched on. */
  standings(): AlarmStanding[] {
    const { scoreShift, rejectRate } = this.#config;
    return [
      ...(scoreShift === 'never' ? [] : this.#driftStandings()),
      ...(rejectRate === 'never' ? [] : [this.#rejectStanding()]),
    ];
  }

  /** A region that could not be judged may have no threshold; it belongs to what was before. */
  #stateFor(model: string, threshold: number): { readonly state: RegionState; readonly changed: boolean } {
    const known = this.#state;
    const isSame = known?.model === model && (known.threshold === threshold || !Number.isFinite(threshold));
    if (known !== null && isSame) return { state: known, changed: false };
    const changed = this.standings().some(({ raised }) => raised);
    const state = { model, threshold, drift: newDrift(), rejects: newRejects() };
    this.#state = state;
    return { state, changed };
  }

  #driftStandings(): AlarmStanding[] {
    const { batches, high, low } = this.#state?.drift ?? newDrift();
    const isLearning = batches.count < DRIFT.learnt;
    return (['high', 'low'] as const).map((side) => {
      const cusum = side === 'high' ? high : low;
      const now = cusum.count === 0 ? batches.mean : cusum.sum / cusum.count;
      return {
        alarm: `score-${side}`,
        raised: cusum.raised,
        evidence: isLearning ? null : cusum.evidence / this.#limit,
        text: `scores of good parts are ${side === 'high' ? 'higher' : 'lower'} than they were: ${short(now)} on average, ${short(batches.mean)} when they were learnt; look at light, focus and parts, or calibrate`,
      };
    });
  }

  #rejectStanding(): AlarmStanding {
    const rejects = this.#state?.rejects ?? newRejects();
    const { cusum } = rejects;
    const normal = this.#config.rejectRate === 'never' ? null : normalRate(rejects, this.#config.rejectRate);
    const now = cusum.count === 0 ? 0 : cusum.sum / cusum.count;
    return {
      alarm: 'reject-rate',
      raised: cusum.raised,
      evidence: normal === null ? null : cusum.evidence / this.#limit,
      text: `more is rejected than is normal: ${percent(now)} of the last ${cusum.count} parts, ${percent(normal ?? 0)} at most are normal; look at the rejects`,
    };
  }
}

function short(value: number): string {
  return Number(value.toPrecision(3)).toString();
}

function percent(share: number): string {
  return `${Number((100 * share).toPrecision(2))} %`;
}
