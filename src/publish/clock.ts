import { SideglanceError } from '../errors.js';
import { C_LIBRARY } from '../native/c-library.js';
import { loadLibrary, type NativeFunction } from '../native/library.js';
import type { Timestamp } from '../types.js';

/** adjtimex(2): what it returns while the kernel's clock is not synchronised. */
const TIME_ERROR = 5;
/** Larger than `struct timex` on every 64-bit Linux (208 bytes); zeroed, it only asks (`modes` = 0). */
const TIMEX_BYTES = 256;
const LIMITS = { askAgainAfterMs: 5_000 } as const;

/** Both clocks, read together. The monotonic one is the machine's (CLOCK_MONOTONIC), the same in every process. */
export function now(): Timestamp {
  return { utc: new Date().toISOString(), monotonicMs: monotonicMs() };
}

/** The monotonic one alone. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}

let adjtimex: NativeFunction<[Uint8Array], number> | null | undefined;
let answer = false;
let askedAt = Number.NEGATIVE_INFINITY;

/**
 * Whether the kernel considers the wall clock synchronised (by any time service: systemd-timesyncd, chrony, ntpd,
 * PTP). False where the kernel cannot be asked: a time that nobody vouches for is not called good.
 */
export function clockSynced(): boolean {
  const at = performance.now();
  if (at - askedAt < LIMITS.askAgainAfterMs) return answer;
  askedAt = at;
  adjtimex ??= findAdjtimex();
  const state = adjtimex?.(new Uint8Array(TIMEX_BYTES)) ?? -1;
  answer = state >= 0 && state !== TIME_ERROR;
  return answer;
}

function findAdjtimex(): NativeFunction<[Uint8Array], number> | null {
  try {
    return loadLibrary(C_LIBRARY).declare('int adjtimex(void *buffer)');
  } catch (thrown) {
    if (thrown instanceof SideglanceError) return null;
    throw thrown;
  }
}
