export interface RestartLimits {
  readonly windowMs: number;
  /** Quick restarts allowed within the window; the next exit means "failed". */
  readonly maxRestarts: number;
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
  /** How long to wait between attempts once a station has failed. */
  readonly slowRetryMs: number;
  /** A failed station that stays up this long gets its quick restarts back. */
  readonly provenAfterMs: number;
}

export const RESTART_LIMITS: RestartLimits = {
  windowMs: 60_000,
  maxRestarts: 5,
  firstDelayMs: 100,
  maxDelayMs: 5_000,
  slowRetryMs: 60_000,
  provenAfterMs: 60_000,
};

export interface RestartDecision {
  readonly delayMs: number;
  /** `failed`: too many exits in the window, or a fault that a restart cannot mend. */
  readonly state: 'restarting' | 'failed';
  /** True for the exit that turned the station from restarting to failed: report this one. */
  readonly newlyFailed: boolean;
}

/**
 * Decides when a station that ended is started again: at once and with doubling delays at first, slowly after
 * `maxRestarts` in `windowMs`. Once slow it stays slow until the station has stayed up for `provenAfterMs`;
 * otherwise the emptied window would let it storm again.
 */
export class RestartPolicy {
  readonly #limits: RestartLimits;
  readonly #now: () => number;
  #restarts: number[] = [];
  #failed = false;
  #readySinceMs: number | null = null;

  /** @param now reads a monotonic clock in milliseconds */
  constructor(now: () => number, limits: RestartLimits = RESTART_LIMITS) {
    this.#now = now;
    this.#limits = limits;
  }

  /** The station has loaded its model and pulls frames. */
  onReady(): void {
    this.#readySinceMs = this.#now();
  }

  /** The station ended. `hopeless`: by a fault that only a person can mend, such as a missing model. */
  onExit(hopeless: boolean): RestartDecision {
    const now = this.#now();
    const upMs = this.#readySinceMs === null ? 0 : now - this.#readySinceMs;
    this.#readySinceMs = null;
    if (upMs >= this.#limits.provenAfterMs) this.#failed = false;

    this.#restarts = this.#restarts.filter((at) => now - at < this.#limits.windowMs);
    const wasFailed = this.#failed;
    if (hopeless || this.#restarts.length >= this.#limits.maxRestarts) this.#failed = true;
    if (this.#failed) return { delayMs: this.#limits.slowRetryMs, state: 'failed', newlyFailed: !wasFailed };

    const delayMs = Math.min(this.#limits.firstDelayMs * 2 ** this.#restarts.length, this.#limits.maxDelayMs);
    this.#restarts.push(now);
    return { delayMs, state: 'restarting', newlyFailed: false };
  }
}
