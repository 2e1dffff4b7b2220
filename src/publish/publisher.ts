import { EventEmitter } from 'node:events';
import type { SideglanceError } from '../errors.js';
import type { Attachment, Inspection, ModelInUse } from '../types.js';
import { clockSynced, now } from './clock.js';
import {
  type AttachmentMessage,
  attachmentMessage,
  type CameraEvent,
  cameraMessage,
  inspectionMessage,
  offerPacket,
  pictureProperties,
  smallerPacket,
  statusMessage,
} from './compose.js';
import { Courier } from './courier.js';
import type { IncomingMessage } from './inbox.js';
import type { MailCounters } from './mail.js';
import type { DeliveryIdentity, DeviceIdentity, HealthMessage, ModelMessage, StatusMessage } from './messages.js';
import { type MqttOptions, SESSION_LIMITS, type SessionLimits } from './options.js';
import { Outbox } from './outbox/outbox.js';
import type { MessageClass, PerClass } from './outbox/types.js';
import { encodeJson, JSON_CONTENT, type Packet, retainedJson } from './packet.js';
import { MqttSession, type SessionState } from './session.js';
import { publishedShadow } from './shadow-message.js';
import { type DeviceTopics, deviceTopics } from './topics.js';
import type { UpdateMessage, UpdateReport } from './update-message.js';

export interface PublisherOptions {
  readonly device: DeviceIdentity;
  readonly agentVersion: string;
  readonly mqtt: MqttOptions;
  /** Absent: one in memory. */
  readonly outbox?: Outbox | undefined;
  readonly limits?: Partial<SessionLimits> | undefined;
}

/** For messages to the device: far more than a command may have. */
const INBOX_LIMITS = { maxPacketBytes: 64 * 1024, receiveMaximum: 20 } as const;

/** What the agent knows about itself and its stations; the rest of `health` is the publisher's own. */
export interface HealthReport extends Pick<HealthMessage, 'live' | 'ready' | 'reasons'> {
  readonly agent: Omit<HealthMessage['agent'], 'version'>;
  readonly stations: HealthMessage['stations'];
  readonly commands: HealthMessage['commands'];
  readonly sparkplug: HealthMessage['sparkplug'];
}

export interface PublisherEvents {
  /** Every change of the session, also each failed attempt. */
  state: [SessionState];
  /** The broker took the connection and refuses a topic; once a connection and topic. */
  refused: [SideglanceError];
  /** The broker has acknowledged a verdict that was sent as soon as it was made; so long after it was made. */
  delivered: [station: string, ms: number];
  /** Something should be mended, and the connection is none the worse for it: TLS files that cannot take the place of the old. */
  fault: [SideglanceError];
}

/**
 * Everything the agent publishes goes through here. No call waits for the broker and none fails because of it: what
 * cannot be sent yet waits in the outbox, within its bounds.
 */
export class Publisher extends EventEmitter<PublisherEvents> {
  readonly topics: DeviceTopics;
  readonly #device: DeviceIdentity;
  readonly #agentVersion: string;
  readonly #outbox: Outbox;
  readonly #session: MqttSession;
  readonly #courier: Courier;
  readonly #limits: SessionLimits;
  readonly #models = new Map<string, ModelMessage['stations'][number]>();
  readonly #cameras = new Map<string, { state: CameraEvent['state']; outages: number }>();

  /** @throws SideglanceError SG_CONFIG_INVALID for a name that no topic can have, SG_BROKER for a URL of no broker */
  constructor(options: PublisherOptions) {
    super();
    const { site, line, name } = options.device;
    const device = { site, line, name };
    this.#device = device;
    this.#agentVersion = options.agentVersion;
    this.#limits = { ...SESSION_LIMITS, ...options.limits };
    this.topics = deviceTopics(device);
    this.#outbox = options.outbox ?? new Outbox();
    const status = (state: 'online' | 'offline', reason: StatusMessage['reason']) =>
      retainedJson(this.topics.status, statusMessage(device, options.agentVersion, state, reason));
    this.#session = new MqttSession(
      { ...options.mqtt, clientId: options.mqtt.clientId ?? `sideglance-${site}-${line}-${name}` },
      { online: () => status('online', null), offline: (reason) => status('offline', reason) },
      this.#limits,
    );
    this.#courier = new Courier(
      this.#session,
      this.#outbox,
      (offer, stored, maxBytes) => offerPacket(device, this.topics, offer, stored, maxBytes),
      makeSmaller,
    );
    this.#session.on('state', (state) => this.emit('state', state));
    this.#session.on('fault', (error) => this.emit('fault', error));
    this.#courier.on('refused', (error) => this.emit('refused', error));
    this.#session.on('deaf', (error) => this.emit('refused', error));
    this.#courier.on('delivered', ({ messageClass, station, at }) => {
      if (messageClass === 'verdict') this.emit('delivered', station, now().monotonicMs - at.monotonicMs);
    });
  }

  get state(): SessionState {
    return this.#session.state;
  }

  /** Hears commands, and what comes on further topics; to be called before `start`. */
  listen(receive: (message: IncomingMessage) => void, further: readonly string[] = []): void {
    this.#session.listen({ filters: [...this.topics.commandFilters, ...further], ...INBOX_LIMITS, receive });
  }

  /** Publishes what is kept in memory only: answers, audit, snapshots. */
  post(packet: Packet): void {
    this.#courier.post(packet);
  }

  get mailCounters(): MailCounters {
    return this.#courier.mailCounters;
  }

  /** Begins to connect and returns at once; a broker that cannot be used is a state, never an exception. */
  start(): void {
    this.#session.start();
  }

  /**
   * Sends what is still in the store (bounded by `drainMs`), says goodbye (bounded by `farewellMs`) and closes.
   * Returns how many messages were left: for the next run, or, in memory, for nobody.
   */
  async stop(): Promise<{ readonly undelivered: number }> {
    await this.#courier.drain(this.#limits.drainMs);
    await this.#session.stop();
    const undelivered = this.#outbox.waiting;
    await this.#outbox.close();
    return { undelivered };
  }

  /**
   * Publishes the verdict on a part and its pictures. The verdict goes first; pictures follow on topics of their own.
   * Returns the delivery identity of the verdict.
   * @throws SideglanceError SG_CONFIG_INVALID when the station's name cannot be part of a topic
   */
  publishInspection(inspection: Inspection, attachments: readonly Attachment[]): DeliveryIdentity {
    const { station } = inspection.part;
    const topics = this.topics.station(station);
    const at = now();
    const pictures = attachments.map((attachment) => this.#storePicture(inspection, attachment));
    return this.#outbox.store({
      station,
      messageClass: 'verdict',
      topic: topics.inspection,
      contentType: JSON_CONTENT,
      at,
      write: (delivery) => ({
        payload: encodeJson(inspectionMessage(this.#device, inspection, delivery, pictures, at)),
        properties: null,
      }),
    });
  }

  #storePicture(inspection: Inspection, attachment: Attachment): AttachmentMessage {
    const { station } = inspection.part;
    const messageClass: MessageClass = attachment.kind;
    const topic = this.topics.station(station)[attachment.kind];
    const delivery = this.#outbox.store({
      station,
      messageClass,
      topic,
      contentType: attachment.mediaType,
      at: now(),
      write: (identity) => ({
        payload: attachment.bytes,
        properties: pictureProperties(this.#device, inspection, attachment, identity),
      }),
    });
    return attachmentMessage(attachment, topic, delivery);
  }

  /** Publishes the state of a station's camera (retained). Outages are counted here. */
  publishCamera(station: string, event: CameraEvent): void {
    const known = this.#cameras.get(station);
    const isOutage = known?.state === 'running' && (event.state === 'silent' || event.state === 'lost');
    const outages = (known?.outages ?? 0) + (isOutage ? 1 : 0);
    this.#cameras.set(station, { state: event.state, outages });
    const message = cameraMessage(this.#device, station, event, outages);
    this.#courier.setValue(retainedJson(this.topics.station(station).camera, message));
  }

  /** Publishes what a station runs now, in one retained message for the device. */
  publishModel(station: string, inUse: ModelInUse): void {
    const { model, provider, precision, skipped, building, threshold, refused, shadow } = inUse;
    this.#models.set(station, {
      name: station,
      model,
      provider,
      precision,
      skipped: [...skipped],
      building,
      threshold,
      refused,
      shadow: publishedShadow(shadow),
    });
    const message: ModelMessage = {
      schema: 'sideglance/model/1',
      device: this.#device,
      stations: [...this.#models.values()],
      published: now(),
      clockSynced: clockSynced(),
    };
    this.#courier.setValue(retainedJson(this.topics.model, message));
  }

  /** Publishes what became of updates, the newest first, in one retained message for the device. */
  publishUpdates(updates: readonly UpdateReport[]): void {
    const message: UpdateMessage = {
      schema: 'sideglance/update/1',
      device: this.#device,
      updates: [...updates],
      published: now(),
      clockSynced: clockSynced(),
    };
    this.#courier.setValue(retainedJson(this.topics.update, message));
  }

  /** Publishes how the device is doing (retained, the newest only). */
  publishHealth(report: HealthReport): void {
    this.#courier.setValue(retainedJson(this.topics.health, this.health(report)));
  }

  /** The message on how the device is doing. */
  health({ agent, stations, commands, sparkplug, live, ready, reasons }: HealthReport): HealthMessage {
    return {
      schema: 'sideglance/health/1',
      device: this.#device,
      published: now(),
      clockSynced: clockSynced(),
      live,
      ready,
      reasons,
      agent: { version: this.#agentVersion, ...agent },
      stations,
      commands,
      publishing: this.counters(),
      sparkplug,
    };
  }

  /** How long messages have waited, by class. */
  oldestAgeMs(): PerClass {
    return this.#outbox.oldestAgeMs();
  }

  /** Queue depth, drops and what else `health` says about publishing. */
  counters(): HealthMessage['publishing'] {
    const { state } = this;
    const protocol = state.state === 'online' ? (state.protocolVersion === 5 ? '5' : '3.1.1') : null;
    const broker = state.state === 'online' ? state.broker : null;
    return { protocol, broker, ...this.#session.history, shrunk: this.#courier.shrunk, ...this.#outbox.counters() };
  }
}

/** Few brokers take so little that the code for it, which is large, is ever needed. */
async function makeSmaller(packet: Packet, maxPayloadBytes: number): Promise<Packet | null> {
  const { shrinkPicture } = await import('../encode/shrink.js');
  const smaller = await shrinkPicture(packet.contentType, packet.payload, maxPayloadBytes);
  return smaller && smallerPacket(packet, smaller);
}
