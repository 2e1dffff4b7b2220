import { createHash } from 'node:crypto';
import type { CommandName, StationCommandName } from '../config/commands.js';
import type { Config, StationConfig } from '../config/schema.js';
import { SideglanceError } from '../errors.js';
import { clockSynced, now } from '../publish/clock.js';
import type { CommandOf, ResultOf, SnapshotProperties } from '../publish/command-messages.js';
import type { HealthMessage } from '../publish/messages.js';
import type { Publisher } from '../publish/publisher.js';
import type { StationCommands as HostCommands } from '../publish/sparkplug/commands.js';
import type { StationStart } from '../station/start.js';
import type { Snapshot } from '../types.js';
import { AuditLog } from './audit-log.js';
import { CommandDesk, type CommandWork, type DeskCounters } from './desk.js';
import type { ModelCommands, ModelOrders } from './models.js';
import { configured, Overrides, type StationOverrides, withOverrides } from './overrides.js';
import type { PaperworkOptions } from './paperwork.js';
import { Rollouts } from './rollouts.js';
import { StationCommands, type StationPort } from './station-commands.js';

export interface CentreEvents {
  /** A change that a command made once and that the configuration takes back. */
  onDropped(dropped: Overrides['dropped'][number]): void;
  onFault(error: SideglanceError): void;
}

type Settings = HealthMessage['stations'][number]['settings'];

/** What commands mean for this device: the changes that hold, and, once it is connected, the desk that takes further ones. */
export class CommandCentre {
  readonly #config: Config;
  readonly #events: CentreEvents;
  readonly #overrides: Overrides | null;
  #desk: CommandDesk | null = null;
  #rollouts: Rollouts | null = null;

  /** Never throws. Without `commands.enabled` nothing that commands have changed holds. */
  constructor(config: Config, events: CentreEvents) {
    this.#config = config;
    this.#events = events;
    this.#overrides = config.commands.enabled ? Overrides.open(config.commands, config.stations) : null;
    for (const dropped of this.#overrides?.dropped ?? []) events.onDropped(dropped);
    if (this.#overrides?.fault) events.onFault(new SideglanceError('SG_STORAGE', this.#overrides.fault));
  }

  /** What the process of a station is given to do. */
  startOf(station: StationConfig, overrides: StationOverrides = this.#held(station)): StationStart {
    const { infer } = this.#config;
    return { station: withOverrides(station, overrides), infer, paused: overrides.paused === true };
  }

  /** For `health`. */
  settingsOf(name: string): Settings {
    const station = this.#config.stations.find((one) => one.name === name) as StationConfig;
    const overrides = this.#held(station);
    const { threshold, exposureMicroseconds, gainDb } = configured(withOverrides(station, overrides));
    return {
      paused: overrides.paused === true,
      falseRejectRate: 'falseRejectRate' in threshold ? threshold.falseRejectRate : null,
      score: 'score' in threshold ? threshold.score : null,
      exposureMicroseconds,
      gainDb,
      byCommand: Object.keys(overrides) as Settings['byCommand'],
    };
  }

  /** Null where commands are not listened to. */
  get counters(): DeskCounters | null {
    return this.#desk === null ? null : { ...this.#desk.counters };
  }

  /**
   * Listens to commands; to be called before the publisher is started.
   * @param ports of the stations, by name; they may come later than this, and before the first command
   * @param report publishes `health`
   */
  listen(
    publisher: Publisher,
    ports: (station: string) => StationPort,
    report: () => HealthMessage,
    models: ModelOrders,
  ): void {
    const { commands, stations, device } = this.#config;
    const overrides = this.#overrides;
    if (overrides === null) return;
    const atStations = new Map<string, StationCommands>();
    const at = (name: string): StationCommands => {
      const known = atStations.get(name);
      if (known !== undefined) return known;
      const station = stations.find((one) => one.name === name) as StationConfig;
      const made = new StationCommands({
        station,
        port: ports(name),
        overrides,
        startOf: (changed) => this.startOf(station, changed),
        publishSnapshot: (snapshot, id) => publishSnapshot(publisher, this.#config, name, snapshot, id),
      });
      atStations.set(name, made);
      return made;
    };
    const papers: PaperworkOptions = {
      device: { site: device.site, line: device.line, name: device.name },
      topics: publisher.topics,
      log: new AuditLog(commands.folder),
      post: (packet) => publisher.post(packet),
      now,
      clockSynced,
      onFault: this.#events.onFault,
    };
    this.#desk = new CommandDesk({
      ...papers,
      topics: publisher.topics,
      config: commands,
      stations: stations.map(({ name }) => name),
      work: workOf(at, report, models.commands),
    });
    const desk = this.#desk;
    this.#rollouts = this.#rolloutsBy(models, papers);
    publisher.listen(
      (message) => (Rollouts.isFor(message.topic) ? this.#rollouts?.receive(message) : desk.receive(message)),
      this.#rollouts?.filters,
    );
  }

  /** Settles when no rollout is under way any longer. */
  async stop(): Promise<void> {
    await this.#rollouts?.stop();
  }

  #rolloutsBy({ ids, rollouts, nowMs }: ModelOrders, papers: PaperworkOptions): Rollouts | null {
    const { allow, folder, perMinute } = this.#config.commands;
    if (allow['model.rollout'] !== 'always' || ids.length === 0) return null;
    return new Rollouts({ ...papers, models: ids, folder, perMinute, work: rollouts, timeMs: nowMs });
  }

  /**
   * What Sparkplug hosts may write: what is allowed for a station at least. Whether it is for the one that is written to, the
   * desk says.
   */
  forHosts(): HostCommands {
    const desk = this.#desk;
    if (desk === null) return {};
    const { threshold, trigger, 'model.activate': activate } = this.#config.commands.allow;
    const order = async (name: CommandName, station: string | null, wanted: Readonly<Record<string, unknown>>) => {
      const { code, message } = await desk.order('sparkplug', name, station, wanted);
      if (code !== null) throw new SideglanceError(code, message ?? '');
    };
    return {
      ...(threshold === 'never'
        ? {}
        : { setThreshold: (station: string, score: number) => order('threshold', station, { score }) }),
      ...(trigger === 'never' ? {} : { trigger: (station: string) => order('trigger', station, {}) }),
      ...(activate === 'never'
        ? {}
        : {
            activateModel: (station: string, written: string) => {
              const [, model = written, version = ''] = /^(.+)@(.+)$/.exec(written) ?? [];
              return order('model.activate', null, { model, version, stations: [station] });
            },
          }),
    };
  }

  #held({ name }: StationConfig): StationOverrides {
    return this.#overrides?.of(name) ?? {};
  }
}

function workOf(
  at: (station: string) => StationCommands,
  report: () => HealthMessage,
  models: ModelCommands,
): CommandWork {
  /** The desk has found the station. */
  const atStation =
    <Name extends StationCommandName>(name: Name) =>
    (wanted: CommandOf<Name>, station: string | null, id: string): Promise<ResultOf<Name>> => {
      const commands = at(station as string);
      const work = commands[name] as (wanted: CommandOf<Name>, id: string) => Promise<ResultOf<Name>>;
      return work.call(commands, wanted, id);
    };
  return {
    trigger: atStation('trigger'),
    snapshot: atStation('snapshot'),
    threshold: atStation('threshold'),
    calibrate: atStation('calibrate'),
    camera: atStation('camera'),
    pause: atStation('pause'),
    resume: atStation('resume'),
    restart: atStation('restart'),
    report: async () => ({ health: report() }),
    'model.install': (wanted, _, id) => models.install(wanted, id),
    'model.activate': (wanted, _, id) => models.activate(wanted, id),
    'model.rollback': (wanted, _, id) => models.rollback(wanted, id),
    'model.confirm': (wanted) => models.confirm(wanted),
  };
}

function publishSnapshot(
  publisher: Publisher,
  { device }: Config,
  station: string,
  { captured, picture }: Snapshot,
  command: string,
): ResultOf<'snapshot'> {
  const { bytes, width, height, mediaType } = picture;
  const topic = publisher.topics.station(station).snapshot;
  const properties: SnapshotProperties = {
    schema: 'sideglance/snapshot/1',
    site: device.site,
    line: device.line,
    device: device.name,
    station,
    command,
    captured: captured.utc,
    width: String(width),
    height: String(height),
  };
  publisher.post({ topic, payload: bytes, contentType: mediaType, retain: false, properties });
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { topic, bytes: bytes.byteLength, sha256, width, height, captured };
}
