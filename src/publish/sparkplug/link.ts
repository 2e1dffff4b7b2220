import { connect, type MqttClient } from 'mqtt';
import { SideglanceError } from '../../errors.js';
import { type BrokerAddress, transportOptions } from '../connection.js';
import { type BrokerFault, brokerFault } from '../faults.js';
import { KEEPALIVE_SECONDS, type MqttOptions } from '../options.js';
import { readTlsFiles } from '../tls-files.js';

export interface Message {
  readonly topic: string;
  readonly payload: Uint8Array;
}

export interface LinkEvents {
  /** The broker took the connection; `maxPacketBytes` null: it named no limit. */
  up(maxPacketBytes: number | null): void;
  message(topic: string, payload: Uint8Array, isRetained: boolean): void;
  /** CONNECT, with the will in it, may have reached the broker. */
  connectSent(): void;
  /** So many messages in all, of those published here, are at the broker. */
  confirmed(messages: number): void;
  /** Exactly once, whether or not it had come up; nothing follows it. */
  down(fault: BrokerFault): void;
}

/** Of a message from outside; MQTT 5 brokers are asked to keep larger ones, with 3.1.1 they are passed over. */
const MAX_RECEIVED_BYTES = 64 * 1024;

/** Nobody was reached, so CONNECT cannot have been sent. */
const UNREACHED = new Set<unknown>([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EHOSTDOWN',
]);

/** MQTT 5 §3.14.2.1: the broker publishes the will all the same. */
const DISCONNECT_WITH_WILL = 4;

/**
 * One connection of the edge node, from CONNECT to its end. Sparkplug publishes at QoS 0, which nobody acknowledges; but a
 * broker reads a connection in order, so the answer to a ping says that it has all that was sent before the ping.
 */
export class Link {
  readonly #address: BrokerAddress;
  readonly #client: MqttClient;
  readonly #protocolVersion: 5 | 4;
  readonly #answerWithinMs: number;
  readonly #fault: (thrown: unknown) => BrokerFault;
  readonly #events: LinkEvents;
  #isUp = false;
  #isClosed = false;
  #published = 0;
  /** For each ping that is not answered: the messages that were published before it. */
  readonly #pings: number[] = [];
  #pingTimer: NodeJS.Timeout | undefined;

  /** @throws SideglanceError SG_BROKER when a TLS file cannot be read */
  constructor(
    address: BrokerAddress,
    options: MqttOptions & { readonly clientId: string },
    protocolVersion: 5 | 4,
    connectTimeoutMs: number,
    will: Message,
    events: LinkEvents,
  ) {
    const { username, clientId } = options;
    this.#address = address;
    this.#protocolVersion = protocolVersion;
    this.#answerWithinMs = 1500 * (options.keepaliveSeconds ?? KEEPALIVE_SECONDS);
    this.#events = events;
    const tls = readTlsFiles(address.isEncrypted ? options.tls : undefined);
    const { isEncrypted } = address;
    const context = { address: address.text, username, clientId, isEncrypted, hasCertificate: tls.cert !== undefined };
    this.#fault = (thrown) => brokerFault(thrown, { ...context, wasUp: this.#isUp });
    this.#client = connect({
      ...transportOptions(address, options, protocolVersion, connectTimeoutMs, tls),
      ...(protocolVersion === 5 ? { properties: { maximumPacketSize: MAX_RECEIVED_BYTES } } : {}),
      // tck-id-payloads-ndeath-will-message-qos, tck-id-payloads-ndeath-will-message-retain
      will: { topic: will.topic, payload: asBuffer(will.payload), qos: 1, retain: false },
    });
    this.#listen();
  }

  get publishedCount(): number {
    return this.#published;
  }

  /** Subscribes at QoS 1 and calls `done` once the broker has granted all of it; else `down` follows. */
  subscribe(topics: readonly string[], done: () => void): void {
    this.#client.subscribe([...topics], { qos: 1 }, (thrown, granted) => {
      if (this.#isClosed) return;
      const refused = granted?.find(({ qos }) => qos >= 128)?.topic;
      if (refused === undefined && !thrown) return done();
      const what = refused === undefined ? `${topics.join(', ')} (${thrown?.message})` : refused;
      this.abandon(`does not let us subscribe to ${what}: correct its access rules`);
    });
  }

  /** At QoS 0 and not retained, as births, data and deaths of devices are sent (§6.4.17 to §6.4.24). */
  publish({ topic, payload }: Message): void {
    this.#published++;
    this.#client.publish(topic, asBuffer(payload), { qos: 0, retain: false });
  }

  /** Asks the broker whether it has everything; `confirmed` follows. */
  ping(): void {
    this.#client.sendPing();
  }

  /**
   * Ends the connection for good: NDEATH where a host knows of us, then DISCONNECT, which in MQTT 5 asks for the will as
   * well (tck-id-payloads-ndeath-will-message-publisher-disconnect-mqtt50). Before the birth nothing is to be published,
   * so a connection of MQTT 3.1.1 is cut then, and the broker sends the will. `down` is not called.
   */
  async farewell(death: Message | null, timeoutMs: number): Promise<void> {
    if (this.#isClosed) return;
    this.#close();
    if (this.#isUp && (death !== null || this.#protocolVersion === 5)) {
      await new Promise<void>((done) => {
        const timer = setTimeout(done, timeoutMs);
        const disconnect = () => {
          const options = this.#protocolVersion === 5 ? { reasonCode: DISCONNECT_WITH_WILL } : {};
          this.#client.end(false, options, () => {
            clearTimeout(timer);
            done();
          });
        };
        if (death === null) disconnect();
        // At QoS 1: its acknowledgement tells that it is ahead of the DISCONNECT.
        else this.#client.publish(death.topic, asBuffer(death.payload), { qos: 1, retain: false }, disconnect);
      });
    }
    this.#client.end(true);
    this.#client.stream.destroy();
  }

  /** Cuts the connection without a word, so that the broker publishes the will; `down` follows. */
  abandon(what: string): void {
    const error = new SideglanceError('SG_BROKER', `the MQTT broker at ${this.#address.text} ${what}`);
    this.#down({ error, retry: 'slowly', wrongVersion: 'no', byBroker: false });
  }

  #listen(): void {
    const client = this.#client;
    client.on('connect', ({ properties }) => {
      if (this.#isClosed) return;
      this.#isUp = true;
      this.#events.up(properties?.maximumPacketSize ?? null);
    });
    client.on('message', (topic, payload, { retain }) => {
      if (this.#isClosed || payload.byteLength > MAX_RECEIVED_BYTES) return;
      this.#events.message(topic, payload, retain);
    });
    client.on('packetsend', ({ cmd }) => {
      if (this.#isClosed) return;
      if (cmd === 'pingreq') this.#awaitAnswer();
    });
    client.on('packetreceive', ({ cmd }) => {
      if (cmd === 'pingresp' && !this.#isClosed) this.#answered();
    });
    client.on('disconnect', ({ reasonCode }) => {
      this.#down(this.#fault(Object.assign(new Error('the broker said goodbye'), { code: reasonCode ?? 0 })));
    });
    client.on('error', (error) => {
      const isUnreached = !this.#isUp && UNREACHED.has((error as { code?: unknown }).code);
      this.#down(this.#fault(error), isUnreached);
    });
    client.on('close', () => this.#down(this.#fault(null)));
  }

  #awaitAnswer(): void {
    this.#pings.push(this.#published);
    this.#pingTimer ??= setTimeout(() => this.#down(this.#fault(new Error('Keepalive timeout'))), this.#answerWithinMs);
  }

  #answered(): void {
    const messages = this.#pings.shift();
    clearTimeout(this.#pingTimer);
    this.#pingTimer = undefined;
    if (messages !== undefined) this.#events.confirmed(messages);
  }

  #close(isUnreached = false): void {
    this.#isClosed = true;
    if (!isUnreached) this.#events.connectSent();
    clearTimeout(this.#pingTimer);
  }

  #down(fault: BrokerFault, isUnreached = false): void {
    if (this.#isClosed) return;
    this.#close(isUnreached);
    this.#client.end(true);
    this.#events.down(fault);
  }
}

function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
