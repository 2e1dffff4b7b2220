import type { Offer } from './outbox/types.js';

const LIMITS = {
  /** Times a message may be under way when the broker ends the connection, before it goes alone. */
  lossesUntilAlone: 2,
  /** And altogether, the last times alone, before it counts as the reason. */
  lossesUntilPoison: 5,
  /** Messages whose losses are remembered; the oldest are forgotten first. */
  lossesRemembered: 256,
  /** A packet of so few bytes is not what a broker ends a connection for. */
  leastBytes: 512,
} as const;

/**
 * What was under way when a broker ended the connection. Some brokers do not say what is too large for them and just close,
 * also when the same message comes again. A message that was under way more than once therefore goes alone, and when it
 * still ends every connection it is the reason.
 */
export class Suspicion {
  /** By the id of the offer: how often, and how large it was the last time. */
  readonly #losses = new Map<number, { readonly times: number; readonly bytes: number }>();
  /** By broker: the largest picture that it may be sent, where it ended connections until they were as small. */
  readonly #learnt = new Map<string, number>();

  lost({ id }: Offer, bytes: number): void {
    const times = this.#times(id) + 1;
    this.#losses.delete(id);
    this.#losses.set(id, { times, bytes });
    for (const oldest of this.#losses.keys()) {
      if (this.#losses.size <= LIMITS.lossesRemembered) break;
      this.#losses.delete(oldest);
    }
  }

  forget({ id }: Offer): void {
    this.#losses.delete(id);
  }

  hasToGoAlone({ id }: Offer): boolean {
    return this.#times(id) >= LIMITS.lossesUntilAlone;
  }

  isPoison({ id }: Offer): boolean {
    return this.#times(id) >= LIMITS.lossesUntilPoison;
  }

  /** Bytes of a packet with a picture that the broker takes, as far as is known. */
  takes(broker: string): number {
    return this.#learnt.get(broker) ?? Number.POSITIVE_INFINITY;
  }

  /** From now on pictures go to this broker half as large as this one, which ended every connection. Returns whether that may help. */
  learn({ id }: Offer, broker: string): boolean {
    const bytes = Math.floor((this.#losses.get(id)?.bytes ?? 0) / 2);
    if (bytes < LIMITS.leastBytes) {
      // Then it was not its size.
      this.#learnt.delete(broker);
      return false;
    }
    this.#learnt.set(broker, bytes);
    // Once more, alone; if that ends the connection as well, by half again.
    this.#losses.set(id, { times: LIMITS.lossesUntilPoison - 1, bytes });
    return true;
  }

  #times(id: number): number {
    return this.#losses.get(id)?.times ?? 0;
  }
}
