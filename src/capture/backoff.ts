/** Exponential back-off with jitter: 1, 2, 4 … times `minMs`, at most `maxMs`, of which a random half is cut. */
export class Backoff {
  readonly #minMs: number;
  readonly #maxMs: number;
  readonly #random: () => number;
  #attempt = 0;

  /** `random` gives numbers in [0, 1). */
  constructor(minMs: number, maxMs: number, random: () => number = Math.random) {
    this.#minMs = minMs;
    this.#maxMs = maxMs;
    this.#random = random;
  }

  /** Milliseconds to wait before the next attempt; longer with every call until `reset`. */
  next(): number {
    const fullMs = Math.min(this.#maxMs, this.#minMs * 2 ** Math.min(this.#attempt, 30));
    this.#attempt++;
    return fullMs * (1 - this.#random() / 2);
  }

  reset(): void {
    this.#attempt = 0;
  }
}
