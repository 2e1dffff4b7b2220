import { readFileSync } from 'node:fs';
import { connect, type IClientOptions, type MqttClient, Store } from 'mqtt';
import { reasonOf, SideglanceError } from '../errors.js';
import { type BrokerFault, brokerFault } from './faults.js';
import { KEEPALIVE_SECONDS, type MqttOptions, type MqttTls } from './options.js';
import { JSON_CONTENT, type Packet } from './packet.js';

/** What the broker said when it took the connection (CONNACK). */
export interface Welcome {
  readonly protocolVersion: 5 | 4;
  /** Messages it takes unacknowledged (MQTT 5 §3.2.2.3.3). */
  readonly receiveMaximum: number;
  readonly maxPacketBytes: number | null;
  readonly retainAvailable: boolean;
}

export interface ConnectionEvents {
  up(welcome: Welcome): void;
  /** Exactly once, whether or not it had come up; nothing follows it. */
  down(fault: BrokerFault): void;
}

export type Answer =
  | { readonly outcome: 'acknowledged' }
  | { readonly outcome: 'refused'; readonly code: number; readonly text: string };

/**
 * Where to connect to, taken from the URL once.
 * @throws SideglanceError SG_BROKER when the URL is not one of a broker
 */
export interface BrokerAddress {
  readonly protocol: 'mqtt' | 'mqtts' | 'ws' | 'wss';
  readonly host: string;
  readonly port: number;
  readonly path: string;
  /** For people: no credentials. */
  readonly text: string;
}

const DEFAULT_PORTS = { mqtt: 1883, mqtts: 8883, ws: 80, wss: 443 } as const;

export function brokerAddress(url: string): BrokerAddress {
  const fail = (what: string) =>
    new SideglanceError('SG_BROKER', `mqtt.url ${what}: write mqtt://host:1883 or mqtts://host:8883`);
  if (!URL.canParse(url)) throw fail('is not a URL');
  const parsed = new URL(url);
  const protocol = parsed.protocol.slice(0, -1);
  if (!(protocol in DEFAULT_PORTS)) throw fail(`begins with '${parsed.protocol}//', which is not MQTT`);
  if (parsed.username || parsed.password)
    throw fail('holds credentials; they belong in mqtt.username and mqtt.password');
  if (!parsed.hostname) throw fail('names no host');
  const known = protocol as keyof typeof DEFAULT_PORTS;
  const port = parsed.port ? Number(parsed.port) : DEFAULT_PORTS[known];
  const host = parsed.hostname.replace(/^\[|\]$/g, '');
  return { protocol: known, host, port, path: parsed.pathname || '/', text: `${known}://${parsed.hostname}:${port}` };
}

/**
 * One network connection to a broker, from CONNECT to its end. MQTT.js is the transport and nothing else: it neither
 * reconnects nor keeps a message, so that nothing is sent that the outbox does not know of.
 */
export class Connection {
  readonly #client: MqttClient;
  readonly #fault: (thrown: unknown) => BrokerFault;
  readonly #events: ConnectionEvents;
  #up = false;
  #closed = false;
  #retainAvailable = true;

  /** @throws SideglanceError SG_BROKER when a TLS file cannot be read */
  constructor(
    address: BrokerAddress,
    options: MqttOptions & { readonly clientId: string },
    protocolVersion: 5 | 4,
    connectTimeoutMs: number,
    will: Packet,
    events: ConnectionEvents,
  ) {
    const { username, clientId } = options;
    this.#events = events;
    this.#fault = (thrown) => brokerFault(thrown, { address: address.text, username, clientId, wasUp: this.#up });
    this.#client = connect({
      ...transportOptions(address, options, protocolVersion, connectTimeoutMs),
      will: {
        topic: will.topic,
        payload: Buffer.from(will.payload),
        qos: 1,
        retain: true,
        ...(protocolVersion === 5 ? { properties: { contentType: JSON_CONTENT } } : {}),
      },
    });
    this.#listen(protocolVersion);
  }

  /** Sends at QoS 1. `settled` is called at most once, and never after the connection went down. */
  publish(packet: Packet, settled: (answer: Answer) => void): void {
    const { buffer, byteOffset, byteLength } = packet.payload;
    this.#client.publish(
      packet.topic,
      Buffer.from(buffer, byteOffset, byteLength),
      {
        qos: 1,
        retain: packet.retain && this.#retainAvailable,
        properties: {
          contentType: packet.contentType,
          payloadFormatIndicator: packet.contentType === JSON_CONTENT,
          ...(packet.properties ? { userProperties: { ...packet.properties } } : {}),
        },
      },
      (thrown) => {
        if (this.#closed) return;
        if (!thrown) return settled({ outcome: 'acknowledged' });
        // Without a reason code it is MQTT.js giving up the connection; `down` follows.
        const code = (thrown as { code?: unknown }).code;
        if (typeof code === 'number') settled({ outcome: 'refused', code, text: thrown.message });
      },
    );
  }

  /** DISCONNECT, so that the broker discards the last will. `down` is not called. */
  async goodbye(timeoutMs: number): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    // end() would wait without a bound for what the broker has not acknowledged.
    for (const id of Object.keys(this.#client.outgoing)) this.#client.removeOutgoingMessage(Number(id));
    await new Promise<void>((done) => {
      const timer = setTimeout(done, timeoutMs);
      this.#client.end(false, {}, () => {
        clearTimeout(timer);
        done();
      });
    });
    this.#client.stream.destroy();
  }

  /** Cuts the connection without a word, so that the broker publishes the last will. `down` is not called. */
  cut(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#client.end(true);
  }

  /** Cuts the connection without a word; `down` follows with this fault. */
  abandon(fault: BrokerFault): void {
    this.#down(fault);
  }

  #listen(protocolVersion: 5 | 4): void {
    const client = this.#client;
    client.on('connect', ({ properties }) => {
      if (this.#closed) return;
      this.#up = true;
      this.#retainAvailable = properties?.retainAvailable ?? true;
      if (properties?.maximumQoS === 0) {
        this.#down(this.#fault(new Error('it takes no QoS 1, so no verdict could ever be confirmed')));
        return;
      }
      this.#events.up({
        protocolVersion,
        receiveMaximum: properties?.receiveMaximum ?? 65_535,
        maxPacketBytes: properties?.maximumPacketSize ?? null,
        retainAvailable: this.#retainAvailable,
      });
    });
    client.on('disconnect', (packet) => {
      const code = packet.reasonCode ?? 0;
      this.#down(this.#fault(Object.assign(new Error('the broker said goodbye'), { code })));
    });
    client.on('error', (error) => this.#down(this.#fault(error)));
    client.on('close', () => this.#down(this.#fault(null)));
  }

  #down(fault: BrokerFault): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#client.end(true);
    this.#events.down(fault);
  }
}

/**
 * How MQTT.js is to connect: once, without a memory of its own.
 * @throws SideglanceError SG_BROKER when a TLS file cannot be read
 */
export function transportOptions(
  address: BrokerAddress,
  options: MqttOptions & { readonly clientId: string },
  protocolVersion: 5 | 4,
  connectTimeoutMs: number,
): IClientOptions {
  const { username, password, clientId } = options;
  return {
    protocol: address.protocol,
    host: address.host,
    port: address.port,
    path: address.path,
    protocolVersion,
    protocolId: 'MQTT',
    clientId,
    clean: true,
    keepalive: options.keepaliveSeconds ?? KEEPALIVE_SECONDS,
    connectTimeout: connectTimeoutMs,
    reconnectPeriod: 0,
    queueQoSZero: false,
    outgoingStore: new PassingStore(),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...tlsFiles(options.tls),
    // MQTT.js would print every packet, the password in CONNECT among them, when DEBUG is set.
    log: () => {},
  };
}

/** Keeps nothing: the outbox is the only store, and MQTT.js must have nothing of its own to send again. */
class PassingStore extends Store {
  override put(...[, done]: Parameters<Store['put']>): this {
    done();
    return this;
  }

  override del(...[packet, done]: Parameters<Store['del']>): this {
    done(undefined, packet as Parameters<typeof done>[1]);
    return this;
  }
}

/** Read at every connection, so that a renewed certificate is used without a restart. */
function tlsFiles(tls: MqttTls | undefined): Pick<IClientOptions, 'ca' | 'cert' | 'key' | 'servername'> {
  const read = (key: 'ca' | 'cert' | 'key') => {
    const path = tls?.[key];
    if (path === undefined) return {};
    try {
      return { [key]: readFileSync(path) };
    } catch (cause) {
      throw new SideglanceError(
        'SG_BROKER',
        `mqtt.tls.${key}: ${path} cannot be read (${reasonOf(cause)}): correct the path or its permissions`,
        { cause },
      );
    }
  };
  return {
    ...read('ca'),
    ...read('cert'),
    ...read('key'),
    ...(tls?.serverName === undefined ? {} : { servername: tls.serverName }),
  };
}
