import { healthSchema, type SparkplugHealth } from '../../publish/health-message.js';
import { cameraSchema, type HealthMessage, inspectionSchema } from '../../publish/messages.js';
import type { Inspection, InvalidReason } from '../../types.js';
import type { Alarms } from '../alarms/alarms.js';
import { type CounterName, type GaugeName, METRICS, type MetricName } from './catalogue.js';
import { Instruments } from './instruments.js';
import type { Heat } from './thermal.js';

/** Whose verdicts are counted, as the configuration names them. What bears other names is left out: labels stay bounded. */
export interface CountedStation {
  readonly name: string;
  readonly regions: readonly string[];
}

/** What is read when somebody asks for the metrics. */
export interface Readings {
  readonly health: HealthMessage;
  readonly alarms: Alarms;
  readonly heat: Heat;
  /** By class; 0 where nothing waits. */
  readonly outboxAgeMs: Readonly<Record<'verdict' | 'map' | 'frame', number>>;
  readonly droppedOutput: { readonly stdout: number; readonly stderr: number };
}

/** Counted as it happens; everything else is read when somebody asks. */
const COUNTED: ReadonlySet<string> = new Set<MetricName>([
  'framesSkipped',
  'parts',
  'partsInvalid',
  'stageDuration',
  'regionVerdicts',
  'regionScore',
  'regionThreshold',
]);
const READ = Object.keys(METRICS).filter((name) => !COUNTED.has(name)) as (CounterName | GaugeName)[];

/** Answers that the agent gave in a station's place: their stages were never measured. */
const UNMEASURED: ReadonlySet<InvalidReason> = new Set(['late', 'station lost', 'overrun']);

const RESULTS = inspectionSchema.shape.verdict.options;
const INVALID_REASONS = inspectionSchema.shape.reason.unwrap().options;
const HEALTH_REASONS = healthSchema.shape.reasons.element.shape.reason.options;
const CAMERA_STATES = cameraSchema.shape.state.options;
const SPARKPLUG_STATES = healthSchema.shape.sparkplug.unwrap().shape.state.options;
const STATION_STATES = healthSchema.shape.stations.element.shape.state.options;

/** The metrics of `catalogue.ts`. What is counted for each part costs microseconds. */
export class Metrics {
  readonly #instruments = new Instruments();
  readonly #regions: ReadonlyMap<string, ReadonlySet<string>>;

  constructor(stations: readonly CountedStation[]) {
    this.#regions = new Map(stations.map(({ name, regions }) => [name, new Set(regions)]));
    for (const { name, regions } of stations) this.#begin(name, regions);
  }

  get contentType(): string {
    return this.#instruments.contentType;
  }

  /**
   * Counts the answer for a part.
   * @param sinceCaptureMs from the capture of the part until now
   */
  countPart(inspection: Inspection, sinceCaptureMs: number): void {
    const { verdict, regions, skippedFrames } = inspection;
    const { station } = inspection.part;
    const known = this.#regions.get(station);
    if (known === undefined) return;
    const on = this.#instruments;
    on.add('parts', { station, verdict: verdict.result }, 1);
    if (verdict.result === 'invalid') on.add('partsInvalid', { station, reason: verdict.reason }, 1);
    on.add('framesSkipped', { station }, skippedFrames);
    if (verdict.result !== 'invalid' || !UNMEASURED.has(verdict.reason)) {
      for (const [stage, ms] of stagesOf(inspection, sinceCaptureMs)) {
        on.observe('stageDuration', { station, stage }, ms / 1000);
      }
    }
    for (const { region, verdict: judged, score, threshold } of regions) {
      if (!known.has(region.name)) continue;
      const labels = { station, region: region.name };
      on.add('regionVerdicts', { ...labels, verdict: judged.result }, 1);
      if (!Number.isFinite(score) || !(threshold > 0)) continue;
      on.set('regionThreshold', labels, threshold);
      on.observe('regionScore', labels, Math.max(0, score / threshold));
    }
  }

  /** Counts how long a verdict was on its way to the broker, in milliseconds. */
  countDelivery(station: string, ms: number): void {
    if (!this.#regions.has(station)) return;
    this.#instruments.observe('stageDuration', { station, stage: 'publish' }, Math.max(0, ms) / 1000);
  }

  /** The text of `/metrics`. */
  text(readings: Readings): Promise<string> {
    this.#instruments.reset(READ);
    this.#readAgent(readings);
    for (const station of readings.health.stations) {
      this.#readStation(station);
      this.#readAlarms(station.name, readings.alarms);
    }
    this.#readPublishing(readings);
    if (readings.health.sparkplug !== null) this.#readSparkplug(readings.health.sparkplug);
    this.#readHeat(readings.heat);
    return this.#instruments.text();
  }

  /** So that a rate can be told from the first part on, and an alert rule finds what it asks for. */
  #begin(station: string, regions: readonly string[]): void {
    const on = this.#instruments;
    on.add('framesSkipped', { station }, 0);
    for (const verdict of RESULTS) {
      on.add('parts', { station, verdict }, 0);
      for (const region of regions) on.add('regionVerdicts', { station, region, verdict }, 0);
    }
    for (const reason of INVALID_REASONS) on.add('partsInvalid', { station, reason }, 0);
  }

  #readAgent({ health, droppedOutput }: Readings): void {
    const { agent, device, clockSynced, live, ready, reasons } = health;
    const on = this.#instruments;
    on.set('live', {}, Number(live));
    on.set('ready', {}, Number(ready));
    for (const reason of HEALTH_REASONS) {
      on.set('reasons', { reason }, reasons.filter((one) => one.reason === reason).length);
    }
    on.set('agentInfo', { version: agent.version, site: device.site, line: device.line, device: device.name }, 1);
    on.set('agentUptime', {}, agent.uptimeS);
    on.set('agentMemory', {}, agent.rssBytes);
    on.set('agentLag', {}, agent.eventLoopLagMs / 1000);
    on.set('clockSynced', {}, Number(clockSynced));
    for (const [stream, lines] of Object.entries(droppedOutput)) on.add('outputDropped', { stream }, lines);
  }

  #readStation(health: HealthMessage['stations'][number]): void {
    const { name: station, model, provider, precision } = health;
    const on = this.#instruments;
    for (const state of STATION_STATES) on.set('stationState', { station, state }, Number(state === health.state));
    for (const state of CAMERA_STATES) {
      on.set('cameraState', { station, state }, Number(state === health.camera.state));
    }
    if (model !== null && provider !== null) {
      on.set('stationInfo', { station, model, provider, precision: precision ?? '' }, 1);
    }
    on.set('stationBuilding', { station }, Number(health.building !== null));
    on.set('providersSkipped', { station }, health.skipped.length);
    on.set('stationMemory', { station }, health.rssBytes);
    on.set('stationLag', { station }, health.eventLoopLagMs / 1000);
    on.add('restarts', { station }, health.restarts);
    on.add('partsAccepted', { station }, health.parts.accepted);
    on.add('lateVerdicts', { station }, health.parts.lateVerdicts);
  }

  #readAlarms(station: string, alarms: Alarms): void {
    const on = this.#instruments;
    for (const { region, alarm, raised, evidence } of alarms.standings(station)) {
      on.set('alarm', { station, region, alarm }, Number(raised));
      if (evidence !== null) on.set('alarmEvidence', { station, region, alarm }, evidence);
    }
  }

  #readPublishing({ health, outboxAgeMs }: Readings): void {
    const { publishing } = health;
    const on = this.#instruments;
    on.set('brokerConnected', {}, Number(publishing.protocol !== null));
    on.add('brokerConnections', {}, publishing.connections);
    on.set('outboxBytes', {}, publishing.waitingBytes);
    on.set('outboxInFlight', {}, publishing.inFlight);
    for (const [name, count] of Object.entries(publishing.waiting)) on.set('outboxMessages', { class: name }, count);
    for (const [name, ageMs] of Object.entries(outboxAgeMs)) on.set('outboxAge', { class: name }, ageMs / 1000);
    for (const [name, count] of Object.entries(publishing.stored)) on.add('outboxStored', { class: name }, count);
    for (const [name, count] of Object.entries(publishing.delivered)) on.add('outboxDelivered', { class: name }, count);
    for (const [reason, dropped] of Object.entries(publishing.dropped)) {
      for (const [name, count] of Object.entries(dropped)) on.add('outboxDropped', { class: name, reason }, count);
    }
    on.set('outboxAlarm', {}, Number(publishing.storage.alarm !== null));
    on.set('outboxUnsynced', {}, publishing.storage.unsynced);
    on.add('outboxWritten', {}, publishing.storage.bytesWritten);
    on.add('gapsAnnounced', {}, publishing.gapsAnnounced);
    on.add('gapsRefused', {}, publishing.gapsRefused);
  }

  #readSparkplug({ state: current, births, waiting, dropped }: SparkplugHealth): void {
    const on = this.#instruments;
    for (const state of SPARKPLUG_STATES) on.set('sparkplugState', { state }, Number(state === current));
    on.add('sparkplugBirths', {}, births);
    on.set('sparkplugWaiting', {}, waiting);
    on.add('sparkplugDropped', {}, dropped);
  }

  #readHeat({ temperatures, cooling, throttleEvents }: Heat): void {
    const on = this.#instruments;
    for (const [zone, celsius] of temperatures) on.set('temperature', { zone }, celsius);
    for (const [device, share] of cooling) on.set('cooling', { device }, share);
    on.add('throttled', {}, throttleEvents ?? 0);
  }
}

/** Milliseconds of each stage; `total` ends with the agent's answer, not yet with the station's. */
function stagesOf({ timings }: Inspection, sinceCaptureMs: number): [stage: string, ms: number][] {
  const { total, ...stages } = timings;
  const handover = Math.max(0, sinceCaptureMs - total);
  return Object.entries({ ...stages, handover, total: total + handover });
}
