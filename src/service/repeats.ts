export interface RepeatLimits {
  /** Events of one kind that are let through within the window; more are counted ("newest is dropped"). */
  readonly mostInWindow: number;
  readonly windowMs: number;
  /** Kinds that are told apart; beyond, those that were seen first are forgotten. */
  readonly maxKinds: number;
}

export const REPEAT_LIMITS: RepeatLimits = { mostInWindow: 30, windowMs: 60_000, maxKinds: 256 };

interface Kind {
  readonly sinceMs: number;
  seen: number;
}

/** Keeps what happens again and again from filling the log, and tells how often it happened. */
export class Repeats<Key extends string> {
  readonly #onLeftOut: (key: Key, count: number) => void;
  readonly #now: () => number;
  readonly #limits: RepeatLimits;
  readonly #kinds = new Map<Key, Kind>();

  /** @param onLeftOut called at the end of a window in which something was left out */
  constructor(
    onLeftOut: (key: Key, count: number) => void,
    now: () => number = () => performance.now(),
    limits: RepeatLimits = REPEAT_LIMITS,
  ) {
    this.#onLeftOut = onLeftOut;
    this.#now = now;
    this.#limits = limits;
  }

  /** Whether one more of this kind is to be written. */
  isLet(key: Key): boolean {
    this.flush();
    let kind = this.#kinds.get(key);
    if (kind === undefined) {
      kind = { sinceMs: this.#now(), seen: 0 };
      this.#kinds.set(key, kind);
      for (const first of this.#kinds.keys()) {
        if (this.#kinds.size <= this.#limits.maxKinds) break;
        this.#end(first);
      }
    }
    return ++kind.seen <= this.#limits.mostInWindow;
  }

  /** Ends every window that is over, or all of them. */
  flush(all = false): void {
    const now = this.#now();
    // In the order of their beginnings.
    for (const [key, { sinceMs }] of this.#kinds) {
      if (!all && now - sinceMs < this.#limits.windowMs) break;
      this.#end(key);
    }
  }

  #end(key: Key): void {
    const leftOut = (this.#kinds.get(key)?.seen ?? 0) - this.#limits.mostInWindow;
    this.#kinds.delete(key);
    if (leftOut > 0) this.#onLeftOut(key, leftOut);
  }
}
