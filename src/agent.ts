import { monitorEventLoopDelay } from 'node:perf_hooks';
import { isatty } from 'node:tty';
import { fileURLToPath } from 'node:url';
import type { Config, StationConfig } from './config/schema.js';
import { AGENT_VERSION } from './model/version.js';
import { type EmbeddedBroker, startEmbeddedBroker } from './publish/broker.js';
import { outboxFromConfig } from './publish/outbox/from-config.js';
import { openOutbox } from './publish/outbox/open.js';
import { type HealthReport, Publisher } from './publish/publisher.js';
import type { SessionState } from './publish/session.js';
import type { EdgeNode, EdgeNodeState } from './publish/sparkplug/edge-node.js';
import { openEdgeNode } from './publish/sparkplug/from-config.js';
import { createEventLog, type EventLog } from './service/log.js';
import { Output } from './service/output.js';
import { brokerAccess, greeting, noticeLine, partLine, type TerminalOptions, wantsColour } from './service/terminal.js';
import type { StationStart } from './station/start.js';
import {
  type StationSnapshot,
  StationSupervisor,
  SUPERVISION_LIMITS,
  type SupervisionLimits,
} from './supervision/station-supervisor.js';

export const AGENT_LIMITS = {
  healthEveryMs: 5_000,
  /** The bounds of a stop add up to less than 2 s: stations, what is still to be sent, goodbye, outbox, broker. */
  stationStopMs: 1_000,
  drainMs: 200,
  farewellMs: 200,
  brokerStopMs: 100,
  /** Granularity at which the event loop is watched. */
  lagResolutionMs: 10,
  /** A Ctrl-C may reach the process twice, from the terminal and from the `npm` that started it. */
  sameSignalWithinMs: 500,
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
  readonly #config: Config;
  readonly #standardOutput = new Output(1);
  readonly #standardError = new Output(2);
  readonly #terminal: TerminalOptions;
  readonly #lag = monitorEventLoopDelay({ resolution: AGENT_LIMITS.lagResolutionMs });
  readonly #startedMs = performance.now();
  #stations: StationSupervisor<StationStart>[] = [];
  #broker: EmbeddedBroker | null = null;
  #publisher: Publisher | null = null;
  #edgeNode: EdgeNode | null = null;
  #healthTimer: NodeJS.Timeout | undefined;
  #hasAlarm = false;

  constructor(config: Config) {
    this.#config = config;
    this.#terminal = {
      colour: wantsColour(isatty(1), process.env),
      stationWidth: Math.max(...config.stations.map(({ name }) => name.length)),
    };
    const interactive = isatty(1) && isatty(2);
    this.log = createEventLog(config.log, this.#standardError, interactive);
  }

  /**
   * @throws SideglanceError SG_BROKER where the embedded broker cannot listen or the URL is none of a broker, SG_STORAGE
   * where another process uses a store or its disk cannot keep what `sync: every` promises
   */
  async start(): Promise<void> {
    const { device, mqtt, stations } = this.#config;
    const { embedded, url, outbox: outboxConfig, ...session } = mqtt;
    if (url === undefined) this.#broker = await startEmbeddedBroker(embedded);
    const outbox = await openOutbox(outboxFromConfig(outboxConfig));
    this.#logAlarm(outbox.alarm);
    outbox.onAlarm(() => this.#logAlarm(outbox.alarm));
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
    publisher.on('state', (state) => this.#logBroker(state));
    publisher.on('refused', ({ code, message }) => this.log.event('error', 'broker.refused', { code, message }));
    publisher.on('fault', ({ code, message }) => this.log.event('error', 'broker.fault', { code, message }));
    publisher.start();
    this.#publisher = publisher;
    const embeddedUrl = this.#broker?.url ?? null;
    const limits = { drainMs, farewellMs };
    this.#edgeNode = await openEdgeNode(this.#config, { agentVersion: AGENT_VERSION, embeddedUrl, limits });
    if (this.#edgeNode) this.#startEdgeNode(this.#edgeNode);

    this.#standardOutput.write(
      greeting({
        version: AGENT_VERSION,
        broker: brokerAccess(this.#broker?.url ?? (url as string), mqtt.username !== undefined),
        rootTopic: publisher.topics.root,
        stations: stations.map(({ name }) => name),
      }),
    );
    this.log.event('info', 'agent.started', { version: AGENT_VERSION, pid: process.pid, config: this.#config.file });
    this.#stations = stations.map((station) => this.#supervise(station, publisher));
    for (const station of this.#stations) station.start();
    this.#lag.enable();
    this.#healthTimer = setInterval(() => this.#publishHealth(publisher), AGENT_LIMITS.healthEveryMs);
  }

  /** Lets every station finish its part, sends what is still to be sent, and leaves no process behind; takes less than 2 s. */
  async stop(): Promise<void> {
    clearInterval(this.#healthTimer);
    this.#lag.disable();
    await Promise.all(this.#stations.map((station) => station.stop()));
    const [left] = await Promise.all([this.#publisher?.stop(), this.#edgeNode?.stop()]);
    await within(AGENT_LIMITS.brokerStopMs, this.#broker?.stop());
    this.log.event('info', 'agent.stopped', { undelivered: left?.undelivered ?? 0 });
    await Promise.all([this.#standardOutput.close(), this.#standardError.close()]);
  }

  #supervise(station: StationConfig, publisher: Publisher): StationSupervisor<StationStart> {
    const { name, deadlineMs } = station;
    return new StationSupervisor<StationStart>({
      name,
      entry: STATION_PROGRAM,
      start: { station, infer: this.#config.infer },
      deadlineMs,
      limits: STATION_LIMITS,
      events: {
        onAnswer: (inspection, attachments) => {
          publisher.publishInspection(inspection, attachments);
          this.#edgeNode?.publishInspection(inspection);
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

  #logBroker(state: SessionState): void {
    if (state.state !== 'offline') this.log.event('info', 'broker.state', state);
    else {
      const { broker, reason, error, retryInMs } = state;
      this.log.event('warn', 'broker.state', { state: 'offline', broker, reason, code: error.code, retryInMs });
    }
  }

  #startEdgeNode(edgeNode: EdgeNode): void {
    const logAlarm = (alarm: string | null) => {
      if (alarm === null) this.log.event('info', 'sparkplug.mended');
      else this.log.event('error', 'sparkplug.alarm', { code: 'SG_STORAGE', message: alarm });
    };
    if (edgeNode.alarm !== null) logAlarm(edgeNode.alarm);
    edgeNode.on('alarm', logAlarm);
    edgeNode.on('state', (state) => this.#logSparkplug(state));
    edgeNode.on('malformed', (topic, fault) => this.log.event('warn', 'sparkplug.malformed', { topic, fault }));
    edgeNode.start();
  }

  #logSparkplug(state: EdgeNodeState): void {
    if (state.state !== 'offline') this.log.event('info', 'sparkplug.state', state);
    else {
      const { error, ...rest } = state;
      this.log.event('warn', 'sparkplug.state', { ...rest, ...(error ? { code: error.code } : {}) });
    }
  }

  /** What is wrong with the store of messages; it stands in `health` as well. */
  #logAlarm(alarm: string | null): void {
    if (alarm !== null) this.log.event('error', 'outbox.alarm', { code: 'SG_STORAGE', message: alarm });
    else if (this.#hasAlarm) this.log.event('info', 'outbox.mended');
    this.#hasAlarm = alarm !== null;
  }

  #publishHealth(publisher: Publisher): void {
    const eventLoopLagMs = Math.max(0, this.#lag.max / 1e6 - AGENT_LIMITS.lagResolutionMs);
    this.#lag.reset();
    this.#edgeNode?.refresh();
    publisher.publishHealth({
      agent: {
        uptimeS: Math.round((performance.now() - this.#startedMs) / 1000),
        rssBytes: process.memoryUsage.rss(),
        eventLoopLagMs: Math.round(eventLoopLagMs * 10) / 10,
      },
      stations: this.#stations.map((station) => healthOf(station.snapshot())),
    });
  }
}

function healthOf(station: StationSnapshot): HealthReport['stations'][number] {
  const { name, state, reason, camera, restarts, rssBytes, lagMs, parts, ledger } = station;
  const { model, provider, precision, skipped, building } = station;
  const { late, lateVerdicts, lost } = ledger;
  return {
    name,
    state,
    reason,
    camera,
    model,
    provider,
    precision,
    skipped: [...skipped],
    building,
    restarts,
    rssBytes,
    eventLoopLagMs: lagMs,
    parts: { ...parts, late, lateVerdicts, lost },
  };
}

/** Settles with the first signal to stop. A later one, unless it is the same sent twice, ends the process at once. */
function nextSignal(): Promise<NodeJS.Signals> {
  return new Promise((done) => {
    let firstAtMs: number | null = null;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        firstAtMs ??= performance.now();
        if (performance.now() - firstAtMs <= AGENT_LIMITS.sameSignalWithinMs) done(signal);
        else {
          // The default action, and with it the exit status that a shell expects. The kernel ends the stations.
          process.removeAllListeners(signal);
          process.kill(process.pid, signal);
        }
      });
    }
  });
}

async function within(ms: number, work: Promise<void> | undefined): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const bound = new Promise<void>((done) => {
    timer = setTimeout(done, ms);
  });
  await Promise.race([work, bound]);
  clearTimeout(timer);
}
