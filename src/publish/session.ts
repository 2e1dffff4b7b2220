import { EventEmitter } from 'node:events';
import { SideglanceError } from '../errors.js';
import type { Timestamp } from '../types.js';
import { type Broker, Brokers } from './brokers.js';
import { now } from './clock.js';
import { type BrokerAddress, Connection, type Welcome } from './connection.js';
import type { BrokerFault } from './faults.js';
import type { Inbox } from './inbox.js';
import { type MqttOptions, SESSION_LIMITS, type SessionLimits } from './options.js';
import type { Packet } from './packet.js';
import { Succession, type Successor } from './succession.js';
import { type Settlement, Window } from './window.js';

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

/** What the session says about the device itself; written anew for each connection. */
export interface Presence {
  online(): Packet;
  /** `moved`: to a broker that is preferred to this one. */
  offline(reason: 'stopped' | 'connection lost' | 'moved'): Packet;
}

export interface SessionEvents {
  state: [SessionState];
  /** There may be room again, although the state is what it was. */
  room: [];
  /** Something should be mended, and the connection is none the worse for it. */
  fault: [SideglanceError];
  /** The broker does not let us hear what the inbox asks for. */
  deaf: [SideglanceError];
}

/**
 * The session with a broker: connects, says `online` (and leaves `offline` as last will), keeps a window of messages
 * under way, notices a dead connection and comes back with back-off and jitter, to another broker where there are several.
 * It keeps no message: whatever was under way when a connection goes is reported `lost`.
 */
export class MqttSession extends EventEmitter<SessionEvents> {
  readonly #options: MqttOptions & { readonly clientId: string };
  readonly #presence: Presence;
  readonly #limits: SessionLimits;
  readonly #brokers: Brokers;
  readonly #window: Window;
  readonly #succession: Succession;
  #state: SessionState = { state: 'stopped' };
  /** That of the connection, or of the next attempt. */
  #broker: Broker;
  #connection: Connection | null = null;
  /** Nothing more is sent on this connection: another one takes its place. */
  #isHandingOver = false;
  #connections = 0;
  #onlineAtMs: number | null = null;
  #lastFault: SideglanceError | null = null;
  #retryTimer: NodeJS.Timeout | undefined;
  #inbox: Inbox | null = null;

  /** @throws SideglanceError SG_BROKER when a URL is not one of a broker */
  constructor(
    options: MqttOptions & { readonly clientId: string },
    presence: Presence,
    limits: SessionLimits = SESSION_LIMITS,
  ) {
    super();
    this.#options = options;
    this.#presence = presence;
    this.#limits = limits;
    this.#brokers = new Brokers(options, limits);
    this.#broker = this.#brokers.preferred;
    this.#window = new Window(limits, () => this.#noAnswer());
    this.#succession = new Succession(options, limits, this.#brokers, {
      open: (broker) => this.#open(broker),
      ready: (successor, welcome) => void this.#handOver(successor, welcome),
      failed: (broker, fault) => this.#successorFailed(broker, fault),
      fault: (error) => this.emit('fault', error),
    });
  }

  get state(): SessionState {
    return this.#state;
  }

  /** The one that is spoken to, or tried next. */
  get broker(): BrokerAddress {
    return this.#broker.address;
  }

  /** Connections that came up, and why the last one did not or ended. */
  get history(): { readonly connections: number; readonly lastFault: string | null } {
    return { connections: this.#connections, lastFault: this.#lastFault?.message ?? null };
  }

  get inFlight(): number {
    return this.#window.size;
  }

  /** Whether the window has room for another message; it is kept in messages and in bytes. */
  get hasRoom(): boolean {
    return this.#state.state === 'online' && !this.#isHandingOver && this.#window.hasRoom;
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
    this.#window.send(this.#connection, packet, settled);
  }

  /** Gives the connection up because of something that only the caller can see. */
  fail(error: SideglanceError): void {
    this.#connection?.abandon({ error, retry: 'slowly', wrongVersion: 'no', byBroker: false });
  }

  /** Says `offline: stopped` where somebody listens, and ends. Takes at most twice `farewellMs`. */
  async stop(): Promise<void> {
    const connection = this.#connection;
    this.#succession.stop();
    const said = connection !== null && (await this.#sayFarewell(connection, 'stopped'));
    this.#connection = null;
    this.#setState({ state: 'stopped' });
    clearTimeout(this.#retryTimer);
    this.#window.settleLost(false);
    // Without an acknowledged farewell the last will has to speak: a DISCONNECT would leave `online` standing for ever.
    if (said) await connection.goodbye(this.#limits.farewellMs);
    else connection?.cut();
  }

  async #sayFarewell(connection: Connection, reason: 'stopped' | 'moved'): Promise<boolean> {
    if (this.#state.state !== 'online' || !this.#window.mayHaveOneMore) return false;
    return new Promise<boolean>((done) => {
      const timer = setTimeout(done, this.#limits.farewellMs, false);
      this.#window.send(connection, this.#presence.offline(reason), ({ outcome }) => {
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
      this.#connection = this.#open(this.#broker);
    } catch (thrown) {
      this.#down(this.#broker.noConnection(thrown));
    }
  }

  #open(broker: Broker): Connection {
    const connection: Connection = new Connection(
      broker.address,
      this.#options,
      broker.protocolVersion,
      this.#limits.connectTimeoutMs,
      this.#presence.offline('connection lost'),
      this.#inbox,
      {
        up: (welcome) => {
          if (connection === this.#connection) this.#greet(connection, welcome);
          else this.#succession.came(connection, welcome);
        },
        down: (fault) => {
          if (connection === this.#connection) this.#down(fault);
          else this.#succession.wentDown(connection, fault);
        },
        deaf: (text) => this.#reportDeaf(broker, text),
      },
    );
    return connection;
  }

  /** `online` follows the broker's acknowledgement of `online` itself: that proves that publishing works. */
  #greet(connection: Connection, welcome: Welcome): void {
    this.#window.open(welcome.receiveMaximum);
    this.#window.send(connection, this.#presence.online(), (settlement) => {
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
      this.#succession.watch(this.#broker, connection.certificates);
      this.#setState({
        state: 'online',
        broker: this.broker.text,
        protocolVersion: welcome.protocolVersion,
        maxPacketBytes: welcome.maxPacketBytes,
        since: now(),
      });
    });
  }

  #reportDeaf({ address }: Broker, text: string): void {
    const what = `does not let us hear commands (${text}): correct its access rules, or set commands.enabled: false`;
    this.emit('deaf', new SideglanceError('SG_BROKER', `the MQTT broker at ${address.text} ${what}`));
  }

  /**
   * Another connection is up and takes the place of this one. Nothing may be sent on it before all that is under way here is
   * answered or given up: a stream would overtake itself.
   */
  async #handOver(successor: Successor, welcome: Welcome): Promise<void> {
    this.#isHandingOver = true;
    await this.#window.empty(this.#limits.handOverMs);
    const isOtherBroker = successor.broker !== this.#broker;
    const old = this.#connection;
    const isReady = this.#succession.isReady(successor);
    const said = isReady && old !== null && isOtherBroker && (await this.#sayFarewell(old, 'moved'));
    this.#isHandingOver = false;
    if (!this.#succession.isReady(successor)) {
      // It is gone again, or we are stopping. Where `moved` has been said, only a new connection says `online`.
      if (said) old.abandon(this.#broker.noConnection(new Error('the preferred broker is gone again')));
      else this.emit('room');
      return;
    }
    this.#succession.take();
    this.#connection = successor.connection;
    this.#broker = successor.broker;
    this.#onlineAtMs = null;
    this.#setState({ state: 'connecting', broker: this.broker.text });
    this.#window.settleLost(false);
    if (said) void old.goodbye(this.#limits.farewellMs, true);
    else old?.cut();
    this.#greet(successor.connection, welcome);
  }

  #successorFailed(broker: Broker, fault: BrokerFault): void {
    broker.failed(fault, null);
    if (this.#connection !== null || this.#state.state === 'stopped') return;
    this.#lastFault = fault.error;
    this.#broker = broker;
    this.#retry(fault);
  }

  #noAnswer(): void {
    const error = new SideglanceError(
      'SG_BROKER',
      `the MQTT broker at ${this.broker.text} has acknowledged nothing for ${this.#limits.acknowledgeTimeoutMs} ms ` +
        `while ${this.#window.size} messages are under way: look at its load and its log`,
    );
    this.#connection?.abandon({ error, retry: 'soon', wrongVersion: 'no', byBroker: false });
  }

  #down(fault: BrokerFault): void {
    this.#connection = null;
    const onlineMs = this.#onlineAtMs === null ? null : performance.now() - this.#onlineAtMs;
    this.#onlineAtMs = null;
    this.#succession.rest();
    const { pending } = this.#succession;
    if (pending) {
      // A broker ends the old connection when the same client comes a second time: that is no fault.
      this.#setState({ state: 'connecting', broker: pending.broker.address.text });
      this.#window.settleLost(false);
      return;
    }
    this.#lastFault = fault.error;
    this.#broker.failed(fault, onlineMs);
    this.#retry(fault);
  }

  #retry(fault: BrokerFault): void {
    const { broker, inMs } = this.#brokers.next(this.#broker);
    const offline = { state: 'offline', broker: this.broker.text, reason: fault.error.message } as const;
    this.#broker = broker;
    this.#setState({ ...offline, error: fault.error, retryInMs: inMs });
    this.#window.settleLost(fault.byBroker);
    if (this.#state.state === 'offline') this.#retryTimer = setTimeout(() => this.#connect(), inMs);
  }
}
