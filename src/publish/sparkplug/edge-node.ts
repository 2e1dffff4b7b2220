import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { SideglanceError } from '../../errors.js';
import type { Inspection, ModelInUse } from '../../types.js';
import { clockSynced, now } from '../clock.js';
import type { CameraEvent } from '../compose.js';
import type { SparkplugHealth } from '../health-message.js';
import { Outbox } from '../outbox/outbox.js';
import { BirthDeathSequence } from './birth-death-sequence.js';
import { Connector, type EdgeNodeState } from './connector.js';
import { DataFlow } from './data-flow.js';
import { Device, type DeviceOptions } from './device.js';
import type { Link, Message } from './link.js';
import { MetricSet, type Values } from './metric-set.js';
import { BIRTH_DEATH_SEQUENCE, NEXT_SERVER, nodeDefinitions, REBIRTH } from './node-metrics.js';
import { EDGE_NODE_LIMITS, type EdgeNodeLimits, type EdgeNodeOptions, RESEND_MS } from './options.js';
import { decodeCommand, encodePayload, type Metric, type Written } from './payload.js';
import { SessionRecord, storeCounts } from './session-record.js';
import { SparkplugTopics, stateTopic } from './topics.js';

export type { EdgeNodeState } from './connector.js';

export interface EdgeNodeEvents {
  /** Every change, also each failed attempt. */
  state: [EdgeNodeState];
  /** A command that is none: where it came, and why. */
  malformed: [topic: string, fault: string];
  /** What is wrong with the store or the file of bdSeq has changed; null: nothing is. */
  alarm: [string | null];
}

interface Session {
  readonly link: Link;
  readonly bdSeq: number;
  readonly maxPacketBytes: number | null;
  /** Of the next message (tck-id-payloads-sequence-num-incrementing). */
  seq: number;
  /** The message up to which a birth is not confirmed; null: it is. */
  birthUpTo: number | null;
  wantsRebirth: boolean;
}

const LIMITS = {
  /** Room for topic and headers around a payload (MQTT 5 §3.3). */
  headerBytes: 512,
  /** A host writes a few metrics at a time. */
  metricsOfCommand: 64,
} as const;

/**
 * This agent as an edge node of Sparkplug B 3.0, with each station as a device. No call waits for the broker and none fails
 * because of it: what cannot be sent yet waits in the outbox, within its bounds, and is sent as history.
 */
export class EdgeNode extends EventEmitter<EdgeNodeEvents> {
  readonly #topics: SparkplugTopics;
  readonly #limits: EdgeNodeLimits;
  readonly #outbox: Outbox;
  readonly #sequence: BirthDeathSequence;
  readonly #node: MetricSet;
  readonly #devices = new Map<string, Device>();
  readonly #flow: DataFlow;
  readonly #connector: Connector;
  #session: Session | null = null;
  readonly #record = new SessionRecord();
  readonly #primaryHost: string | null;

  /** @throws SideglanceError SG_CONFIG_INVALID for an id that no topic can have, SG_BROKER for a URL of no broker */
  constructor(options: EdgeNodeOptions) {
    super();
    const { groupId, edgeNodeId, primaryHost, brokers, commands = {} } = options;
    this.#topics = new SparkplugTopics(groupId, edgeNodeId);
    this.#primaryHost = primaryHost ?? null;
    this.#limits = { ...EDGE_NODE_LIMITS, ...options.limits };
    this.#outbox = options.outbox ?? new Outbox();
    this.#outbox.onAlarm(() => this.emit('alarm', this.alarm));
    this.#sequence = BirthDeathSequence.open(options.bdSeqFile ?? null);
    let alias = 0;
    const nextAlias = () => ++alias;
    this.#node = new MetricSet(
      nodeDefinitions(options.agentVersion, Date.now(), brokers.length > 1),
      nextAlias,
      Date.now(),
    );
    const run = randomUUID();
    for (const { name, regions } of options.stations) {
      this.#topics.device('DBIRTH', name);
      if (this.#devices.has(name)) {
        // tck-id-topic-structure-namespace-unique-device-id
        throw new SideglanceError('SG_CONFIG_INVALID', `two stations have the name ${name}: give each one of its own`);
      }
      const store: DeviceOptions['store'] = (device, update) => this.#flow.store(device, update);
      this.#devices.set(name, new Device({ id: name, regions, commands, run, nextAlias, monotonicMs, store }));
    }
    this.#flow = new DataFlow(this.#outbox, this.#devices, this.#limits, options.resendMs ?? RESEND_MS, monotonicMs);
    const writable = [...this.#devices.values()].filter(({ metrics }) => metrics.hasWritable);
    this.#connector = new Connector(
      {
        brokers,
        primaryHost: primaryHost === undefined ? null : { id: primaryHost, topic: stateTopic(primaryHost) },
        commandTopics: [this.#topics.node('NCMD'), ...writable.map(({ id }) => this.#topics.device('DCMD', id))],
        sequence: this.#sequence,
        limits: this.#limits,
      },
      {
        state: (state) => this.#enter(state),
        death: (bdSeq) => this.#death(bdSeq),
        begin: (link, bdSeq, maxPacketBytes) => this.#begin(link, bdSeq, maxPacketBytes),
        confirmed: (messages) => this.#confirmed(messages),
        command: (topic, payload) => this.#command(topic, payload),
        end: () => this.#end(),
      },
    );
  }

  get state(): EdgeNodeState {
    return this.#record.state;
  }

  /** What is wrong with the store or with the file of bdSeq; null when nothing is. */
  get alarm(): string | null {
    return this.#outbox.alarm ?? this.#sequence.fault;
  }

  /** What `health` says about it. */
  get health(): SparkplugHealth {
    return this.#record.health(this.#primaryHost, this.#outbox.counters(), this.alarm);
  }

  /** Begins to connect and returns at once. */
  start(): void {
    this.#connector.start();
  }

  /** Sends what may be sent (bounded by `drainMs`), says NDEATH (bounded by `farewellMs`) and closes. */
  async stop(): Promise<{ readonly undelivered: number }> {
    await this.#flow.drain(this.#limits.drainMs);
    this.#flow.forgetRecent();
    await this.#connector.stop();
    const undelivered = this.#outbox.waiting;
    await this.#outbox.close();
    return { undelivered };
  }

  publishInspection(inspection: Inspection): void {
    this.#devices.get(inspection.part.station)?.takeInspection(inspection);
  }

  publishCamera(station: string, event: CameraEvent): void {
    this.#devices.get(station)?.takeCamera(event);
  }

  /** Also decides whether the device is there: it is while the station runs a model. */
  publishModel(station: string, inUse: ModelInUse): void {
    const device = this.#devices.get(station);
    if (!device) return;
    device.takeModel(inUse);
    if (!this.#session || device.isRunning === device.isBorn) return;
    if (device.isRunning) this.#bearDevice(this.#session, device);
    else this.#buryDevice(this.#session, device);
    this.#flow.pump();
  }

  /** To be called every few seconds: rates and what the node says about itself. */
  refresh(): void {
    for (const device of this.#devices.values()) device.refresh();
    const { waiting, dropped } = storeCounts(this.#outbox.counters());
    const values: Values = {
      'Agent/Clock Synced': clockSynced(),
      'Store/Waiting': waiting,
      'Store/Dropped': dropped,
      'Store/Alarm': this.alarm,
    };
    const timestamp = Date.now();
    if (!this.#node.set(values, timestamp) || !this.#session) return;
    const metrics = this.#node.changes(values, timestamp);
    if (metrics.length > 0) this.#publish(this.#session, this.#topics.node('NDATA'), metrics);
  }

  #enter(state: EdgeNodeState): void {
    this.#record.follow(state);
    this.emit('state', state);
  }

  /** tck-id-topics-ndeath-payload: bdSeq and nothing else, and no seq. */
  #death(bdSeq: number): Message {
    const timestamp = Date.now();
    const metric: Metric = { name: BIRTH_DEATH_SEQUENCE, timestamp, type: 'Int64', isTyped: true, value: bdSeq };
    return { topic: this.#topics.node('NDEATH'), payload: encodePayload(timestamp, [metric], null) };
  }

  #begin(link: Link, bdSeq: number, maxPacketBytes: number | null): void {
    this.#session = { link, bdSeq, maxPacketBytes, seq: 0, birthUpTo: null, wantsRebirth: false };
    this.#bear(this.#session);
  }

  #end(): void {
    this.#session = null;
    for (const device of this.#devices.values()) device.die();
    this.#flow.close();
  }

  /** NBIRTH, then every DBIRTH, then data (tck-id-payloads-dbirth-order, tck-id-payloads-ddata-order). */
  #bear(session: Session): void {
    // tck-id-topics-nbirth-seq-num
    session.seq = 0;
    this.#node.set({ [BIRTH_DEATH_SEQUENCE]: session.bdSeq }, Date.now());
    this.#publish(session, this.#topics.node('NBIRTH'), this.#node.birth());
    this.#record.countBirth();
    for (const device of this.#devices.values()) if (device.isRunning) this.#bearDevice(session, device);
    // The broker does not take births of that size: there is no session any more.
    if (this.#session !== session) return;
    session.birthUpTo = session.link.publishedCount;
    session.link.ping();
    this.#flow.open({
      get publishedCount() {
        return session.link.publishedCount;
      },
      publish: (deviceId, metrics) => this.#publish(session, this.#topics.device('DDATA', deviceId), metrics),
      ping: () => session.link.ping(),
    });
  }

  #bearDevice(session: Session, device: Device): void {
    this.#publish(session, this.#topics.device('DBIRTH', device.id), device.birth());
  }

  /** What was measured before the death goes ahead of it (tck-id-operational-behavior-device-ddeath). */
  #buryDevice(session: Session, device: Device): void {
    this.#flow.pump();
    device.die();
    this.#publish(session, this.#topics.device('DDEATH', device.id), []);
  }

  /** Returns the bytes of the payload, or null for a DDATA that is too large for the broker; nothing is sent then. */
  #publish(session: Session, topic: string, metrics: readonly Metric[]): number | null {
    const payload = encodePayload(Date.now(), metrics, session.seq);
    if (session.maxPacketBytes !== null && payload.byteLength + LIMITS.headerBytes > session.maxPacketBytes) {
      if (topic.includes('/DDATA/')) return null;
      session.link.abandon(
        `takes packets of at most ${session.maxPacketBytes} bytes, too few for ${topic}: raise its limit`,
      );
      return null;
    }
    session.seq = (session.seq + 1) % 256;
    session.link.publish({ topic, payload });
    return payload.byteLength;
  }

  #confirmed(messages: number): void {
    const session = this.#session;
    if (session && session.birthUpTo !== null && messages >= session.birthUpTo) {
      session.birthUpTo = null;
      if (session.wantsRebirth) this.#rebirth(session);
    }
    this.#flow.confirmed(messages);
  }

  #command(topic: string, payload: Uint8Array): void {
    const session = this.#session;
    if (!session) return;
    const command = decodeCommand(payload);
    if ('fault' in command || command.metrics.length > LIMITS.metricsOfCommand) {
      this.emit('malformed', topic, 'fault' in command ? command.fault : `${command.metrics.length} metrics at once`);
      return;
    }
    if (topic === this.#topics.node('NCMD')) {
      for (const metric of command.metrics) this.#writeNode(session, metric);
      return;
    }
    const device = [...this.#devices.values()].find(({ id }) => topic === this.#topics.device('DCMD', id));
    for (const metric of command.metrics) device?.write(metric);
  }

  #writeNode(session: Session, metric: Written): void {
    if (metric.value !== true) return;
    switch (this.#node.writable(metric)?.name) {
      case REBIRTH:
        this.#rebirth(session);
        break;
      case NEXT_SERVER:
        this.#connector.goToNext('a host has asked for the next server');
        break;
    }
  }

  /**
   * All births again, with the same bdSeq (tck-id-operational-behavior-data-commands-rebirth-action-1 to -3). Hosts that ask again
   * before the broker has the last ones are answered together, after it.
   */
  #rebirth(session: Session): void {
    session.wantsRebirth = session.birthUpTo !== null;
    if (session.wantsRebirth) return;
    this.#flow.close();
    this.#bear(session);
  }
}

function monotonicMs(): number {
  return now().monotonicMs;
}
