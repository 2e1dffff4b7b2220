import { connect, type MqttClient } from 'mqtt';
import { closeAtTheEnd } from '../../support/leftovers.js';
import { type DecodedMetric, type DecodedPayload, decodePayload, encodeCommand } from './decode.js';

/** A message of an edge node, as the host saw it. */
export interface HostMessage {
  readonly verb: string;
  readonly edgeNode: string;
  readonly device: string | null;
  readonly payload: DecodedPayload;
  /** By the names that the births gave to the aliases. */
  readonly metrics: readonly (DecodedMetric & { readonly fullName: string })[];
}

export interface Tag {
  readonly datatype: number;
  value: unknown;
  timestamp: number;
  isStale: boolean;
}

export interface Sample {
  readonly timestamp: number;
  readonly value: unknown;
  readonly isHistorical: boolean;
}

interface NodeView {
  isOnline: boolean;
  bdSeq: number;
  seq: number;
  readonly aliases: Map<number, string>;
  readonly devices: Map<string, { isOnline: boolean }>;
}

/**
 * A Sparkplug host application for the tests, written against the specification (Sparkplug 3.0 §5): it announces itself by
 * STATE, follows births, data and deaths of every edge node, keeps the values and their samples, and notes in `faults`
 * whatever an edge node must not do.
 */
export class SparkplugHost {
  readonly id: string;
  readonly messages: HostMessage[] = [];
  /** By `<edge node>/<metric>` or `<edge node>/<device>/<metric>`. */
  readonly tags = new Map<string, Tag>();
  readonly samples = new Map<string, Sample[]>();
  readonly faults: string[] = [];
  readonly nodes = new Map<string, NodeView>();
  readonly #url: string;
  readonly #group: string;
  readonly #keepaliveSeconds: number;
  #client: MqttClient | null = null;
  #stateTimestamp = 0;
  readonly #changed = new Set<() => void>();

  constructor(url: string, group: string, id: string, keepaliveSeconds = 30) {
    this.#keepaliveSeconds = keepaliveSeconds;
    this.#url = url;
    this.#group = group;
    this.id = id;
    closeAtTheEnd(async () => this.crash());
  }

  get #stateTopic(): string {
    return `spBv1.0/STATE/${this.id}`;
  }

  /** §5.4: will, subscriptions, then the birth of the host, with the time of the will. */
  async goOnline(timestamp = Date.now()): Promise<void> {
    this.#stateTimestamp = timestamp;
    const payload = JSON.stringify({ online: false, timestamp });
    const client = connect(this.#url, {
      protocolVersion: 4,
      clean: true,
      reconnectPeriod: 0,
      keepalive: this.#keepaliveSeconds,
      will: { topic: this.#stateTopic, payload: Buffer.from(payload), qos: 1, retain: true },
    });
    this.#client = client;
    client.on('message', (topic, bytes) => this.#receive(topic, bytes));
    client.on('error', () => {});
    await client.subscribeAsync([`spBv1.0/${this.#group}/#`, this.#stateTopic], { qos: 1 });
    await this.publishState({ online: true, timestamp });
  }

  async publishState(state: object | string): Promise<void> {
    const payload = typeof state === 'string' ? state : JSON.stringify(state);
    await this.#client?.publishAsync(this.#stateTopic, payload, { qos: 1, retain: true });
  }

  get stateTimestamp(): number {
    return this.#stateTimestamp;
  }

  /** §5.14: the death first, then DISCONNECT. */
  async goOffline(): Promise<void> {
    await this.publishState({ online: false, timestamp: Math.max(Date.now(), this.#stateTimestamp) });
    await this.#client?.endAsync();
    this.#client = null;
    for (const node of this.nodes.keys()) this.#markOffline(node);
  }

  /** Goes away without a word; its broker will notice. */
  crash(): void {
    this.#client?.stream?.destroy();
    this.#client?.end(true);
    this.#client = null;
  }

  async rebirth(edgeNode: string): Promise<void> {
    await this.command(edgeNode, null, [{ name: 'Node Control/Rebirth', value: true }]);
  }

  /** NCMD, or DCMD to a device. */
  async command(edgeNode: string, device: string | null, metrics: Parameters<typeof encodeCommand>[1]): Promise<void> {
    await this.publish(edgeNode, device, encodeCommand(Date.now(), metrics));
  }

  async publish(edgeNode: string, device: string | null, payload: Buffer, retain = false): Promise<void> {
    const topic = `spBv1.0/${this.#group}/${device === null ? 'NCMD' : 'DCMD'}/${edgeNode}${device === null ? '' : `/${device}`}`;
    // A retained one is at the broker when this returns.
    await this.#client?.publishAsync(topic, payload, { qos: retain ? 1 : 0, retain });
  }

  /** The alias that a birth gave to a metric. */
  alias(edgeNode: string, name: string): number | undefined {
    return [...(this.nodes.get(edgeNode)?.aliases ?? [])].find(([, full]) => full === name)?.[0];
  }

  tag(name: string): Tag | undefined {
    return this.tags.get(name);
  }

  of(verb: string): HostMessage[] {
    return this.messages.filter((message) => message.verb === verb);
  }

  async until(what: string, isSo: () => boolean, timeoutMs = 20_000): Promise<void> {
    if (isSo()) return;
    await new Promise<void>((done, failed) => {
      const end = (settle: () => void) => {
        clearTimeout(timer);
        this.#changed.delete(look);
        settle();
      };
      const look = () => isSo() && end(done);
      const timer = setTimeout(() => {
        const seen = this.messages.slice(-20).map(({ verb, device }) => `${verb} ${device ?? ''}`);
        end(() => failed(new Error(`${timeoutMs} ms without: ${what}; last messages: ${seen.join(', ')}`)));
      }, timeoutMs);
      this.#changed.add(look);
    });
  }

  #receive(topic: string, bytes: Buffer): void {
    const [, second, verb, edgeNode, device = null] = topic.split('/');
    if (second === 'STATE' || verb === undefined || edgeNode === undefined || verb.endsWith('CMD')) return;
    const payload = decodePayload(bytes);
    const isBirth = verb.endsWith('BIRTH');
    if (isBirth) this.#follow(verb, edgeNode, device, payload);
    const metrics = payload.metrics.map((metric) => ({ ...metric, fullName: this.#nameOf(edgeNode, device, metric) }));
    if (!isBirth) this.#follow(verb, edgeNode, device, payload);
    this.messages.push({ verb, edgeNode, device, payload, metrics });
    if (!verb.endsWith('DEATH')) for (const metric of metrics) this.#take(metric, isBirth);
    for (const look of [...this.#changed]) look();
  }

  #follow(verb: string, edgeNode: string, device: string | null, payload: DecodedPayload): void {
    const where = `${verb} of ${device ?? edgeNode}`;
    if (verb === 'NBIRTH') {
      const bdSeq = payload.metrics.find(({ name }) => name === 'bdSeq')?.value;
      this.nodes.set(edgeNode, {
        isOnline: true,
        bdSeq: Number(bdSeq),
        seq: 0,
        aliases: new Map(),
        devices: new Map(),
      });
      if (payload.seq !== 0) this.faults.push(`${where} has seq ${payload.seq}`);
      this.#learnAliases(edgeNode, device, payload);
      return;
    }
    const node = this.nodes.get(edgeNode);
    if (verb === 'NDEATH') {
      // The death of a connection before the present one says nothing (§5.6).
      if (node && Number(payload.metrics[0]?.value) === node.bdSeq) this.#markOffline(edgeNode);
      return;
    }
    if (!node?.isOnline) {
      this.faults.push(`${where} before any NBIRTH`);
      return;
    }
    const next = (node.seq + 1) % 256;
    if (payload.seq !== next) this.faults.push(`${where} has seq ${payload.seq}, not ${next}`);
    node.seq = payload.seq ?? next;
    if (verb === 'DBIRTH' && device !== null) {
      node.devices.set(device, { isOnline: true });
      this.#learnAliases(edgeNode, device, payload);
    }
    if (verb === 'DDATA' && !node.devices.get(device ?? '')?.isOnline) this.faults.push(`${where} before its DBIRTH`);
    if (verb === 'DDEATH' && device !== null) {
      node.devices.set(device, { isOnline: false });
      this.#markStale(`${edgeNode}/${device}/`);
    }
  }

  #learnAliases(edgeNode: string, device: string | null, { metrics }: DecodedPayload): void {
    const aliases = this.nodes.get(edgeNode)?.aliases;
    for (const { name, alias } of metrics) {
      if (alias === null || name === null) continue;
      const full = `${edgeNode}/${device === null ? '' : `${device}/`}${name}`;
      const other = aliases?.get(alias);
      if (other !== undefined && other !== full) this.faults.push(`alias ${alias} of ${full} is that of ${other}`);
      aliases?.set(alias, full);
    }
  }

  #nameOf(edgeNode: string, device: string | null, { name, alias }: DecodedMetric): string {
    if (name !== null) return `${edgeNode}/${device === null ? '' : `${device}/`}${name}`;
    const known = this.nodes.get(edgeNode)?.aliases.get(alias ?? -1);
    if (known === undefined) this.faults.push(`the alias ${alias} of ${device ?? edgeNode} was in no birth`);
    return known ?? `${edgeNode}/?`;
  }

  #take(metric: HostMessage['metrics'][number], isBirth: boolean): void {
    const { fullName, value, isNull, isHistorical, datatype } = metric;
    const timestamp = metric.timestamp ?? 0;
    const known = this.tags.get(fullName);
    const samples = this.samples.get(fullName) ?? [];
    samples.push({ timestamp, value: isNull ? null : value, isHistorical });
    this.samples.set(fullName, samples);
    if (isHistorical) return;
    if (isBirth) this.tags.set(fullName, { datatype: datatype ?? 0, value, timestamp, isStale: false });
    else if (known) Object.assign(known, { value, timestamp, isStale: false });
  }

  #markOffline(edgeNode: string): void {
    const node = this.nodes.get(edgeNode);
    if (!node) return;
    node.isOnline = false;
    for (const device of node.devices.values()) device.isOnline = false;
    this.#markStale(`${edgeNode}/`);
  }

  #markStale(prefix: string): void {
    for (const [name, tag] of this.tags) if (name.startsWith(prefix)) tag.isStale = true;
  }
}
