import type { StationCommandName } from '../config/commands.js';
import type { StationConfig } from '../config/schema.js';
import { reasonOf, SideglanceError } from '../errors.js';
import type { CommandOf, ResultOf } from '../publish/command-messages.js';
import type { StationStart } from '../station/start.js';
import type { OrderAnswer } from '../supervision/orders.js';
import type { CameraControls, Inspection, InvalidReason, Snapshot, StationOrder, ThresholdChoice } from '../types.js';
import { configured, type Overrides, type StationOverrides, withOverrides } from './overrides.js';

export const STATION_COMMAND_LIMITS = {
  /** For a frame after a trigger; a station with a shorter deadline waits no longer than that. */
  triggerFrameMs: 10_000,
  snapshotFrameMs: 5_000,
  /** What comes through the channel and the pull loop on top. */
  answerMs: 10_000,
} as const;

/** A station, as its supervision shows it. */
export interface StationPort {
  order(order: StationOrder, withinMs: number): Promise<OrderAnswer>;
  restart(): Promise<void>;
  configure(start: StationStart): void;
  refusePart(reason: InvalidReason, detail: string): Inspection;
  snapshot(): { readonly threshold: number | null; readonly restarts: number };
}

export interface StationCommandsOptions {
  /** As the configuration has it. */
  readonly station: StationConfig;
  readonly port: StationPort;
  readonly overrides: Overrides;
  /** What a later life of the station is given to do. */
  readonly startOf: (overrides: StationOverrides) => StationStart;
  /** Publishes it and says where. */
  readonly publishSnapshot: (snapshot: Snapshot, commandId: string) => ResultOf<'snapshot'>;
}

type Applied = ResultOf<'pause'>['applied'];
type Work = { readonly [Name in StationCommandName]: (wanted: CommandOf<Name>, id: string) => Promise<ResultOf<Name>> };

/** The commands to one station. A change is on the disk before the station is told, and taken back where that fails. */
export class StationCommands implements Work {
  readonly #options: StationCommandsOptions;

  constructor(options: StationCommandsOptions) {
    this.#options = options;
  }

  /** A part was asked for, so there is an answer for a part, whatever happens. */
  async trigger(): Promise<ResultOf<'trigger'>> {
    const { station, port } = this.#options;
    const { triggerFrameMs, answerMs } = STATION_COMMAND_LIMITS;
    const withinMs = Math.min(station.deadlineMs, triggerFrameMs);
    let inspection: Inspection;
    try {
      const answer = await port.order({ kind: 'trigger', withinMs }, withinMs + station.deadlineMs + answerMs);
      if (answer.kind !== 'part') throw unfitting(answer.kind);
      inspection = answer.inspection;
    } catch (thrown) {
      inspection = port.refusePart(invalidReasonOf(thrown), reasonOf(thrown));
    }
    const { part, verdict } = inspection;
    return { part, verdict: verdict.result, reason: verdict.result === 'invalid' ? verdict.reason : null };
  }

  async snapshot(_wanted: CommandOf<'snapshot'>, id: string): Promise<ResultOf<'snapshot'>> {
    const { snapshotFrameMs, answerMs } = STATION_COMMAND_LIMITS;
    const answer = await this.#options.port.order(
      { kind: 'snapshot', withinMs: snapshotFrameMs },
      snapshotFrameMs + answerMs,
    );
    if (answer.kind !== 'snapshot') throw unfitting(answer.kind);
    return this.#options.publishSnapshot(answer.snapshot, id);
  }

  async threshold(wanted: CommandOf<'threshold'>): Promise<ResultOf<'threshold'>> {
    const applied = await this.#setThreshold(this.#wantedThreshold(wanted));
    return { score: applied === 'now' ? this.#options.port.snapshot().threshold : null, applied };
  }

  async calibrate(wanted: CommandOf<'calibrate'>): Promise<ResultOf<'calibrate'>> {
    const { port } = this.#options;
    const before = port.snapshot().threshold;
    const withinMs = wanted.withinSeconds * 1000;
    const { parts, falseRejectRate } = wanted;
    const answer = await port.order(
      { kind: 'calibrate', parts, falseRejectRate, withinMs },
      withinMs + STATION_COMMAND_LIMITS.answerMs,
    );
    if (answer.kind !== 'calibrate') throw unfitting(answer.kind);
    const { score, regions, extrapolated } = answer.threshold;
    const applied = await this.#setThreshold({ score });
    return { score, before, parts: answer.threshold.parts, regions, extrapolated, applied };
  }

  async camera(wanted: CommandOf<'camera'>): Promise<ResultOf<'camera'>> {
    const { station, overrides } = this.#options;
    if (station.camera.type !== 'gige') {
      throw new SideglanceError(
        'SG_COMMAND_UNSUPPORTED',
        `the camera of ${station.name} is of type ${station.camera.type}, which has no exposure and gain to set`,
      );
    }
    const says = configured(station);
    const { exposureMicroseconds: _exposure, gainDb: _gain, ...others } = overrides.of(station.name);
    const held = wanted.reset === true ? {} : overrides.of(station.name);
    const exposure = wanted.exposureMicroseconds ?? held.exposureMicroseconds?.value;
    const gain = wanted.gainDb ?? held.gainDb?.value;
    const next: StationOverrides = {
      ...others,
      ...(exposure !== undefined && {
        exposureMicroseconds: { value: exposure, insteadOf: says.exposureMicroseconds },
      }),
      ...(gain !== undefined && { gainDb: { value: gain, insteadOf: says.gainDb } }),
    };
    const applied = await this.#change(next, { kind: 'camera', controls: controlsOf(withOverrides(station, next)) });
    return { ...configuredNow(station, next), applied };
  }

  async pause(): Promise<ResultOf<'pause'>> {
    const next = { ...this.#options.overrides.of(this.#options.station.name), paused: true as const };
    return { paused: true, applied: await this.#change(next, { kind: 'pause', paused: true }) };
  }

  async resume(): Promise<ResultOf<'resume'>> {
    const { paused: _, ...next } = this.#options.overrides.of(this.#options.station.name);
    return { paused: false, applied: await this.#change(next, { kind: 'pause', paused: false }) };
  }

  async restart(): Promise<ResultOf<'restart'>> {
    await this.#options.port.restart();
    return { restarts: this.#options.port.snapshot().restarts };
  }

  #wantedThreshold(wanted: CommandOf<'threshold'>): ThresholdChoice | null {
    if (wanted.score !== undefined) return { score: wanted.score };
    if (wanted.falseRejectRate !== undefined) return { falseRejectRate: wanted.falseRejectRate };
    if (wanted.factor === undefined) return null;
    const { threshold } = this.#options.port.snapshot();
    if (threshold !== null) return { score: threshold * wanted.factor };
    throw new SideglanceError('SG_STATION_LOST', 'the station does not run, so there is no threshold to multiply');
  }

  /** @param choice null: as configured */
  #setThreshold(choice: ThresholdChoice | null): Promise<Applied> {
    const { station, overrides } = this.#options;
    const { threshold: _, ...others } = overrides.of(station.name);
    const next = choice === null ? others : { ...others, threshold: { value: choice, insteadOf: station.threshold } };
    return this.#change(next, { kind: 'threshold', threshold: choice ?? station.threshold });
  }

  async #change(next: StationOverrides, order: StationOrder): Promise<Applied> {
    const { station, port, overrides, startOf } = this.#options;
    const before = overrides.of(station.name);
    overrides.set(station.name, next);
    port.configure(startOf(next));
    try {
      await port.order(order, STATION_COMMAND_LIMITS.answerMs);
      return 'now';
    } catch (thrown) {
      if (thrown instanceof SideglanceError && thrown.code === 'SG_STATION_LOST') return 'at the next start';
      await this.#takeBack(before, order);
      throw thrown;
    }
  }

  /** A station that did not answer may have done it all the same. */
  async #takeBack(before: StationOverrides, { kind }: StationOrder): Promise<void> {
    const { station, port, overrides, startOf } = this.#options;
    overrides.set(station.name, before);
    port.configure(startOf(before));
    const was = withOverrides(station, before);
    const undo: StationOrder =
      kind === 'pause'
        ? { kind, paused: before.paused === true }
        : kind === 'threshold'
          ? { kind, threshold: was.threshold }
          : { kind: 'camera', controls: controlsOf(was) };
    // Where this fails, too, its next life starts with what held before.
    await port.order(undo, STATION_COMMAND_LIMITS.answerMs).catch(() => port.restart());
  }
}

function controlsOf({ camera }: StationConfig): CameraControls {
  if (camera.type !== 'gige') return {};
  const { exposureMicroseconds, gainDb } = camera;
  return {
    ...(exposureMicroseconds !== undefined && { exposureMicroseconds }),
    ...(gainDb !== undefined && { gainDb }),
  };
}

/** Exposure and gain as they are with these changes. */
function configuredNow(station: StationConfig, overrides: StationOverrides) {
  const { exposureMicroseconds, gainDb } = configured(withOverrides(station, overrides));
  return { exposureMicroseconds, gainDb };
}

function invalidReasonOf(thrown: unknown): InvalidReason {
  switch (thrown instanceof SideglanceError ? thrown.code : null) {
    case 'SG_COMMAND_BUSY':
      return 'overrun';
    case 'SG_CAMERA_LOST':
      return 'camera lost';
    case 'SG_STATION_LOST':
      return 'station lost';
    case 'SG_COMMAND_TIMEOUT':
      return 'late';
    default:
      return 'error';
  }
}

function unfitting(kind: string): SideglanceError {
  return new SideglanceError('SG_COMMAND_FAILED', `the station answered something else (${kind})`);
}
