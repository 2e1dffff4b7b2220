import {
  DROP_REASONS,
  type DropReason,
  MESSAGE_CLASSES,
  type MessageClass,
  type OutboxCounters,
  type PerClass,
} from './types.js';

/** Counts what the outbox does. */
export class Tally {
  readonly stored = perClass();
  readonly delivered = perClass();
  readonly dropped = Object.fromEntries(DROP_REASONS.map((reason) => [reason, perClass()])) as Record<
    DropReason,
    PerClass
  >;
  gapsAnnounced = 0;
  gapsRefused = 0;
  readonly #waiting = perClass();
  #waitingBytes = 0;

  /** Footprints of what waits or is in flight. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  get waiting(): number {
    return MESSAGE_CLASSES.reduce((total, messageClass) => total + this.#waiting[messageClass], 0);
  }

  arrives(messageClass: MessageClass, bytes: number): void {
    this.#waiting[messageClass]++;
    this.#waitingBytes += bytes;
  }

  leaves(messageClass: MessageClass, bytes: number): void {
    this.#waiting[messageClass]--;
    this.#waitingBytes -= bytes;
  }

  counters(): Omit<OutboxCounters, 'inFlight' | 'storage'> {
    const { stored, delivered, dropped, gapsAnnounced, gapsRefused } = this;
    const waiting = this.#waiting;
    return structuredClone({
      waiting,
      waitingBytes: this.#waitingBytes,
      stored,
      delivered,
      dropped,
      gapsAnnounced,
      gapsRefused,
    });
  }
}

function perClass(): PerClass {
  return { verdict: 0, map: 0, frame: 0 };
}
