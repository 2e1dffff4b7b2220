import { EventEmitter } from 'node:events';
import { reasonOf, SideglanceError } from '../errors.js';
import type { Timestamp } from '../types.js';
import { now } from './clock.js';
import { type Answer, type BrokerAddress, brokerAddress, Connection, type Welcome } from './connection.js';
import type { BrokerFault } from './faults.js';
import type { Inbox } from './inbox.js';
import { type MqttOptions, SESSION_LIMITS, type SessionLimits } from './options.js';
import { type Packet, packetBytes } from './packet.js';

export type SessionState =
  | { readonly state: 'stopped' }
  | { readonly state: 'connecting'; readonly broker: string }
  | {
      /** The broker has acknowledged our `online`. */
      readonly state: 'online';
      readonly broker: string;
      readonly protocolVersion: 5 | 4;
      readonly maxPacketBytes: number | null;
      readonly since: Timestamp;
    }
  | {
      readonly state: 'offline';
      readonly broker: string;
      /** What happened and what to do, in words. */
      readonly reason: string;
      readonly error: SideglanceError;
      readonly retryInMs: number;
    };

/** How a message that was sent ended. `lost`: the connection went away before the answer; it may have arrived. */
export type Settlement = Answer | { readonly outcome: 'lost'; readonly byBroker: boolean };

/** What the session says about the device itself; written anew for each connection. */
export interface Presence {
  online(): Packet;
  offline(reason: 'stopped' | 'connection lost'): Packet;
}

interface UnderWay {
  readonly bytes: number;
  readonly settled: (settlement: Settlement) => void;
}

/**
 * The session with the broker: connects, says `online` (and leaves `offline` as last will), keeps a window of messages
 * under way, notices a dead connection and comes back with back-off and jitter. It keeps no message: whatever was
 * under way when a connection goes is reported `lost`.
 */
export class MqttSession extends EventEmitter<{ state: [SessionState]; deaf: [SideglanceError] }> {
  readonly broker: BrokerAddress;
  readonly #options: MqttOptions & { readonly clientId: string };
  readonly #presence: Presence;
  readonly #limits: SessionLimits;
  #state: SessionState = { state: 'stopped' };
  #connection: Connection | null = null;
  #protocolVersion: 5 | 4;
  /** The broker has said that it does not speak MQTT 5. */
  #refused5 = false;
  /** The version that is tried now has been online before: a broker that closes without a word says nothing about it. */
  #proven = false;
  #connections = 0;
  #failures = 0;
  #onlineAtMs: number | null = null;
  #lastFault: SideglanceError | null = null;
  #window = 1;
  readonly #underWay = new Set<UnderWay>();
  #bytesUnderWay = 0;
  #retryTimer: NodeJS.Timeout | undefined;
  #answerTimer: NodeJS.Timeout | undefined;
  #inbox: Inbox | null = null;

  /** @throws SideglanceError SG_BROKER when the URL is not one of a broker */
  constructor(
    options: MqttOptions & { readonly clientId: string },
    presence: Presence,
    limits: SessionLimits = SESSION_LIMITS,
  ) {
    super();
    this.broker = brokerAddress(options.url);
    this.#options = options;
    this.#presence = presence;
    this.#limits = limits;
    this.#protocolVersion = options.protocolVersion ?? 5;
  }

  get state(): SessionState {
    return this.#state;
  }

  /** Connections that came up, and why the last one did not or ended. */
  get history(): { readonly connections: number; readonly lastFault: string | null } {
    return { connections: this.#connections, lastFault: this.#lastFault?.message ?? null };
  }

  get inFlight(): number {
    return this.#underWay.size;
  }

  /** Whether the window has room for another message; it is kept in messages and in bytes. */
  get hasRoom(): boolean {
    return (
      this.#state.state === 'online' &&
      this.#underWay.size < this.#window &&
      this.#bytesUnderWay < this.#limits.windowBytes
    );
  }

  /** Subscribes from the next connection on; to be called before `start`. */
  listen(inbox: Inbox): void {
    this.#inbox = inbox;
  }

  /** Returns at once; how it goes is told by the state. Never throws for a broker that cannot be used. */
  start(): void {
    if (this.#state.state === 'stopped') this.#connect();
  }

  /**
   * Sends one message at QoS 1; only while there is room. `settled` is called exactly once, never before this returns.
   * @throws Error when there is no room: nothing may queue up behind the outbox's back
   */
  publish(packet: Packet, settled: (settlement: Settlement) => void): void {
    if (!this.hasRoom || !this.#connection) throw new Error('publish() without room in the window');
    this.#send(this.#connection, packet, settled);
  }

  /** Gives the connection up because of something that only the caller can see. */
  fail(error: SideglanceError): void {
    this.#connection?.abandon({ error, retry: 'slowly', wrongVersion: 'no', byBroker: false });
  }

  /** Says `offline: stopped` where somebody listens, and ends. Takes at most twice `farewellMs`. */
  async stop(): Promise<void> {
    const connection = this.#connection;
    const said = connection !== null && (await this.#sayFarewell(connection));
    this.#connection = null;
    this.#setState({ state: 'stopped' });
    clearTimeout(this.#retryTimer);
    this.#settleLost(false);
    // Without an acknowledged farewell the last will has to speak: a DISCONNECT would leave `online` standing for ever.
    if (said) await connection.goodbye(this.#limits.farewellMs);
    else connection?.cut();
  }

  async #sayFarewell(connection: Connection): Promise<boolean> {
    if (this.#state.state !== 'online' || this.#underWay.size >= this.#window) return false;
    return new Promise<boolean>((done) => {
      const timer = setTimeout(done, this.#limits.farewellMs, false);
      this.#send(connection, this.#presence.offline('stopped'), ({ outcome }) => {
        clearTimeout(timer);
        done(outcome === 'acknowledged');
      });
    });
  }

  #setState(state: SessionState): void {
    this.#state = state;
    this.emit('state', state);
  }

  #connect(): void {
    this.#setState({ state: 'connecting', broker: this.broker.text });
    try {
      const connection = new Connection(
        this.broker,
        this.#options,
        this.#protocolVersion,
        this.#limits.connectTimeoutMs,
        this.#presence.offline('connection lost'),
        this.#inbox,
        {
          up: (welcome) => this.#greet(connection, welcome),
          down: (fault) => this.#down(connection, fault),
          deaf: (text) => this.#reportDeaf(text),
        },
      );
      this.#connection = connection;
    } catch (thrown) {
      this.#down(null, {
        error:
          thrown instanceof SideglanceError
            ? thrown
            : new SideglanceError(
                'SG_BROKER',
                `no connection to ${this.broker.text} can be made: ${reasonOf(thrown)}; check mqtt.tls`,
                { cause: thrown },
              ),
        retry: 'slowly',
        wrongVersion: 'no',
        byBroker: false,
      });
    }
  }

  /** `online` follows the broker's acknowledgement of `online` itself: that proves that publishing works. */
  #greet(connection: Connection, welcome: Welcome): void {
    this.#window = Math.max(1, Math.min(this.#limits.windowMessages, welcome.receiveMaximum));
    this.#send(connection, this.#presence.online(), (settlement) => {
      if (connection !== this.#connection || settlement.outcome === 'lost') return;
      if (settlement.outcome === 'refused') {
        const what = `does not let us publish ${this.#presence.online().topic}: ${settlement.text}`;
        this.fail(
          new SideglanceError('SG_BROKER', `the MQTT broker at ${this.broker.text} ${what}; correct its access rules`),
        );
        return;
      }
      this.#connections++;
      this.#onlineAtMs = performance.now();
      this.#setState({
        state: 'online',
        broker: this.broker.text,
        protocolVersion: welcome.protocolVersion,
        maxPacketBytes: welcome.maxPacketBytes,
        since: now(),
      });
    });
  }

  #reportDeaf(text: string): void {
    const what = `does not let us hear commands (${text}): correct its access rules, or set commands.enabled: false`;
    this.emit('deaf', new SideglanceError('SG_BROKER', `the MQTT broker at ${this.broker.text} ${what}`));
  }

  #send(connection: Connection, packet: Packet, settled: (settlement: Settlement) => void): void {
    const underWay: UnderWay = { bytes: packetBytes(packet), settled };
    this.#underWay.add(underWay);
    this.#bytesUnderWay += underWay.bytes;
    this.#answerTimer ??= setTimeout(() => this.#noAnswer(), this.#limits.acknowledgeTimeoutMs);
    connection.publish(packet, (answer) => {
      if (!this.#underWay.delete(underWay)) return;
      this.#bytesUnderWay -= underWay.bytes;
      if (this.#underWay.size > 0) this.#answerTimer?.refresh();
      else this.#clearAnswerTimer();
      settled(answer);
    });
  }

  #noAnswer(): void {
    const error = new SideglanceError(
      'SG_BROKER',
      `the MQTT broker at ${this.broker.text} has acknowledged nothing for ${this.#limits.acknowledgeTimeoutMs} ms ` +
        `while ${this.#underWay.size} messages are under way: look at its load and its log`,
    );
    this.#connection?.abandon({ error, retry: 'soon', wrongVersion: 'no', byBroker: false });
  }

  #clearAnswerTimer(): void {
    clearTimeout(this.#answerTimer);
    this.#answerTimer = undefined;
  }

  #down(connection: Connection | null, fault: BrokerFault): void {
    if (connection !== this.#connection) return;
    this.#connection = null;
    this.#lastFault = fault.error;
    const wasOnline = this.#onlineAtMs !== null;
    const lasted = this.#onlineAtMs === null ? 0 : performance.now() - this.#onlineAtMs;
    this.#onlineAtMs = null;
    if (lasted >= this.#limits.stableAfterMs) this.#failures = 0;
    const retryInMs = this.#changeVersion(fault.wrongVersion, wasOnline) ? 0 : this.#backoff(fault.retry);
    this.#failures++;
    this.#setState({
      state: 'offline',
      broker: this.broker.text,
      reason: fault.error.message,
      error: fault.error,
      retryInMs,
    });
    this.#settleLost(fault.byBroker);
    if (this.#state.state === 'offline') this.#retryTimer = setTimeout(() => this.#connect(), retryInMs);
  }

  /**
   * Chooses the version for the next attempt. 3.1.1 stays when the broker itself has refused 5; a broker that just
   * closed may also have been about to start, so then both are tried in turn, and 5 again after the next loss.
   * Returns whether to try again at once.
   */
  #changeVersion(wrongVersion: BrokerFault['wrongVersion'], wasOnline: boolean): boolean {
    if (this.#options.protocolVersion === 4) return false;
    if (wasOnline) {
      this.#proven = this.#protocolVersion === 5 || this.#refused5;
      if (!this.#refused5) this.#protocolVersion = 5;
      return false;
    }
    if (wrongVersion === 'no' || (wrongVersion === 'perhaps' && this.#proven)) return false;
    const isFirstRefusal = wrongVersion === 'certainly' && this.#protocolVersion === 5 && !this.#refused5;
    if (wrongVersion === 'certainly') this.#refused5 = this.#protocolVersion === 5;
    this.#protocolVersion = this.#protocolVersion === 5 ? 4 : 5;
    return isFirstRefusal;
  }

  /** Exponential, with jitter between half and all of it, so that a hall full of devices does not return at once. */
  #backoff(retry: 'soon' | 'slowly'): number {
    const { backoffMinMs, backoffMaxMs, slowRetryMs } = this.#limits;
    const first = retry === 'slowly' ? slowRetryMs : backoffMinMs;
    const most = Math.max(backoffMaxMs, retry === 'slowly' ? 4 * slowRetryMs : 0);
    return Math.round(Math.min(most, first * 2 ** Math.min(this.#failures, 16)) * (0.5 + Math.random() / 2));
  }

  #settleLost(byBroker: boolean): void {
    this.#clearAnswerTimer();
    this.#bytesUnderWay = 0;
    const lost = [...this.#underWay];
    this.#underWay.clear();
    for (const { settled } of lost) settled({ outcome: 'lost', byBroker });
  }
}
