import type { Timestamp } from '../types.js';

/** The machine's monotonic clock (CLOCK_MONOTONIC) in milliseconds: the same in every process, new with every boot. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Both clocks, `agoMs` milliseconds before now. */
export function timestamp(agoMs = 0): Timestamp {
  return { utc: new Date(Date.now() - agoMs).toISOString(), monotonicMs: monotonicMs() - agoMs };
}

/** A wait that can be cut short: `wake` ends it at once, and every later wait too. */
export class Sleeper {
  #awake = false;
  readonly #sleeping = new Set<() => void>();

  /** Waits for `ms` milliseconds, or until woken, or until `until` settles. */
  sleep(ms: number, until?: Promise<unknown>): Promise<void> {
    if (this.#awake || ms <= 0) return Promise.resolve();
    return new Promise((done) => {
      const end = () => {
        clearTimeout(timer);
        this.#sleeping.delete(end);
        done();
      };
      const timer = setTimeout(end, ms);
      this.#sleeping.add(end);
      until?.then(end, end);
    });
  }

  wake(): void {
    this.#awake = true;
    for (const end of [...this.#sleeping]) end();
  }
}
