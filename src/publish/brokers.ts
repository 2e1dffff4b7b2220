import { reasonOf, SideglanceError } from '../errors.js';
import { type BrokerAddress, brokerAddress } from './connection.js';
import type { BrokerFault } from './faults.js';
import type { MqttOptions, SessionLimits } from './options.js';

type Limits = Pick<SessionLimits, 'backoffMinMs' | 'backoffMaxMs' | 'slowRetryMs' | 'stableAfterMs'>;

/** One of the brokers that are configured, and what attempts to connect to it have taught. */
export class Broker {
  readonly address: BrokerAddress;
  /** 0 is the preferred one. */
  readonly rank: number;
  /** The version for the next attempt. */
  protocolVersion: 5 | 4;
  readonly #only4: boolean;
  readonly #limits: Limits;
  /** It has said that it does not speak MQTT 5. */
  #refused5 = false;
  /** The version that is tried now has been online before: a broker that closes without a word says nothing about it. */
  #proven = false;
  #failures = 0;
  #notBeforeMs = 0;

  constructor(url: string, rank: number, only4: boolean, limits: Limits) {
    this.address = brokerAddress(url);
    this.rank = rank;
    this.protocolVersion = only4 ? 4 : 5;
    this.#only4 = only4;
    this.#limits = limits;
  }

  /** How long it should be left alone. */
  get waitMs(): number {
    return Math.max(0, this.#notBeforeMs - performance.now());
  }

  /**
   * A connection did not come up, or ended.
   * @param onlineMs how long it was online; null: it never was
   */
  failed({ retry, wrongVersion }: BrokerFault, onlineMs: number | null): void {
    if ((onlineMs ?? 0) >= this.#limits.stableAfterMs) this.#failures = 0;
    const waitMs = this.#changeVersion(wrongVersion, onlineMs !== null) ? 0 : this.#backoff(retry);
    this.#notBeforeMs = performance.now() + waitMs;
    this.#failures++;
  }

  /** The fault where not even an attempt could be made. */
  noConnection(thrown: unknown): BrokerFault {
    const error =
      thrown instanceof SideglanceError
        ? thrown
        : new SideglanceError(
            'SG_BROKER',
            `no connection to ${this.address.text} can be made: ${reasonOf(thrown)}; check mqtt.tls`,
            { cause: thrown },
          );
    return { error, retry: 'slowly', wrongVersion: 'no', byBroker: false };
  }

  /**
   * Chooses the version for the next attempt. 3.1.1 stays when the broker itself has refused 5; a broker that just
   * closed may also have been about to start, so then both are tried in turn, and 5 again after the next loss.
   * Returns whether to try again at once.
   */
  #changeVersion(wrongVersion: BrokerFault['wrongVersion'], wasOnline: boolean): boolean {
    if (this.#only4) return false;
    if (wasOnline) {
      this.#proven = this.protocolVersion === 5 || this.#refused5;
      if (!this.#refused5) this.protocolVersion = 5;
      return false;
    }
    if (wrongVersion === 'no' || (wrongVersion === 'perhaps' && this.#proven)) return false;
    const isFirstRefusal = wrongVersion === 'certainly' && this.protocolVersion === 5 && !this.#refused5;
    if (wrongVersion === 'certainly') this.#refused5 = this.protocolVersion === 5;
    this.protocolVersion = this.protocolVersion === 5 ? 4 : 5;
    return isFirstRefusal;
  }

  /** Exponential, with jitter between half and all of it, so that a hall full of devices does not return at once. */
  #backoff(retry: 'soon' | 'slowly'): number {
    const { backoffMinMs, backoffMaxMs, slowRetryMs } = this.#limits;
    const first = retry === 'slowly' ? slowRetryMs : backoffMinMs;
    const most = Math.max(backoffMaxMs, retry === 'slowly' ? 4 * slowRetryMs : 0);
    return Math.round(Math.min(most, first * 2 ** Math.min(this.#failures, 16)) * (0.5 + Math.random() / 2));
  }
}

/** The brokers in order of preference. Each has a back-off of its own. */
export class Brokers {
  readonly all: readonly Broker[];
  readonly #limits: Limits;

  /** @throws SideglanceError SG_BROKER when a URL is not one of a broker */
  constructor(
    { url, fallbackUrls = [], protocolVersion }: Pick<MqttOptions, 'url' | 'fallbackUrls' | 'protocolVersion'>,
    limits: Limits,
  ) {
    this.all = [url, ...fallbackUrls].map((one, rank) => new Broker(one, rank, protocolVersion === 4, limits));
    this.#limits = limits;
  }

  get preferred(): Broker {
    return this.all[0] as Broker;
  }

  /**
   * Which broker to try next, and in how long: the most preferred of those that need not be left alone for longer than the
   * first back-off, so that a short loss does not lead away from a broker; else the one whose time comes first. Whoever
   * goes over to another broker takes up to the first back-off for it, so that a hall full of devices does not come at once.
   */
  next(last: Broker): { readonly broker: Broker; readonly inMs: number } {
    const { backoffMinMs } = this.#limits;
    const soonest = this.all.reduce((best, broker) => (broker.waitMs < best.waitMs ? broker : best));
    const broker = this.all.find(({ waitMs }) => waitMs <= backoffMinMs) ?? soonest;
    const spreadMs = broker === last ? 0 : Math.random() * backoffMinMs;
    return { broker, inMs: Math.round(Math.max(broker.waitMs, spreadMs)) };
  }

  /** Those that are preferred to this one. */
  before({ rank }: Broker): readonly Broker[] {
    return this.all.slice(0, rank);
  }
}
