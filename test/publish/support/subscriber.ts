import { connect, type IPublishPacket, type MqttClient } from 'mqtt';
import { closeAtTheEnd } from './leftovers.js';

export interface Received {
  readonly topic: string;
  readonly payload: Buffer;
  readonly retain: boolean;
  readonly properties: Record<string, string>;
  readonly contentType: string | undefined;
  /** What is left of the message expiry interval. */
  readonly expirySeconds: number | undefined;
  /** The payload as JSON. */
  json<T>(): T;
}

/** A second client, as a SCADA system would be one: everything that it receives, in order. */
export class Subscriber {
  readonly received: Received[] = [];
  readonly #client: MqttClient;
  readonly #changed = new Set<() => void>();

  private constructor(client: MqttClient) {
    this.#client = client;
    client.on('message', (topic: string, payload: Buffer, { retain, properties }: IPublishPacket) => {
      this.received.push({
        topic,
        payload,
        retain,
        properties: { ...properties?.userProperties } as Record<string, string>,
        contentType: properties?.contentType,
        expirySeconds: properties?.messageExpiryInterval,
        json: <T>() => JSON.parse(payload.toString()) as T,
      });
      for (const look of this.#changed) look();
    });
  }

  /**
   * Subscribes at QoS 0: a broker forwards such a message before it acknowledges it to the publisher and keeps nothing
   * back, so that what the broker has acknowledged is here even when the broker is killed.
   */
  static async open(url: string, protocolVersion: 4 | 5 = 5, filter = 'sideglance/#'): Promise<Subscriber> {
    const client = connect(url, { protocolVersion, reconnectPeriod: 50, connectTimeout: 5000 });
    const subscriber = new Subscriber(client);
    closeAtTheEnd(() => subscriber.close());
    await client.subscribeAsync(filter, { qos: 0 });
    return subscriber;
  }

  /** Waits until it is subscribed again after the broker came back. */
  async back(): Promise<void> {
    while (!this.#client.connected) await new Promise((done) => setTimeout(done, 10));
    await this.#client.subscribeAsync('sideglance/#', { qos: 0 });
  }

  on(topicEnd: string): Received[] {
    return this.received.filter(({ topic }) => topic.endsWith(topicEnd));
  }

  async until(what: string, isSo: () => boolean, timeoutMs = 10_000): Promise<void> {
    if (isSo()) return;
    await new Promise<void>((done, failed) => {
      const end = (settle: () => void) => {
        clearTimeout(timer);
        this.#changed.delete(look);
        settle();
      };
      const look = () => isSo() && end(done);
      const timer = setTimeout(() => {
        const seen = this.received.map(({ topic }) => topic).slice(-20);
        end(() => failed(new Error(`${timeoutMs} ms without: ${what}; last topics: ${seen.join(', ')}`)));
      }, timeoutMs);
      this.#changed.add(look);
    });
  }

  async close(): Promise<void> {
    await this.#client.endAsync(true);
  }
}
