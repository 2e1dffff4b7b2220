import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import type { StationMessage } from '../types.js';

export const PROGRESS_LIMITS = {
  /** At most one report in this time. */
  everyMs: 500,
  /** How finely the event loop is watched. */
  lagResolutionMs: 20,
} as const;

type ProgressMessage = Extract<StationMessage, { type: 'progress' }>;

/**
 * Counts what the station really did. A report is due only when something was counted: there is no timer here that would
 * go on ticking in a station that hangs.
 */
export class Progress {
  #pulls = 0;
  #parts = 0;
  #selfTests = 0;
  #runs = 0;
  #reportedAtMs = Number.NEGATIVE_INFINITY;
  readonly #lag: IntervalHistogram;

  constructor() {
    this.#lag = monitorEventLoopDelay({ resolution: PROGRESS_LIMITS.lagResolutionMs });
    this.#lag.enable();
  }

  /** The pull loop came round, with a frame or without. */
  pulled(): void {
    this.#pulls++;
  }

  /** A part was judged. */
  judged(): void {
    this.#parts++;
  }

  /** The network ran on a part, or on some of it: a large one takes longer than a station may be silent. */
  ran(): void {
    this.#runs++;
  }

  /** The model has proven itself, since no part came. */
  tested(): void {
    this.#selfTests++;
  }

  /** The report, if one is due. */
  report(nowMs: number): ProgressMessage | null {
    if (nowMs - this.#reportedAtMs < PROGRESS_LIMITS.everyMs) return null;
    this.#reportedAtMs = nowMs;
    // The histogram holds whole intervals; without a sample since the last report its maximum is 0.
    const lagMs = Math.max(0, this.#lag.max / 1e6 - PROGRESS_LIMITS.lagResolutionMs);
    this.#lag.reset();
    return {
      type: 'progress',
      pulls: this.#pulls,
      parts: this.#parts,
      selfTests: this.#selfTests,
      runs: this.#runs,
      rssBytes: process.memoryUsage.rss(),
      lagMs: Math.round(lagMs * 10) / 10,
    };
  }

  stop(): void {
    this.#lag.disable();
  }
}
