import type { Packet } from './packet.js';

export const MAIL_LIMITS = {
  /** Of answers, audit and snapshots that wait for the broker; the oldest are dropped first. */
  maxMessages: 256,
  maxBytes: 8 * 1024 * 1024,
} as const;

export interface MailCounters {
  readonly waiting: number;
  readonly delivered: number;
  readonly dropped: number;
  readonly refused: number;
}

/**
 * Messages that are worth sending soon or not at all: answers to commands, which their sender asks for again, the audit,
 * which the disk keeps, and snapshots. In memory, in order, sent again where the connection went under way.
 */
export class Mail {
  readonly #waiting: Packet[] = [];
  /** So many at the front have been put back. */
  #returned = 0;
  #bytes = 0;
  #delivered = 0;
  #dropped = 0;
  #refused = 0;

  get waiting(): number {
    return this.#waiting.length;
  }

  counters(): MailCounters {
    return {
      waiting: this.waiting,
      delivered: this.#delivered,
      dropped: this.#dropped,
      refused: this.#refused,
    };
  }

  add(packet: Packet): void {
    this.#waiting.push(packet);
    this.#bytes += packet.payload.byteLength;
    while (this.#waiting.length > MAIL_LIMITS.maxMessages || this.#bytes > MAIL_LIMITS.maxBytes) {
      if (this.take() === null) return;
      this.#dropped++;
    }
  }

  take(): Packet | null {
    const packet = this.#waiting.shift();
    this.#returned = 0;
    if (packet === undefined) return null;
    this.#bytes -= packet.payload.byteLength;
    return packet;
  }

  /** The connection went while it was under way: it goes first again, after those that were put back before it. */
  putBack(packet: Packet): void {
    this.#waiting.splice(this.#returned++, 0, packet);
    this.#bytes += packet.payload.byteLength;
  }

  settled(isTaken: boolean): void {
    if (isTaken) this.#delivered++;
    else this.#refused++;
  }
}
