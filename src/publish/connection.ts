import { connect, type IClientOptions, type MqttClient, Store } from 'mqtt';
import { SideglanceError } from '../errors.js';
import { type BrokerFault, brokerFault } from './faults.js';
import type { Inbox } from './inbox.js';
import { KEEPALIVE_SECONDS, type MqttOptions, SESSION_DEFAULTS } from './options.js';
import { JSON_CONTENT, type Packet } from './packet.js';
import { readTlsFiles, type TlsFiles } from './tls-files.js';

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
  /** The broker does not let us hear what the inbox asks for; the connection stays. */
  deaf(text: string): void;
}

export type Answer =
  | { readonly outcome: 'acknowledged' }
  | { readonly outcome: 'refused'; readonly code: number; readonly text: string };

/** Where to connect to, taken from the URL once. */
export interface BrokerAddress {
  readonly protocol: 'mqtt' | 'mqtts' | 'ws' | 'wss';
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly isEncrypted: boolean;
  /** For people: no credentials. */
  readonly text: string;
}

const DEFAULT_PORTS = { mqtt: 1883, mqtts: 8883, ws: 80, wss: 443 } as const;

/** @throws SideglanceError SG_BROKER when the URL is not one of a broker */
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
  const isEncrypted = known === 'mqtts' || known === 'wss';
  const text = `${known}://${parsed.hostname}:${port}`;
  return { protocol: known, host, port, path: parsed.pathname || '/', isEncrypted, text };
}

/**
 * One network connection to a broker, from CONNECT to its end. MQTT.js is the transport and nothing else: it neither
 * reconnects nor keeps a message, so that nothing is sent that the outbox does not know of.
 */
export class Connection {
  readonly #client: MqttClient;
  readonly #fault: (thrown: unknown) => BrokerFault;
  readonly #events: ConnectionEvents;
  /** A fingerprint of the TLS files that it was opened with. */
  readonly certificates: string;
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
    inbox: Inbox | null,
    events: ConnectionEvents,
  ) {
    const { username, clientId } = options;
    const session = options.session ?? SESSION_DEFAULTS;
    // Read at every connection, so that renewed files are used without a restart.
    const tls = readTlsFiles(address.isEncrypted ? options.tls : undefined);
    this.certificates = tls.fingerprint;
    this.#events = events;
    const { isEncrypted } = address;
    const context = { address: address.text, username, clientId, isEncrypted, hasCertificate: tls.cert !== undefined };
    this.#fault = (thrown) => brokerFault(thrown, { ...context, wasUp: this.#up });
    const transport = transportOptions(address, options, protocolVersion, connectTimeoutMs, tls);
    this.#client = connect({
      ...transport,
      ...(inbox !== null && transport.properties
        ? {
            properties: {
              ...transport.properties,
              maximumPacketSize: inbox.maxPacketBytes,
              receiveMaximum: inbox.receiveMaximum,
            },
          }
        : {}),
      will: {
        topic: will.topic,
        payload: Buffer.from(will.payload),
        qos: 1,
        retain: true,
        ...(protocolVersion === 5
          ? { properties: { contentType: JSON_CONTENT, willDelayInterval: session.willDelaySeconds } }
          : {}),
      },
    });
    this.#listen(protocolVersion);
    if (inbox !== null) this.#hear(inbox, protocolVersion);
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
          ...(packet.expirySeconds === undefined ? {} : { messageExpiryInterval: packet.expirySeconds }),
          ...(packet.properties ? { userProperties: { ...packet.properties } } : {}),
          ...(packet.correlation ? { correlationData: Buffer.from(packet.correlation) } : {}),
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

  /**
   * DISCONNECT, so that the broker discards the last will. `down` is not called. `forGood`: the broker need not keep the
   * session (MQTT 5).
   */
  async goodbye(timeoutMs: number, forGood = false): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    // end() would wait without a bound for what the broker has not acknowledged.
    for (const id of Object.keys(this.#client.outgoing)) this.#client.removeOutgoingMessage(Number(id));
    await new Promise<void>((done) => {
      const timer = setTimeout(done, timeoutMs);
      const properties = { sessionExpiryInterval: 0 };
      this.#client.end(false, forGood && this.#client.options.protocolVersion === 5 ? { properties } : {}, () => {
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

  /** Asks to be told what its sender wanted retained, too, so that it can be refused with a reason. */
  #hear(inbox: Inbox, protocolVersion: 5 | 4): void {
    const client = this.#client;
    client.on('connect', () => {
      if (this.#closed) return;
      const flags = protocolVersion === 5 ? { rap: true } : {};
      client.subscribe([...inbox.filters], { qos: 1, ...flags }, (thrown, _granted, suback) => {
        // Without a SUBACK it is MQTT.js giving up the connection; `down` follows.
        if (!this.#closed && thrown && suback) this.#events.deaf(thrown.message);
      });
    });
    client.on('message', (topic, payload, { retain, properties }) => {
      if (this.#closed) return;
      inbox.receive({
        topic,
        payload,
        retain,
        responseTopic: properties?.responseTopic ?? null,
        correlation: properties?.correlationData ?? null,
        hasExpiry: properties?.messageExpiryInterval !== undefined,
      });
    });
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
 */
export function transportOptions(
  address: BrokerAddress,
  options: MqttOptions & { readonly clientId: string },
  protocolVersion: 5 | 4,
  connectTimeoutMs: number,
  tls: TlsFiles,
): IClientOptions {
  const { username, password, clientId, session = SESSION_DEFAULTS } = options;
  return {
    protocol: address.protocol,
    host: address.host,
    port: address.port,
    path: address.path,
    protocolVersion,
    protocolId: 'MQTT',
    clientId,
    clean: session.cleanStart,
    keepalive: options.keepaliveSeconds ?? KEEPALIVE_SECONDS,
    connectTimeout: connectTimeoutMs,
    reconnectPeriod: 0,
    queueQoSZero: false,
    outgoingStore: new PassingStore(),
    ...(username === undefined ? {} : { username }),
    // As bytes: the encoder prints every string that it writes, when DEBUG is set.
    ...(password === undefined ? {} : { password: Buffer.from(password) }),
    ...tlsOptions(tls),
    ...(protocolVersion === 5 ? { properties: { sessionExpiryInterval: session.expirySeconds } } : {}),
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

/** MQTT.js hands the name for SNI on to TLS, but not to a WebSocket. */
function tlsOptions({ ca, cert, key, serverName }: TlsFiles): IClientOptions {
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(serverName === undefined ? {} : { servername: serverName, wsOptions: { servername: serverName } as object }),
  };
}
