import type { InspectionMessage } from '../publish/messages.js';

/** Where the time between a frame and its published verdict goes, in this order. */
export const STAGES = [
  'capture',
  'crop',
  'network',
  'postprocess',
  'encode',
  'between',
  'publish',
  'endToEnd',
] as const;
export type Stage = (typeof STAGES)[number];

/** How each stage is called before people. */
export const STAGE_TITLES: Readonly<Record<Stage, string>> = {
  capture: 'capture',
  crop: 'crop',
  network: 'network',
  postprocess: 'post-processing',
  encode: 'encode',
  between: 'between them',
  publish: 'publish',
  endToEnd: 'end to end',
};

/** Milliseconds that half, 95 and 99 of 100 parts do not exceed. */
export interface Quantiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

export interface StageTimes {
  readonly parts: number;
  readonly verdicts: Readonly<Record<InspectionMessage['verdict'], number>>;
  readonly partsPerSecond: number;
  readonly skippedFrames: number;
  readonly stages: Readonly<Record<Stage, Quantiles>>;
  /** Median of the share of the time from end to end that a part did not spend in the network. */
  readonly shareOutsideNetwork: number;
}

/** Collects the stage times of the parts of one station. A part that was never inspected, such as a late one, has none. */
export class StageTally {
  readonly #times = new Map<Stage, number[]>(STAGES.map((stage) => [stage, []]));
  readonly #outside: number[] = [];
  readonly #verdicts = { pass: 0, fail: 0, invalid: 0 };
  #skipped = 0;
  #firstMs = Number.POSITIVE_INFINITY;
  #lastMs = Number.NEGATIVE_INFINITY;

  add(message: InspectionMessage): void {
    const { verdict, captured, published, timings, skippedFrames } = message;
    this.#verdicts[verdict]++;
    this.#skipped += skippedFrames;
    this.#firstMs = Math.min(this.#firstMs, published.monotonicMs);
    this.#lastMs = Math.max(this.#lastMs, published.monotonicMs);
    if (timings.network <= 0) return;
    const { capture, crop, network, postprocess, encode, total } = timings;
    const endToEnd = published.monotonicMs - captured.monotonicMs;
    const publish = endToEnd - total;
    const between = total - capture - crop - network - postprocess - encode;
    const times = { capture, crop, network, postprocess, encode, between, publish, endToEnd };
    for (const stage of STAGES) this.#times.get(stage)!.push(times[stage]);
    this.#outside.push(1 - network / endToEnd);
  }

  get parts(): number {
    const { pass, fail, invalid } = this.#verdicts;
    return pass + fail + invalid;
  }

  get inspected(): number {
    return this.#outside.length;
  }

  /** Null until two parts were inspected: one alone has no rate. */
  summary(): StageTimes | null {
    if (this.#outside.length < 2) return null;
    const quantiles = (stage: Stage) => {
      const times = this.#times.get(stage)!;
      return { p50: quantileOf(times, 0.5), p95: quantileOf(times, 0.95), p99: quantileOf(times, 0.99) };
    };
    return {
      parts: this.parts,
      verdicts: { ...this.#verdicts },
      partsPerSecond: (1000 * (this.parts - 1)) / (this.#lastMs - this.#firstMs),
      skippedFrames: this.#skipped,
      stages: Object.fromEntries(STAGES.map((stage) => [stage, quantiles(stage)])) as Record<Stage, Quantiles>,
      shareOutsideNetwork: quantileOf(this.#outside, 0.5),
    };
  }
}

/** Between the two nearest values, in proportion (Hyndman and Fan 1996, definition 7). @param values at least one */
export function quantileOf(values: readonly number[], share: number): number {
  const ascending = [...values].sort((a, b) => a - b);
  const at = share * (ascending.length - 1);
  const [below, above] = [ascending[Math.floor(at)] as number, ascending[Math.ceil(at)] as number];
  return below + (at - Math.floor(at)) * (above - below);
}
