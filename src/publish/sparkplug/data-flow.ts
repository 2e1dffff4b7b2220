import { Deque } from '../outbox/deque.js';
import type { Outbox } from '../outbox/outbox.js';
import type { StoredMessage } from '../outbox/types.js';
import type { Device, Update } from './device.js';
import type { EdgeNodeLimits } from './options.js';
import type { Metric } from './payload.js';

/** Where a session takes data. */
export interface DataChannel {
  /** Messages that were published on the connection, of any kind. */
  readonly publishedCount: number;
  /** Sends a DDATA. Returns its bytes, or null where the broker takes none of that size; nothing is sent then. */
  publish(deviceId: string, metrics: readonly Metric[]): number | null;
  ping(): void;
}

interface Sent {
  /** In the outbox. */
  readonly id: number;
  readonly device: Device;
  readonly update: Update;
  readonly bytes: number;
  /** The messages of the connection up to this one. */
  readonly position: number;
}

/**
 * Carries updates from the outbox to the hosts. An update leaves the outbox when the broker has confirmed it, and is
 * remembered for a while after that: a host that went away is missed only when its broker notices, so after the next
 * birth what was sent lately is sent once more, as history.
 */
export class DataFlow {
  readonly #outbox: Outbox;
  readonly #devices: ReadonlyMap<string, Device>;
  readonly #limits: EdgeNodeLimits;
  readonly #resendMs: number;
  readonly #monotonicMs: () => number;
  #unconfirmed = new Deque<Sent>();
  #unconfirmedBytes = 0;
  readonly #recent = new Deque<{ readonly device: Device; readonly update: Update; readonly sentMs: number }>();
  #channel: DataChannel | null = null;
  #confirmTimer: NodeJS.Timeout | undefined;
  #isPinging = false;
  #isScheduled = false;
  #drained: () => void = () => {};

  constructor(
    outbox: Outbox,
    devices: ReadonlyMap<string, Device>,
    limits: EdgeNodeLimits,
    resendMs: number,
    monotonicMs: () => number,
  ) {
    this.#outbox = outbox;
    this.#devices = devices;
    this.#limits = limits;
    this.#resendMs = resendMs;
    this.#monotonicMs = monotonicMs;
    outbox.onOfferable(() => this.#schedule());
  }

  store(device: Device, update: Update): void {
    this.#outbox.store({
      station: device.id,
      messageClass: 'verdict',
      topic: '',
      contentType: 'application/json',
      at: { utc: new Date(update.timestamp).toISOString(), monotonicMs: this.#monotonicMs() },
      write: () => ({ payload: Buffer.from(JSON.stringify(update)), properties: null }),
    });
  }

  /** Births have been sent on this channel: data may follow. */
  open(channel: DataChannel): void {
    this.#channel = channel;
    this.#outbox.turnLate();
    this.#schedule();
  }

  /** Nothing more is sent until the next birth; what hosts may not have got goes back to the outbox. */
  close(): void {
    this.#channel = null;
    this.#isPinging = false;
    clearTimeout(this.#confirmTimer);
    this.#confirmTimer = undefined;
    this.#unconfirmed = new Deque();
    this.#unconfirmedBytes = 0;
    const oldestMs = this.#monotonicMs() - this.#resendMs;
    for (let recent = this.#recent.shift(); recent; recent = this.#recent.shift()) {
      const { device, update, sentMs } = recent;
      if (sentMs > oldestMs) this.store(device, { ...update, sentMs });
    }
    this.#outbox.rewind();
    this.#drained();
  }

  /** The broker has the messages of the connection up to this one. */
  confirmed(position: number): void {
    this.#isPinging = false;
    for (let sent = this.#unconfirmed.first(); sent && sent.position <= position; sent = this.#unconfirmed.first()) {
      this.#unconfirmed.shift();
      this.#unconfirmedBytes -= sent.bytes;
      this.#outbox.acknowledge(sent.id);
      // However often it is sent: hosts that ask for births again and again get it for as long as one that asks once.
      const sentMs = Math.min(sent.update.sentMs ?? Number.POSITIVE_INFINITY, this.#monotonicMs());
      this.#recent.push({ device: sent.device, update: sent.update, sentMs });
    }
    this.#forgetOld();
    this.pump();
  }

  /** Sends what may be sent now. */
  pump(): void {
    while (this.#channel && this.#hasRoom) {
      const offer = this.#outbox.next(undefined, (station) => this.#devices.get(station)?.isBorn ?? false);
      if (!offer) break;
      const device = this.#devices.get(offer.station);
      if (offer.kind === 'gap') {
        this.#outbox.acknowledge(offer.id);
        device?.takeGap(offer);
      } else if (device) this.#send(this.#channel, device, offer);
    }
    this.#askForConfirmation();
    if (this.#unconfirmed.length === 0) this.#drained();
  }

  /** Waits until the broker has all that may be sent, for so long at most. */
  async drain(timeoutMs: number): Promise<void> {
    this.pump();
    if (!this.#channel || this.#unconfirmed.length === 0) return;
    this.#ping(this.#channel);
    await new Promise<void>((done) => {
      const timer = setTimeout(done, timeoutMs);
      this.#drained = () => {
        clearTimeout(timer);
        done();
      };
    });
    this.#drained = () => {};
  }

  /** What the broker has is not sent once more: the end is one in good order. */
  forgetRecent(): void {
    while (this.#recent.shift()) {}
  }

  get #hasRoom(): boolean {
    return this.#unconfirmed.length < this.#limits.windowMessages && this.#unconfirmedBytes < this.#limits.windowBytes;
  }

  #send(channel: DataChannel, device: Device, { id, payload }: StoredMessage): void {
    const update = JSON.parse(Buffer.from(payload).toString()) as Update;
    const metrics = device.tell(update);
    if (metrics.length === 0) {
      this.#outbox.acknowledge(id);
      return;
    }
    const bytes = channel.publish(device.id, metrics);
    if (bytes === null) {
      this.#outbox.reject(id, 'tooLarge');
      return;
    }
    this.#unconfirmed.push({ id, device, update, bytes, position: channel.publishedCount });
    this.#unconfirmedBytes += bytes;
  }

  /** All that is stored in one turn goes together. */
  #schedule(): void {
    if (this.#isScheduled || !this.#channel) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.pump();
    });
  }

  #askForConfirmation(): void {
    const channel = this.#channel;
    if (!channel || this.#unconfirmed.length === 0 || this.#isPinging) return;
    if (!this.#hasRoom) this.#ping(channel);
    else this.#confirmTimer ??= setTimeout(() => this.#ping(channel), this.#limits.confirmAfterMs);
  }

  #ping(channel: DataChannel): void {
    clearTimeout(this.#confirmTimer);
    this.#confirmTimer = undefined;
    this.#isPinging = true;
    channel.ping();
  }

  #forgetOld(): void {
    const oldestMs = this.#monotonicMs() - this.#resendMs;
    for (let recent = this.#recent.first(); recent; recent = this.#recent.first()) {
      if (recent.sentMs > oldestMs && this.#recent.length <= this.#limits.resendMessages) return;
      this.#recent.shift();
    }
  }
}
