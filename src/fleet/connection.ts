import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { type IClientOptions, type MqttClient, connect as open } from 'mqtt';
import { SideglanceError } from '../errors.js';
import { type BrokerAddress, brokerAddress, transportOptions } from '../publish/connection.js';
import { type BrokerFault, brokerFault } from '../publish/faults.js';
import type { MqttOptions } from '../publish/options.js';
import { JSON_CONTENT } from '../publish/packet.js';
import { readTlsFiles } from '../publish/tls-files.js';

export const FLEET_LIMITS = {
  connectTimeoutMs: 10_000,
  reconnectEveryMs: 1_000,
  /** A broker that sent no retained message for so long has no more of them: MQTT has no word for it. */
  quietMs: 700,
  /** And so long it may go on sending them. */
  collectMs: 60_000,
  /** Until a message that was published has come back. */
  echoMs: 10_000,
} as const;

type Listener = (topic: string, payload: Buffer) => void;

/** A connection to the broker of a fleet, from wherever an operator sits. It comes back by itself. */
export class FleetConnection {
  readonly #client: MqttClient;
  readonly #address: BrokerAddress;
  readonly #listeners = new Set<Listener>();
  #heardAtMs = 0;

  private constructor(client: MqttClient, address: BrokerAddress) {
    this.#client = client;
    this.#address = address;
    client.on('error', () => {}); // it comes back, or what waits for it says so
    client.on('message', (topic, payload) => {
      this.#heardAtMs = performance.now();
      for (const listener of this.#listeners) listener(topic, payload);
    });
  }

  /** Speaks MQTT 5, or 3.1.1 where the broker knows no other. @throws SideglanceError SG_BROKER */
  static async open(options: MqttOptions): Promise<FleetConnection> {
    const address = brokerAddress(options.url);
    const wanted = options.protocolVersion ?? 5;
    const first = await attempt(address, options, wanted);
    if (!('error' in first)) return new FleetConnection(first, address);
    if (wanted === 4 || first.wrongVersion === 'no') throw first.error;
    const second = await attempt(address, options, 4);
    if ('error' in second) throw first.wrongVersion === 'certainly' ? second.error : first.error;
    return new FleetConnection(second, address);
  }

  onMessage(listener: Listener): void {
    this.#listeners.add(listener);
  }

  /**
   * Subscribes, also after a break of the connection, and waits until what the broker keeps has come. One filter after the
   * other: brokers bound what they queue for one client.
   * @throws SideglanceError SG_BROKER where it does not let us read
   */
  async collect(filters: readonly string[]): Promise<void> {
    for (const filter of filters) {
      const [granted] = await this.#client.subscribeAsync(filter, { qos: 1 }).catch((cause: unknown) => {
        throw this.#refusal(`does not let us read ${filter}`, cause);
      });
      if (granted !== undefined && granted.qos > 2) throw this.#refusal(`does not let us read ${filter}`);
      const begunMs = performance.now();
      this.#heardAtMs = begunMs;
      while (performance.now() - this.#heardAtMs < FLEET_LIMITS.quietMs) {
        if (performance.now() - begunMs > FLEET_LIMITS.collectMs) break;
        await wait(Math.max(10, this.#heardAtMs + FLEET_LIMITS.quietMs - performance.now()));
      }
    }
  }

  /**
   * Publishes a retained message, and waits until it has come back: brokers of MQTT 3.1.1 drop without a word what is not
   * allowed. The topic is subscribed to already.
   * @throws SideglanceError SG_BROKER
   */
  async retain(topic: string, text: string): Promise<void> {
    let echo: Listener = () => {};
    const came = new Promise<void>((done) => {
      echo = (where, payload) => {
        if (where === topic && payload.toString() === text) done();
      };
      this.#listeners.add(echo);
    });
    const timeout = new AbortController();
    try {
      const sent = this.#client.publishAsync(topic, text, {
        qos: 1,
        retain: true,
        ...(this.#client.options.protocolVersion === 5
          ? { properties: { contentType: JSON_CONTENT, payloadFormatIndicator: true } }
          : {}),
      });
      const refused = sent.then(
        () => new Promise<never>(() => {}),
        (cause: unknown) => Promise.reject(this.#refusal(`does not take ${topic}`, cause)),
      );
      const late = wait(FLEET_LIMITS.echoMs, undefined, { signal: timeout.signal }).then(() => {
        throw this.#refusal(`did not give ${topic} back`);
      });
      await Promise.race([came, refused, late]);
    } finally {
      timeout.abort();
      this.#listeners.delete(echo);
    }
  }

  async close(): Promise<void> {
    await Promise.race([this.#client.endAsync(), wait(FLEET_LIMITS.reconnectEveryMs)]);
    this.#client.end(true);
  }

  #refusal(what: string, cause?: unknown): SideglanceError {
    const why = cause instanceof Error ? ` (${cause.message})` : '';
    return new SideglanceError(
      'SG_BROKER',
      `the MQTT broker at ${this.#address.text} ${what}${why}: correct its access rules, or use another user (docs/fleet.md)`,
      { cause },
    );
  }
}

/** @returns the connection, or why there is none @throws SideglanceError SG_BROKER for a TLS file that cannot be read */
async function attempt(
  address: BrokerAddress,
  options: MqttOptions,
  protocolVersion: 5 | 4,
): Promise<MqttClient | BrokerFault> {
  const clientId = options.clientId ?? `sideglance-fleet-${randomBytes(6).toString('hex')}`;
  const tls = readTlsFiles(address.isEncrypted ? options.tls : undefined);
  const { outgoingStore: _, ...transport } = transportOptions(
    address,
    { ...options, clientId },
    protocolVersion,
    FLEET_LIMITS.connectTimeoutMs,
    tls,
  );
  const wanted: IClientOptions = { ...transport, clean: true, reconnectPeriod: FLEET_LIMITS.reconnectEveryMs };
  const client = open(wanted);
  const context = { address: address.text, username: options.username, clientId, isEncrypted: address.isEncrypted };
  return new Promise((done) => {
    const fail = (thrown: unknown) => {
      client.end(true);
      done(brokerFault(thrown, { ...context, hasCertificate: tls.cert !== undefined, wasUp: false }));
    };
    client.once('connect', () => {
      client.off('error', fail).off('close', closed);
      done(client);
    });
    const closed = () => fail(null);
    client.once('error', fail).once('close', closed);
  });
}
