import type { SideglanceError } from '../errors.js';
import type { Broker, Brokers } from './brokers.js';
import type { Connection, Welcome } from './connection.js';
import type { BrokerFault } from './faults.js';
import { type MqttOptions, RETURN_AFTER_SECONDS, type SessionLimits } from './options.js';
import { checkTlsFiles, readTlsFiles } from './tls-files.js';

/** A connection that is made while there is one, to take its place. */
export interface Successor {
  readonly broker: Broker;
  readonly connection: Connection;
}

export interface SuccessionEvents {
  /** @throws SideglanceError SG_BROKER when a TLS file cannot be read */
  open(broker: Broker): Connection;
  /** It is up and waits for its turn. */
  ready(successor: Successor, welcome: Welcome): void;
  failed(broker: Broker, fault: BrokerFault): void;
  fault(error: SideglanceError): void;
}

/** A return that fails, or does not last, makes the next wait twice as long, so many times at most. */
const MOST_DOUBLINGS = 3;

/**
 * Looks for a better connection while there is one: to a broker that is preferred to this one, from time to time, and with
 * renewed TLS files, when they have changed. The connection that there is stays until the other one is up, so what does not
 * work interrupts nothing.
 */
export class Succession {
  readonly #tls: MqttOptions['tls'];
  readonly #returnAfterMs: number;
  readonly #checkMs: number;
  readonly #brokers: Brokers;
  readonly #events: SuccessionEvents;
  #current: { readonly broker: Broker; readonly certificates: string; readonly sinceMs: number } | null = null;
  #successor: Successor | null = null;
  #doublings = 0;
  #reported: string | null = null;
  #returnTimer: NodeJS.Timeout | undefined;
  #checkTimer: NodeJS.Timeout | undefined;

  constructor(
    { tls, returnAfterSeconds = RETURN_AFTER_SECONDS }: Pick<MqttOptions, 'tls' | 'returnAfterSeconds'>,
    { certificateCheckMs }: Pick<SessionLimits, 'certificateCheckMs'>,
    brokers: Brokers,
    events: SuccessionEvents,
  ) {
    this.#tls = tls;
    this.#returnAfterMs = returnAfterSeconds * 1000;
    this.#checkMs = certificateCheckMs;
    this.#brokers = brokers;
    this.#events = events;
  }

  get pending(): Successor | null {
    return this.#successor;
  }

  isReady(successor: Successor): boolean {
    return this.#successor === successor;
  }

  /** There is a connection, to this broker and with these TLS files. */
  watch(broker: Broker, certificates: string): void {
    this.rest();
    this.#current = { broker, certificates, sinceMs: performance.now() };
    if (broker.rank > 0) this.#planReturn();
    if (broker.address.isEncrypted && this.#tls) {
      this.#checkTimer = setInterval(() => this.#checkFiles(broker, certificates), this.#checkMs);
    }
  }

  /** There is none any more. A successor that is under way goes on. */
  rest(): void {
    clearTimeout(this.#returnTimer);
    clearInterval(this.#checkTimer);
    if (this.#current?.broker.rank === 0 && performance.now() - this.#current.sinceMs >= this.#returnAfterMs) {
      this.#doublings = 0;
    }
    this.#current = null;
  }

  stop(): void {
    this.rest();
    this.#successor?.connection.cut();
    this.#successor = null;
  }

  /** The successor is the connection now. */
  take(): void {
    this.rest();
    this.#successor = null;
    this.#reported = null;
  }

  came(connection: Connection, welcome: Welcome): void {
    if (this.#successor?.connection === connection) this.#events.ready(this.#successor, welcome);
  }

  wentDown(connection: Connection, fault: BrokerFault): void {
    if (this.#successor?.connection === connection) this.#failed(this.#successor.broker, fault);
  }

  #planReturn(): void {
    const afterMs = this.#returnAfterMs * 2 ** this.#doublings * (0.5 + Math.random() / 2);
    this.#returnTimer = setTimeout(() => {
      this.#doublings = Math.min(MOST_DOUBLINGS, this.#doublings + 1);
      if (this.#successor === null) this.#try(this.#brokers.preferred);
      else this.#planReturn();
    }, afterMs);
  }

  #checkFiles(broker: Broker, certificates: string): void {
    if (this.#successor) return;
    try {
      const files = readTlsFiles(this.#tls);
      if (files.fingerprint === certificates) return;
      checkTlsFiles(files);
    } catch (thrown) {
      this.#report(thrown as SideglanceError);
      return;
    }
    this.#try(broker);
  }

  #try(broker: Broker): void {
    try {
      this.#successor = { broker, connection: this.#events.open(broker) };
    } catch (thrown) {
      this.#failed(broker, broker.noConnection(thrown));
    }
  }

  /** A version that is not spoken is followed by the other one, a broker by the next one that is preferred to the current. */
  #failed(broker: Broker, fault: BrokerFault): void {
    this.#successor = null;
    this.#events.failed(broker, fault);
    const current = this.#current?.broker;
    if (!current) return;
    if (broker === current) this.#report(fault.error);
    else if (broker.waitMs === 0) this.#try(broker);
    else {
      const next = this.#brokers.before(current)[broker.rank + 1];
      if (next) this.#try(next);
      else this.#planReturn();
    }
  }

  /** Once, however often it is tried. */
  #report(error: SideglanceError): void {
    if (error.message === this.#reported) return;
    this.#reported = error.message;
    this.#events.fault(error);
  }
}
