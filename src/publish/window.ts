import type { Answer, Connection } from './connection.js';
import type { SessionLimits } from './options.js';
import { type Packet, packetBytes } from './packet.js';

/** How a message that was sent ended. `lost`: the connection went away before the answer; it may have arrived. */
export type Settlement = Answer | { readonly outcome: 'lost'; readonly byBroker: boolean };

interface UnderWay {
  readonly bytes: number;
  readonly settled: (settlement: Settlement) => void;
}

/**
 * The messages under way to the broker, bounded in messages and in bytes. It keeps none: whatever is under way when a
 * connection goes is `lost`.
 */
export class Window {
  readonly #limits: SessionLimits;
  readonly #onSilence: () => void;
  readonly #underWay = new Set<UnderWay>();
  #messages = 1;
  #bytesUnderWay = 0;
  #timer: NodeJS.Timeout | undefined;
  #emptied: () => void = () => {};

  /** @param onSilence nothing has been acknowledged for `acknowledgeTimeoutMs` while messages are under way */
  constructor(limits: SessionLimits, onSilence: () => void) {
    this.#limits = limits;
    this.#onSilence = onSilence;
  }

  /** For a new connection. @param receiveMaximum messages that its broker takes unacknowledged */
  open(receiveMaximum: number): void {
    this.#messages = Math.max(1, Math.min(this.#limits.windowMessages, receiveMaximum));
  }

  get size(): number {
    return this.#underWay.size;
  }

  /** Whether one more message may be under way; however large, one always may. */
  get hasRoom(): boolean {
    return this.#underWay.size < this.#messages && this.#bytesUnderWay < this.#limits.windowBytes;
  }

  /** Whether the broker takes one more message. */
  get mayHaveOneMore(): boolean {
    return this.#underWay.size < this.#messages;
  }

  /** `settled` is called exactly once, never before this returns. */
  send(connection: Connection, packet: Packet, settled: (settlement: Settlement) => void): void {
    const underWay: UnderWay = { bytes: packetBytes(packet), settled };
    this.#underWay.add(underWay);
    this.#bytesUnderWay += underWay.bytes;
    this.#timer ??= setTimeout(() => this.#onSilence(), this.#limits.acknowledgeTimeoutMs);
    connection.publish(packet, (answer) => {
      if (!this.#underWay.delete(underWay)) return;
      this.#bytesUnderWay -= underWay.bytes;
      if (this.#underWay.size > 0) this.#timer?.refresh();
      else this.#clearTimer();
      settled(answer);
      if (this.#underWay.size === 0) this.#emptied();
    });
  }

  /** Waits until nothing is under way, for so long at most. */
  async empty(timeoutMs: number): Promise<void> {
    if (this.#underWay.size === 0) return;
    await new Promise<void>((done) => {
      const timer = setTimeout(done, timeoutMs);
      this.#emptied = () => {
        clearTimeout(timer);
        done();
      };
    });
    this.#emptied = () => {};
  }

  /** The connection is gone, and with it every answer. */
  settleLost(byBroker: boolean): void {
    this.#clearTimer();
    this.#bytesUnderWay = 0;
    const lost = [...this.#underWay];
    this.#underWay.clear();
    for (const { settled } of lost) settled({ outcome: 'lost', byBroker });
    this.#emptied();
  }

  #clearTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
