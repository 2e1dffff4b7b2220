/** Lets so many things a second pass, evenly but for what comes together within `BURST_S`. */
export class Throttle {
  readonly #perSecond: number | null;
  readonly #nowMs: () => number;
  readonly #open: () => void;
  #tokens: number;
  #filledMs: number;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param perSecond null: everything passes
   * @param open called when something may pass again after `pass` has said no
   */
  constructor(perSecond: number | null, nowMs: () => number, open: () => void) {
    this.#perSecond = perSecond;
    this.#nowMs = nowMs;
    this.#open = open;
    this.#tokens = perSecond === null ? 0 : burst(perSecond);
    this.#filledMs = nowMs();
  }

  pass(): boolean {
    if (this.#perSecond === null) return true;
    const nowMs = this.#nowMs();
    const fresh = (Math.max(0, nowMs - this.#filledMs) / 1000) * this.#perSecond;
    this.#tokens = Math.min(burst(this.#perSecond), this.#tokens + fresh);
    this.#filledMs = nowMs;
    if (this.#tokens >= 1) {
      this.#tokens--;
      return true;
    }
    this.#timer ??= setTimeout(
      () => {
        this.#timer = undefined;
        this.#open();
      },
      Math.max(WAIT_MS, 1000 / this.#perSecond),
    );
    return false;
  }

  close(): void {
    clearTimeout(this.#timer);
  }
}

const BURST_S = 0.02;
const WAIT_MS = 5;

function burst(perSecond: number): number {
  return Math.max(1, perSecond * BURST_S);
}
