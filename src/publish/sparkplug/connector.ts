import { reasonOf, SideglanceError } from '../../errors.js';
import { type BrokerAddress, brokerAddress } from '../connection.js';
import type { BrokerFault } from '../faults.js';
import type { BirthDeathSequence } from './birth-death-sequence.js';
import { HostState } from './host-state.js';
import { Link, type Message } from './link.js';
import type { EdgeNodeLimits, SparkplugBroker } from './options.js';

export type EdgeNodeState =
  | { readonly state: 'stopped' }
  | { readonly state: 'connecting'; readonly broker: string }
  /** Connected; the primary host is not. What is new waits in the store. */
  | { readonly state: 'waiting'; readonly broker: string; readonly primaryHost: string }
  | { readonly state: 'online'; readonly broker: string; readonly bdSeq: number }
  | {
      readonly state: 'offline';
      readonly broker: string;
      readonly reason: string;
      /** Null where it is the primary host that is not there. */
      readonly error: SideglanceError | null;
      readonly retryInMs: number;
    };

export interface ConnectorOptions {
  readonly brokers: readonly SparkplugBroker[];
  /** The topic of its STATE, and its name. */
  readonly primaryHost: { readonly topic: string; readonly id: string } | null;
  readonly commandTopics: readonly string[];
  readonly sequence: BirthDeathSequence;
  readonly limits: EdgeNodeLimits;
}

export interface ConnectorEvents {
  state(state: EdgeNodeState): void;
  /** The NDEATH of the connection with this bdSeq. */
  death(bdSeq: number): Message;
  /** The session may begin: births first. */
  begin(link: Link, bdSeq: number, maxPacketBytes: number | null): void;
  confirmed(messages: number): void;
  command(topic: string, payload: Uint8Array): void;
  /** The session that had begun is over. */
  end(): void;
}

/**
 * Gets the edge node to a broker that the primary host is at, and again whenever that is lost. One connection at a time
 * (tck-id-operational-behavior-primary-application-state-with-multiple-servers-single-server).
 */
export class Connector {
  readonly #options: ConnectorOptions;
  readonly #events: ConnectorEvents;
  readonly #brokers: { readonly address: BrokerAddress; readonly host: HostState; version: 5 | 4 }[];
  #at = 0;
  #link: Link | null = null;
  #bdSeq = 0;
  #maxPacketBytes: number | null = null;
  #isSubscribed = false;
  #isHostOnline = false;
  #begunMs: number | null = null;
  #failures = 0;
  #isStopped = true;
  #timer: NodeJS.Timeout | undefined;
  #left: Promise<void> = Promise.resolve();

  /** @throws SideglanceError SG_BROKER when a URL is not one of a broker */
  constructor(options: ConnectorOptions, events: ConnectorEvents) {
    this.#options = options;
    this.#events = events;
    this.#brokers = options.brokers.map(({ url, protocolVersion }) => ({
      address: brokerAddress(url),
      host: new HostState(),
      version: protocolVersion ?? 5,
    }));
  }

  start(): void {
    if (!this.#isStopped) return;
    this.#isStopped = false;
    this.#connect();
  }

  /** NDEATH where there has been a birth, then the end of the connection. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#leave();
    await this.#left;
    this.#events.state({ state: 'stopped' });
  }

  /** Leaves this broker for the next one. */
  goToNext(reason: string): void {
    void this.#moveOn(reason, 0);
  }

  get #broker() {
    const broker = this.#brokers[this.#at];
    if (!broker) throw new Error(`there is no broker ${this.#at}`);
    return broker;
  }

  #connect(): void {
    const { address, version } = this.#broker;
    const { brokers, sequence, limits } = this.#options;
    this.#events.state({ state: 'connecting', broker: address.text });
    this.#isSubscribed = false;
    this.#isHostOnline = this.#options.primaryHost === null;
    this.#bdSeq = sequence.next();
    try {
      const link: Link = new Link(
        address,
        brokers[this.#at] as SparkplugBroker,
        version,
        limits.connectTimeoutMs,
        this.#events.death(this.#bdSeq),
        {
          connectSent: () => sequence.use(),
          up: (maxPacketBytes) => this.#subscribe(link, maxPacketBytes),
          message: (topic, payload, isRetained) => this.#receive(topic, payload, isRetained),
          confirmed: (messages) => this.#events.confirmed(messages),
          down: (fault) => this.#down(fault),
        },
      );
      this.#link = link;
    } catch (thrown) {
      const what = `no connection to ${address.text} can be made: ${reasonOf(thrown)}; check mqtt.tls`;
      const error =
        thrown instanceof SideglanceError ? thrown : new SideglanceError('SG_BROKER', what, { cause: thrown });
      this.#down({ error, retry: 'slowly', wrongVersion: 'no', byBroker: false });
    }
  }

  /** Before any birth, so that neither a STATE nor a request for a rebirth is missed (§5.5). */
  #subscribe(link: Link, maxPacketBytes: number | null): void {
    const { commandTopics, primaryHost } = this.#options;
    this.#maxPacketBytes = maxPacketBytes;
    link.subscribe([...commandTopics, ...(primaryHost ? [primaryHost.topic] : [])], () => {
      this.#isSubscribed = true;
      if (primaryHost && !this.#isHostOnline) this.#wait(primaryHost.id);
      else this.#begin();
    });
  }

  #wait(primaryHost: string): void {
    this.#events.state({ state: 'waiting', broker: this.#broker.address.text, primaryHost });
    // With one broker there is nowhere else to look for the host.
    if (this.#brokers.length === 1) return;
    const { hostWaitMs } = this.#options.limits;
    this.#timer = setTimeout(() => void this.#moveOn('the primary host is not there'), hostWaitMs);
  }

  #begin(): void {
    if (!this.#link || !this.#isSubscribed || this.#begunMs !== null) return;
    clearTimeout(this.#timer);
    this.#begunMs = performance.now();
    this.#events.state({ state: 'online', broker: this.#broker.address.text, bdSeq: this.#bdSeq });
    this.#events.begin(this.#link, this.#bdSeq, this.#maxPacketBytes);
  }

  #receive(topic: string, payload: Uint8Array, isRetained: boolean): void {
    if (topic === this.#options.primaryHost?.topic) this.#hearOfHost(payload);
    // A retained command is one that was given to somebody else, some time ago.
    else if (this.#begunMs !== null && !isRetained) this.#events.command(topic, payload);
  }

  #hearOfHost(payload: Uint8Array): void {
    const news = this.#broker.host.receive(payload);
    if (news === 'online') {
      this.#isHostOnline = true;
      this.#begin();
    } else if (news === 'offline') {
      this.#isHostOnline = false;
      // tck-id-operational-behavior-edge-node-termination-host-offline; before the birth there may be a broker to go to.
      if (this.#begunMs !== null) void this.#moveOn('the primary host has gone offline', 0);
      else if (this.#brokers.length > 1) void this.#moveOn('the primary host is offline');
    }
  }

  /** Ends the connection in good order and goes to the next broker, which is the same where there is only one. */
  async #moveOn(reason: string, retryInMs = this.#backoff('soon')): Promise<void> {
    if (!this.#link) return;
    const broker = this.#broker.address.text;
    clearTimeout(this.#timer);
    this.#leave();
    this.#failures++;
    this.#at = (this.#at + 1) % this.#brokers.length;
    this.#events.state({ state: 'offline', broker, reason, error: null, retryInMs });
    await this.#left;
    if (!this.#isStopped) this.#timer = setTimeout(() => this.#connect(), retryInMs);
  }

  #leave(): void {
    const link = this.#link;
    if (!link) return;
    this.#link = null;
    const hadBegun = this.#endSession();
    this.#left = link.farewell(hadBegun ? this.#events.death(this.#bdSeq) : null, this.#options.limits.farewellMs);
  }

  /** Returns whether there was one. */
  #endSession(): boolean {
    if (this.#begunMs === null) return false;
    if (performance.now() - this.#begunMs >= this.#options.limits.stableAfterMs) this.#failures = 0;
    this.#begunMs = null;
    this.#events.end();
    return true;
  }

  #down({ error, retry, wrongVersion }: BrokerFault): void {
    this.#link = null;
    clearTimeout(this.#timer);
    const broker = this.#broker;
    this.#endSession();
    if (wrongVersion !== 'no' && this.#options.brokers[this.#at]?.protocolVersion !== 4) {
      broker.version = broker.version === 5 ? 4 : 5;
    } else this.#at = (this.#at + 1) % this.#brokers.length;
    const retryInMs = this.#backoff(retry);
    this.#failures++;
    this.#events.state({ state: 'offline', broker: broker.address.text, reason: error.message, error, retryInMs });
    if (!this.#isStopped) this.#timer = setTimeout(() => this.#connect(), retryInMs);
  }

  /** Exponential, with jitter between half and all of it. */
  #backoff(retry: BrokerFault['retry']): number {
    const { backoffMinMs, backoffMaxMs, slowRetryMs } = this.#options.limits;
    const first = retry === 'slowly' ? slowRetryMs : backoffMinMs;
    const most = Math.max(backoffMaxMs, retry === 'slowly' ? 4 * slowRetryMs : 0);
    return Math.round(Math.min(most, first * 2 ** Math.min(this.#failures, 16)) * (0.5 + Math.random() / 2));
  }
}
