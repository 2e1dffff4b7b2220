import { partVerdict } from '../infer/verdict.js';
import type { PairedOutcomes, ScoreSpread, ShadowState } from '../shadow.js';
import type { RegionResult, Verdict } from '../types.js';

/** What one model says about a part, and how long it took. */
export interface Judged {
  readonly regions: readonly RegionResult[];
  readonly judgeMs: number;
}

export type ComparisonFigures = Pick<
  ShadowState,
  'compared' | 'unseen' | 'failed' | 'outcomes' | 'regions' | 'judgeMs'
>;

/** Two models at the same parts, in counts. */
export class Comparison {
  readonly #outcomes = new Outcomes();
  readonly #regions = new Map<string, { outcomes: Outcomes; current: Spread; shadow: Spread }>();
  readonly #judgeMs = { current: new Spread(), shadow: new Spread() };
  #compared = 0;
  #unseen = 0;
  #failed = 0;

  get compared(): number {
    return this.#compared;
  }

  /** @param shadow null: it failed, so the part is one that it rejects */
  add(current: Judged, shadow: Judged | null): void {
    this.#compared++;
    this.#judgeMs.current.add(current.judgeMs);
    if (shadow === null) this.#failed++;
    else this.#judgeMs.shadow.add(shadow.judgeMs);
    this.#outcomes.add(partVerdict(current.regions), shadow === null ? null : partVerdict(shadow.regions));
    for (const [i, region] of current.regions.entries()) {
      const other = shadow?.regions[i] ?? null;
      const seen = this.#of(region.region.name);
      seen.outcomes.add(region.verdict, other === null ? null : other.verdict);
      addScore(seen.current, region);
      if (other !== null) addScore(seen.shadow, other);
    }
  }

  /** A part that the shadow does not look at. */
  miss(): void {
    this.#unseen++;
  }

  figures(): ComparisonFigures {
    const { current, shadow } = this.#judgeMs;
    return {
      compared: this.#compared,
      unseen: this.#unseen,
      failed: this.#failed,
      outcomes: this.#outcomes.counts(),
      regions: [...this.#regions].map(([name, seen]) => ({
        name,
        outcomes: seen.outcomes.counts(),
        current: seen.current.value(),
        shadow: seen.shadow.value(),
      })),
      judgeMs: { current: current.value()?.mean ?? 0, shadow: shadow.value()?.mean ?? 0 },
    };
  }

  #of(name: string) {
    const known = this.#regions.get(name);
    if (known !== undefined) return known;
    const made = { outcomes: new Outcomes(), current: new Spread(), shadow: new Spread() };
    this.#regions.set(name, made);
    return made;
  }
}

class Outcomes {
  #bothPass = 0;
  #bothReject = 0;
  #onlyCurrentRejects = 0;
  #onlyShadowRejects = 0;

  add(current: Verdict, shadow: Verdict | null): void {
    const passes = [current.result === 'pass', shadow?.result === 'pass'] as const;
    if (passes[0] && passes[1]) this.#bothPass++;
    else if (passes[0]) this.#onlyShadowRejects++;
    else if (passes[1]) this.#onlyCurrentRejects++;
    else this.#bothReject++;
  }

  counts(): PairedOutcomes {
    return {
      bothPass: this.#bothPass,
      bothReject: this.#bothReject,
      onlyCurrentRejects: this.#onlyCurrentRejects,
      onlyShadowRejects: this.#onlyShadowRejects,
    };
  }
}

/** Mean and standard deviation of what comes, without keeping it (Welford 1962). */
class Spread {
  #count = 0;
  #mean = 0;
  #squares = 0;

  add(value: number): void {
    const step = value - this.#mean;
    this.#mean += step / ++this.#count;
    this.#squares += step * (value - this.#mean);
  }

  value(): ScoreSpread | null {
    if (this.#count === 0) return null;
    return { mean: this.#mean, deviation: Math.sqrt(this.#squares / Math.max(1, this.#count - 1)) };
  }
}

/** The score of a region that is no part says nothing. */
function addScore(spread: Spread, { verdict, score, threshold }: RegionResult): void {
  const share = score / threshold;
  if (verdict.result !== 'invalid' && Number.isFinite(share)) spread.add(share);
}
