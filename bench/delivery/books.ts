import { connectAsync, type MqttClient } from 'mqtt';
import type { GapMessage, InspectionMessage } from '../../src/publish/messages.js';

/** What a consumer makes of what it hears, and whether what it was promised holds. */
export class Books {
  /** By part. */
  readonly #identities = new Map<number, string>();
  readonly #parts = new Map<string, number>();
  /** By stream and lane: the highest seq so far in its epoch. */
  readonly #highest = new Map<string, number>();
  readonly epochs = new Set<string>();
  duplicates = 0;
  /** Parts that came under a second identity, or identities that came with a second part. */
  confusions = 0;
  outOfOrder = 0;
  announcedAsGone = 0;

  /** @param isStrict whether a stream has one order, or one for what is live and one for what is late */
  constructor(private readonly isStrict: boolean) {}

  get size(): number {
    return this.#identities.size;
  }

  has(part: number): boolean {
    return this.#identities.has(part);
  }

  take({ delivery, part, stored }: InspectionMessage): void {
    const { epoch, stream, seq } = delivery;
    const identity = `${epoch} ${stream} ${seq}`;
    this.epochs.add(epoch);
    const known = this.#identities.get(part.sequence);
    const knownPart = this.#parts.get(identity);
    if (known !== undefined || knownPart !== undefined) {
      if (known === identity && knownPart === part.sequence) this.duplicates++;
      else this.confusions++;
      return;
    }
    this.#identities.set(part.sequence, identity);
    this.#parts.set(identity, part.sequence);
    const lane = `${epoch} ${stream} ${this.isStrict ? '' : stored}`;
    if (seq < (this.#highest.get(lane) ?? -1)) this.outOfOrder++;
    this.#highest.set(lane, Math.max(seq, this.#highest.get(lane) ?? -1));
  }

  takeGap({ messages }: GapMessage): void {
    this.announcedAsGone += messages;
  }

  /** Of the parts from `first` on, so many: those that were never heard of. */
  missing(first: number, count: number): number {
    let missing = 0;
    for (let part = first; part < first + count; part++) if (!this.has(part)) missing++;
    return missing;
  }
}

export interface Consumer {
  /** Subscribes again, after the broker was away. */
  back(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Subscribes at QoS 0: mosquitto forwards such a message before it acknowledges it to the publisher, so that what the
 * broker has acknowledged is here even where the broker is killed: what is measured is the way to the broker.
 */
export async function startConsumer(
  port: number,
  take: (message: InspectionMessage) => void,
  takeGap: (message: GapMessage) => void = () => {},
): Promise<Consumer> {
  const client: MqttClient = await connectAsync(`mqtt://127.0.0.1:${port}`, {
    protocolVersion: 5,
    reconnectPeriod: 20,
    reconnectOnConnackError: true,
  });
  client.on('error', () => {});
  client.on('message', (topic, payload) => {
    if (topic.endsWith('/inspection')) take(JSON.parse(payload.toString()) as InspectionMessage);
    else if (topic.endsWith('/gap')) takeGap(JSON.parse(payload.toString()) as GapMessage);
  });
  const subscribe = () => client.subscribeAsync('sideglance/#', { qos: 0 });
  await subscribe();
  return {
    async back() {
      while (!client.connected) await new Promise((done) => setTimeout(done, 5));
      await subscribe();
    },
    close: () => client.endAsync(true),
  };
}
