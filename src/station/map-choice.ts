import type { MapsConfig, Occasion } from '../config/publish.js';
import type { RegionResult, Verdict } from '../types.js';

/** Chooses the regions of a part whose maps are published: on the occasion, above the score, and within the rate. */
export class MapChoice {
  readonly #config: MapsConfig;
  readonly #budget: MapBudget | null;

  constructor(config: MapsConfig) {
    this.#config = config;
    this.#budget = config.perSecond === 'unlimited' ? null : new MapBudget(config.perSecond);
  }

  /**
   * @param nowMs of a monotonic clock
   * @returns in the order of `regions`; for an overlay, which shows all of them, all or none
   */
  choose(verdict: Verdict, regions: readonly RegionResult[], nowMs: number): readonly RegionResult[] {
    const { when, aboveScore = Number.NEGATIVE_INFINITY, form } = this.#config;
    if (!isDue(when, verdict)) return [];
    // A region that could not be judged has no score, and is shown rather than hidden.
    const due = regions.filter(({ score }) => !(score <= aboveScore));
    if (form === 'overlay') return due.length > 0 && this.#take(verdict, nowMs) ? regions : [];
    const badFirst = [...due.filter(isBad), ...due.filter((region) => !isBad(region))];
    const taken = new Set(badFirst.filter((region) => this.#take(region.verdict, nowMs)));
    return due.filter((region) => taken.has(region));
  }

  #take(verdict: Verdict, nowMs: number): boolean {
    return this.#budget === null || this.#budget.take(!isBad({ verdict }), nowMs);
  }
}

function isBad({ verdict }: { readonly verdict: Verdict }): boolean {
  return verdict.result !== 'pass';
}

export function isDue(occasion: Occasion, verdict: Verdict): boolean {
  return occasion === 'always' || (occasion === 'fail' && verdict.result === 'fail');
}

/**
 * So many maps a second on average, and at once what has been saved up, which is one second's worth or two maps. Half of
 * that is for what does not pass: a defect is not hidden by the good parts before it.
 */
class MapBudget {
  readonly #perSecond: number;
  readonly #most: number;
  #saved: number;
  #countedMs: number | null = null;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
    this.#most = Math.max(2, perSecond);
    this.#saved = this.#most;
  }

  take(isGood: boolean, nowMs: number): boolean {
    const sinceMs = Math.max(0, nowMs - (this.#countedMs ?? nowMs));
    this.#saved = Math.min(this.#most, this.#saved + (sinceMs / 1000) * this.#perSecond);
    this.#countedMs = nowMs;
    const kept = isGood ? Math.floor(this.#most / 2) : 0;
    if (this.#saved < kept + 1) return false;
    this.#saved--;
    return true;
  }
}
