import { monitorEventLoopDelay } from 'node:perf_hooks';
import { isatty } from 'node:tty';
import { fileURLToPath } from 'node:url';
import { CommandCentre } from './commands/centre.js';
import { loadConfig } from './config/load.js';
import type { Config, StationConfig } from './config/schema.js';
import { reasonOf, SideglanceError } from './errors.js';
import { AGENT_VERSION } from './model/version.js';
import type { EmbeddedBroker } from './publish/broker.js';
import { now } from './publish/clock.js';
import type { HealthMessage } from './publish/messages.js';
import { outboxFromConfig } from './publish/outbox/from-config.js';
import { openOutbox } from './publish/outbox/open.js';
import { type HealthReport, Publisher } from './publish/publisher.js';
import type { EdgeNode } from './publish/sparkplug/edge-node.js';
import type { AlarmChange } from './service/alarms/alarms.js';
import { AlarmKeeper } from './service/alarms/keeper.js';
import { Diary } from './service/diary.js';
import { HEALTH_LIMITS, healthReport } from './service/health-report.js';
import { isJournal, withPriority } from './service/journal.js';
import { Lifeline } from './service/lifeline.js';
import { EventLog } from './service/log.js';
import { Monitoring } from './service/monitoring.js';
import { ServiceManager, takeSummons } from './service/notify.js';
import { Output } from './service/output.js';
import { Redaction } from './service/redaction.js';
import { nextSignal } from './service/stop-signal.js';
import { brokerAccess, greeting, noticeLine, partLine, type TerminalOptions, wantsColour } from './service/terminal.js';
import type { StationStart } from './station/start.js';
import { StationSupervisor, SUPERVISION_LIMITS, type SupervisionLimits } from './supervision/station-supervisor.js';
import { keeperFromConfig } from './updates/from-config.js';
import type { ModelKeeper } from './updates/model-keeper.js';
import { ModelUpdates } from './updates/model-updates.js';

export const AGENT_LIMITS = {
  healthEveryMs: 5_000,
  /** The bounds of a stop add up to less than 2 s: updates, stations, what is still to be sent, goodbye, outbox, broker. */
  stationStopMs: 1_000,
  updatesStopMs: 300,
  drainMs: 200,
  farewellMs: 200,
  brokerStopMs: 100,
} as const;

const STATION_LIMITS: SupervisionLimits = {
  ...SUPERVISION_LIMITS,
  process: { ...SUPERVISION_LIMITS.process, stopWithinMs: AGENT_LIMITS.stationStopMs },
};

const STATION_PROGRAM = fileURLToPath(new URL('./station.js', import.meta.url));

/**
 * Runs the daemon until it is told to stop (SIGINT, SIGTERM or SIGHUP), and returns the exit code of the process. The
 * second such signal ends the process at once.
 *
 * @throws SideglanceError when it cannot start: SG_BROKER, SG_CONFIG_INVALID, SG_STORAGE
 */
export async function runAgent(config: Config): Promise<number> {
  const agent = new Agent(config);
  const signal = nextSignal();
  process.on('SIGUSR2', () => agent.readLevels());
  try {
    await agent.start();
  } catch (thrown) {
    await agent.stop();
    throw thrown;
  }
  agent.log.event('info', 'agent.stopping', { signal: await signal });
  await agent.stop();
  return 0;
}

/** The daemon: one process per station, one publisher for all of them. */
export class Agent {
  readonly log: EventLog;
  readonly #diary: Diary;
  readonly #config: Config;
  readonly #standardOutput = new Output(1);
  readonly #standardError = new Output(2);
  readonly #terminal: TerminalOptions;
  readonly #keeper: AlarmKeeper;
  readonly #lag = monitorEventLoopDelay({ resolution: HEALTH_LIMITS.lagResolutionMs });
  readonly #startedMs = performance.now();
  #stations: StationSupervisor<StationStart>[] = [];
  #broker: EmbeddedBroker | null = null;
  #publisher: Publisher | null = null;
  readonly #commands: CommandCentre;
  #edgeNode: EdgeNode | null = null;
  #monitoring: Monitoring | null = null;
  #models: ModelKeeper | null = null;
  #updates: ModelUpdates | null = null;
  #healthTimer: NodeJS.Timeout | undefined;
  #lifeline: Lifeline | null = null;

  constructor(config: Config) {
    this.#config = config;
    this.#terminal = {
      colour: wantsColour(isatty(1), process.env),
      stationWidth: Math.max(...config.stations.map(({ name }) => name.length)),
    };
    const interactive = isatty(1) && isatty(2);
    const output = isJournal(2) ? withPriority(this.#standardError) : this.#standardError;
    this.log = new EventLog({ config: config.log, output, redaction: Redaction.of(config), interactive });
    this.#diary = new Diary(this.log);
    this.#commands = new CommandCentre(config, {
      onDropped: (dropped) => this.log.event('warn', 'command.dropped', { ...dropped }),
      onFault: ({ code, message }) => this.log.event('error', 'command.fault', { code, message }),
    });
    this.#keeper = new AlarmKeeper({
      stations: config.stations,
      folder: config.stateFolder,
      now,
      onChange: (change) => this.#tellAlarm(change),
      onFault: ({ code, message }) => this.log.event('warn', 'alarm.memory', { code, message }),
    });
  }

  /**
   * @throws SideglanceError SG_BROKER where the embedded broker cannot listen or the URL is none of a broker, SG_STORAGE
   * where another process uses a store or its disk cannot keep what `sync: every` promises, SG_HTTP where metrics and
   * health cannot be served
   */
  async start(): Promise<void> {
    const { device, mqtt, stations } = this.#config;
    const { embedded, url, outbox: outboxConfig, ...session } = mqtt;
    // Before there are processes that would inherit it.
    const summons = takeSummons();
    // The store is looked through by a process of its own meanwhile.
    const [outbox] = await Promise.all([
      openOutbox(outboxFromConfig(outboxConfig)),
      url === undefined ? this.#startBroker(embedded) : null,
    ]);
    this.#diary.outbox(outbox.alarm);
    outbox.onAlarm(() => this.#diary.outbox(outbox.alarm));
    const { drainMs, farewellMs } = AGENT_LIMITS;
    const publisher = new Publisher({
      device,
      agentVersion: AGENT_VERSION,
      mqtt:
        this.#broker === null
          ? { ...session, url: url as string }
          : { ...session, url: this.#broker.url, protocolVersion: 4 },
      outbox,
      limits: { drainMs, farewellMs },
    });
    publisher.on('state', (state) => this.#diary.broker(state));
    publisher.on('refused', ({ code, message }) => this.log.event('error', 'broker.refused', { code, message }));
    publisher.on('fault', ({ code, message }) => this.log.event('error', 'broker.fault', { code, message }));
    const monitoring = this.#monitor(publisher);
    publisher.on('delivered', (station, ms) => monitoring.countDelivery(station, ms));
    await monitoring.start();
    const supervisors = new Map<string, StationSupervisor<StationStart>>();
    const updates = new ModelUpdates(this.#config, {
      publish: (reports) => publisher.publishUpdates(reports),
      onEvent: (...event) => this.log.event(...event),
      onPhase: (report) => this.#diary.update(report),
      onFault: ({ code, message }) => this.log.event('error', 'model.unreported', { code, message }),
    });
    this.#updates = updates;
    this.#commands.listen(
      publisher,
      (name) => supervisors.get(name) as StationSupervisor<StationStart>,
      () => this.#publishHealth(publisher),
      updates,
    );
    publisher.start();
    this.#publisher = publisher;
    this.#monitoring = monitoring;
    const embeddedUrl = this.#broker?.url ?? null;
    if (this.#config.sparkplug.enabled) {
      const { openEdgeNode } = await import('./publish/sparkplug/from-config.js');
      const commands = this.#commands.forHosts();
      const surroundings = { agentVersion: AGENT_VERSION, embeddedUrl, commands, limits: { drainMs, farewellMs } };
      this.#edgeNode = await openEdgeNode(this.#config, surroundings);
      if (this.#edgeNode) {
        this.#diary.follow(this.#edgeNode);
        this.#edgeNode.start();
      }
    }

    this.#standardOutput.write(
      greeting({
        version: AGENT_VERSION,
        broker: brokerAccess(this.#broker?.url ?? (url as string), mqtt.username !== undefined),
        rootTopic: publisher.topics.root,
        stations: stations.map(({ name }) => name),
      }),
    );
    this.log.event('info', 'agent.started', { version: AGENT_VERSION, pid: process.pid, config: this.#config.file });
    this.#stations = stations.map((station) => this.#supervise(station, publisher, monitoring));
    for (const station of this.#stations) supervisors.set(station.name, station);
    this.#models = keeperFromConfig(this.#config, this.#stations, {
      onEvent: (...event) => this.log.event(...event),
      onState: (state) => updates.follow(state),
      onNotPromoted: (bundle, reason) => updates.notPromoted(bundle, reason),
    });
    this.#models.start();
    updates.start();
    for (const station of this.#stations) station.start();
    this.#keeper.start();
    this.#lag.enable();
    this.#healthTimer = setInterval(() => this.#publishHealth(publisher), AGENT_LIMITS.healthEveryMs);
    if (summons !== null) this.#answer(new ServiceManager(summons), publisher);
  }

  /** Lets every station finish its part, sends what is still to be sent, and leaves no process behind; takes less than 2 s. */
  async stop(): Promise<void> {
    clearInterval(this.#healthTimer);
    this.#lifeline?.stopping();
    await this.#monitoring?.close();
    this.#lag.disable();
    await Promise.all([this.#models?.stop(), within(AGENT_LIMITS.updatesStopMs, this.#stopUpdates())]);
    await Promise.all(this.#stations.map((station) => station.stop()));
    await this.#keeper.stop();
    const [left] = await Promise.all([this.#publisher?.stop(), this.#edgeNode?.stop()]);
    await within(AGENT_LIMITS.brokerStopMs, this.#broker?.stop());
    this.log.event('info', 'agent.stopped', { undelivered: left?.undelivered ?? 0 });
    this.log.close();
    await Promise.all([this.#standardOutput.close(), this.#standardError.close()]);
  }

  async #stopUpdates(): Promise<void> {
    // Those that a rollout has asked for wait for it, and are not refused.
    await this.#commands.stop();
    await this.#updates?.stop();
  }

  /** What is not in use need not be loaded: a start is mostly that. */
  async #startBroker(options: Config['mqtt']['embedded']): Promise<void> {
    const { startEmbeddedBroker } = await import('./publish/broker.js');
    this.#broker = await startEmbeddedBroker(options);
  }

  #answer(manager: ServiceManager, publisher: Publisher): void {
    this.#lifeline = new Lifeline({
      watchdogMs: manager.watchdogMs,
      tell: (state) => manager.tell(state),
      look: () => ({ stations: this.#stations.map((station) => station.snapshot()), broker: publisher.state }),
      onReady: () => {
        this.#publishHealth(publisher);
        this.log.event('info', 'agent.ready');
      },
      onStuck: (stations) => this.log.event('error', 'agent.stuck', { stations }),
    });
    this.#lifeline.start();
  }

  #monitor(publisher: Publisher): Monitoring {
    return new Monitoring({
      http: this.#config.http,
      stations: this.#config.stations,
      health: () => this.#health(publisher),
      read: () => ({
        alarms: this.#keeper.alarms,
        outboxAgeMs: publisher.oldestAgeMs(),
        droppedOutput: { stdout: this.#standardOutput.dropped, stderr: this.#standardError.dropped },
      }),
      onFault: (path, thrown) => this.log.event('error', 'http.fault', { path, message: reasonOf(thrown) }),
    });
  }

  /** Reads the levels of the log again; everything else in the file waits for the next start. */
  readLevels(): void {
    try {
      this.log.setLevels(loadConfig(this.#config.file).log);
    } catch (thrown) {
      const code = thrown instanceof SideglanceError ? thrown.code : 'SG_CONFIG_INVALID';
      this.log.event('error', 'log.levels-kept', { code, message: reasonOf(thrown) });
    }
  }

  #supervise(station: StationConfig, publisher: Publisher, monitoring: Monitoring): StationSupervisor<StationStart> {
    const { name, deadlineMs } = station;
    return new StationSupervisor<StationStart>({
      name,
      entry: STATION_PROGRAM,
      start: this.#commands.startOf(station),
      deadlineMs,
      limits: STATION_LIMITS,
      events: {
        onAnswer: (inspection, attachments) => {
          monitoring.countPart(inspection);
          this.#keeper.add(inspection);
          this.#models?.add(inspection);
          const { seq } = publisher.publishInspection(inspection, attachments);
          this.#edgeNode?.publishInspection(inspection);
          this.#diary.part(inspection, seq);
          this.#standardOutput.write(partLine(inspection, this.#terminal));
        },
        onCamera: (report) => {
          publisher.publishCamera(name, report);
          this.#edgeNode?.publishCamera(name, report);
          this.#standardOutput.write(
            noticeLine(report.at, name, `camera ${report.state}`, report.reason, this.#terminal),
          );
          this.log.event(report.state === 'lost' ? 'warn' : 'info', 'camera.state', { station: name, ...report });
        },
        onModel: (inUse) => {
          publisher.publishModel(name, inUse);
          this.#edgeNode?.publishModel(name, inUse);
        },
        onBundle: (report) => this.#models?.report(name, report),
        onEvent: (level, event, fields) => {
          if (event === 'station.building') this.#tellBuild(station.name, fields);
          this.log.event(level, event, fields);
        },
      },
    });
  }

  #tellBuild(station: string, { provider, phase }: Readonly<Record<string, unknown>>): void {
    const at = { utc: new Date().toISOString(), monotonicMs: Number(process.hrtime.bigint()) / 1e6 };
    const what = phase === 'waiting' ? 'waiting for another build' : `building an engine for ${provider}`;
    this.#standardOutput.write(noticeLine(at, station, what, 'this takes minutes', this.#terminal));
  }

  #tellAlarm({ raised, ...what }: AlarmChange): void {
    this.log.event(raised ? 'warn' : 'info', raised ? 'alarm.raised' : 'alarm.cleared', what);
    if (this.#publisher !== null) this.#publishHealth(this.#publisher);
  }

  #publishHealth(publisher: Publisher): HealthMessage {
    const report = this.#report(publisher);
    publisher.publishHealth(report);
    this.#lag.reset();
    this.#edgeNode?.refresh();
    return publisher.health(report);
  }

  #health(publisher: Publisher): HealthMessage {
    return publisher.health(this.#report(publisher));
  }

  #report(publisher: Publisher): HealthReport {
    return healthReport({
      snapshots: this.#stations.map((station) => station.snapshot()),
      settingsOf: (station) => this.#commands.settingsOf(station),
      commands: this.#commands.counters,
      alarms: this.#keeper.alarms,
      publishing: publisher.counters(),
      sparkplug: this.#edgeNode?.health ?? null,
      startedMs: this.#startedMs,
      lag: this.#lag,
    });
  }
}

async function within(ms: number, work: Promise<void> | undefined): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const bound = new Promise<void>((done) => {
    timer = setTimeout(done, ms);
  });
  await Promise.race([work, bound]);
  clearTimeout(timer);
}
