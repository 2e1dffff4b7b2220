import type { CommandName } from '../config/commands.js';
import { COMMAND_LIMITS } from './table.js';

/** `pass`: look at it. `tell`: the first one too many, of which its sender is told. `ignore`: not even looked at. */
export type Admission = 'pass' | 'tell' | 'ignore';

interface Bucket {
  tokens: number;
  atMs: number;
  /** The last one was too many, too. */
  isOver: boolean;
  /** Not looked at since somebody asked. */
  ignored: number;
}

/**
 * How many messages are looked at, by command: a flood of one does not stand in the way of another. What names no command
 * shares one bucket.
 */
export class Rates {
  readonly #perMinute: (name: CommandName | null) => number;
  readonly #buckets = new Map<CommandName | null, Bucket>();

  /** @param perMinute of each command; null for what is none */
  constructor(perMinute: (name: CommandName | null) => number) {
    this.#perMinute = perMinute;
  }

  take(name: CommandName | null, nowMs: number): Admission {
    const { burstSeconds, leastBurst } = COMMAND_LIMITS;
    const perSecond = this.#perMinute(name) / 60;
    const most = Math.max(leastBurst, perSecond * burstSeconds);
    const bucket = this.#buckets.get(name) ?? { tokens: most, atMs: nowMs, isOver: false, ignored: 0 };
    this.#buckets.set(name, bucket);
    bucket.tokens = Math.min(most, bucket.tokens + (Math.max(0, nowMs - bucket.atMs) / 1000) * perSecond);
    bucket.atMs = nowMs;
    const wasOver = bucket.isOver;
    bucket.isOver = bucket.tokens < 1;
    if (!bucket.isOver) bucket.tokens--;
    else if (wasOver) bucket.ignored++;
    return !bucket.isOver ? 'pass' : wasOver ? 'ignore' : 'tell';
  }

  /** How many of them were not even looked at; counted anew from now on. */
  takeIgnored(name: CommandName | null): number {
    const bucket = this.#buckets.get(name);
    const ignored = bucket?.ignored ?? 0;
    if (bucket) bucket.ignored = 0;
    return ignored;
  }
}
