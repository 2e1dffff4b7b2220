import type { Values } from './metric-set.js';

/** Counts the parts of a station, and what came of them within the last minute. */
export class PartRates {
  static readonly WINDOW_MS = 60_000;
  readonly #counts = { pass: 0, fail: 0, invalid: 0 };
  /** The counts as they were at each `rates`, from the beginning of the window on. */
  readonly #marks: { readonly atMs: number; readonly total: number; readonly rejects: number }[];

  /** @param nowMs a monotonic clock, here and below */
  constructor(nowMs: number) {
    this.#marks = [{ atMs: nowMs, total: 0, rejects: 0 }];
  }

  /** Takes a part in and returns all counts. */
  count(result: 'pass' | 'fail' | 'invalid'): Values {
    this.#counts[result]++;
    const { pass, fail, invalid } = this.#counts;
    return {
      'Counts/Total': pass + fail + invalid,
      'Counts/Pass': pass,
      'Counts/Fail': fail,
      'Counts/Invalid': invalid,
    };
  }

  /** What happened since a minute ago, or since the start; to be asked every few seconds. */
  rates(nowMs: number): Values {
    while (this.#marks.length > 1 && (this.#marks[1]?.atMs ?? nowMs) <= nowMs - PartRates.WINDOW_MS)
      this.#marks.shift();
    const { pass, fail, invalid } = this.#counts;
    const mark = { atMs: nowMs, total: pass + fail + invalid, rejects: fail + invalid };
    const since = this.#marks[0] ?? mark;
    this.#marks.push(mark);
    const parts = mark.total - since.total;
    const minutes = (nowMs - since.atMs) / 60_000;
    return {
      'Rates/Parts': minutes > 0 ? rounded(parts / minutes) : null,
      'Rates/Rejects': parts > 0 ? rounded((100 * (mark.rejects - since.rejects)) / parts) : null,
    };
  }
}

/** To a tenth: a change that nobody would see is not worth a message. */
function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}
