import type { Timestamp } from '../types.js';

/** CLOCK_MONOTONIC, the same in every process of the machine. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

export function timestamp(): Timestamp {
  return { utc: new Date().toISOString(), monotonicMs: monotonicMs() };
}
