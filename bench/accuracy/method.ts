import type { Scorer } from '../../src/evaluate/evaluate.js';

/** Remark on training images that could not be used; none where there are none. */
export function leftOut(count: number): string[] {
  return count === 0 ? [] : [`${count} training images could not be used`];
}

export interface FitOptions {
  /** A category in MVTec layout; only `train/good` is read. */
  readonly folder: string;
  readonly seed: number;
  /** Side of a square with as many pixels as the region that the method sees. */
  readonly size: number;
  /** Time for training, where the method takes as long as it is given. */
  readonly minutes: number;
  readonly threads: number;
}

/** A method after training, ready to score. */
export interface FittedMethod {
  readonly scorer: Scorer;
  /** What scoring needs, in bytes: weights or statistics, and the teacher where it runs. */
  readonly bytes: number;
  /** What a reader of the figures should know. */
  readonly notes: readonly string[];
  close(): Promise<void>;
}

/** One way to find defects: the project's own, or a baseline. */
export interface Method {
  readonly name: string;
  /** What decides the figures, beside size and seed. `revision` grows when code changes what comes out. */
  readonly settings: Readonly<Record<string, unknown>> & { readonly revision: number };
  /** Whether training takes as long as it is given: then the minutes decide the figures, too. */
  readonly takesMinutes: boolean;
  fit(options: FitOptions): Promise<FittedMethod>;
}
