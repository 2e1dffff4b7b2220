import type { Config } from '../config/schema.js';
import type { CameraMessage, HealthMessage, InspectionMessage } from '../publish/messages.js';
import { StageTally, type StageTimes } from './stage-times.js';

/** Of one process, from the reports on its health. */
export interface ProcessFigures {
  /** The longest time that its event loop stood still; null when it was measured for too short a time to tell. */
  readonly longestStallMs: number | null;
  /** The most memory that it held; null likewise. */
  readonly rssBytes: number | null;
}

export interface StationMeasure extends StageTimes {
  readonly station: string;
  readonly model: string | null;
  readonly provider: string | null;
  /** Frame and regions of the last part, in pixels. */
  readonly frame: string;
  readonly regions: readonly string[];
  readonly process: ProcessFigures;
}

export interface Measured {
  readonly stations: readonly StationMeasure[];
  readonly agent: ProcessFigures;
}

/** What one station has shown so far. */
interface Seen {
  parts: number;
  tally: StageTally;
  model: string | null;
  provider: string | null;
  frame: string;
  regions: readonly string[];
  camera: CameraMessage | null;
  state: HealthMessage['stations'][number] | null;
  process: ProcessFigures;
}

const UNKNOWN: ProcessFigures = { longestStallMs: null, rssBytes: null };

function joined(
  so: ProcessFigures,
  { eventLoopLagMs, rssBytes }: { readonly eventLoopLagMs: number; readonly rssBytes: number },
): ProcessFigures {
  return {
    longestStallMs: Math.max(so.longestStallMs ?? 0, eventLoopLagMs),
    rssBytes: Math.max(so.rssBytes ?? 0, rssBytes),
  };
}

/** Collects the daemon's messages by station. */
export class Watch {
  readonly #stations: ReadonlyMap<string, Seen>;
  #agent: ProcessFigures = UNKNOWN;
  #counting = false;
  /** Reports of health since counting began: the first one also covers the time before. */
  #reports = 0;

  constructor({ stations }: Config) {
    const seen = (): Seen => ({
      parts: 0,
      tally: new StageTally(),
      model: null,
      provider: null,
      frame: '',
      regions: [],
      camera: null,
      state: null,
      process: UNKNOWN,
    });
    this.#stations = new Map(stations.map(({ name }) => [name, seen()]));
  }

  onInspection = (message: InspectionMessage): void => {
    const seen = this.#stations.get(message.station);
    if (!seen) return;
    seen.parts++;
    seen.model = message.model;
    seen.provider = message.provider;
    seen.frame = `${message.frame.width}×${message.frame.height}`;
    seen.regions = message.regions.map(({ box }) => `${box.width}×${box.height}`);
    if (this.#counting) seen.tally.add(message);
  };

  onCamera = (message: CameraMessage): void => {
    const seen = this.#stations.get(message.station);
    if (seen) seen.camera = message;
  };

  onHealth = ({ agent, stations }: HealthMessage): void => {
    const counts = this.#counting && this.#reports++ > 0;
    if (counts) this.#agent = joined(this.#agent, agent);
    for (const state of stations) {
      const seen = this.#stations.get(state.name);
      if (!seen) continue;
      seen.state = state;
      if (counts) seen.process = joined(seen.process, state);
    }
  };

  every(isSo: (seen: Seen) => boolean): boolean {
    return [...this.#stations.values()].every(isSo);
  }

  count(): void {
    this.#counting = true;
  }

  /** Stations that have given up, or that stand in the way of `isSo`, and what is known of them. */
  complaints(isSo: (seen: Seen) => boolean): string[] {
    return [...this.#stations]
      .filter(([, seen]) => seen.state?.state === 'failed' || !isSo(seen))
      .map(([name, { parts, camera, state }]) => {
        const words = [
          state && `the station is ${state.state}${state.reason === null ? '' : `: ${state.reason}`}`,
          camera && `the camera is ${camera.state}${camera.reason === null ? '' : `: ${camera.reason}`}`,
          parts > 0 && `${parts} parts so far`,
        ].filter(Boolean);
        return `${name}: ${words.join('; ') || 'nothing was heard of it'}`;
      });
  }

  get hopeless(): boolean {
    return [...this.#stations.values()].some(({ state }) => state?.state === 'failed');
  }

  /** To be asked when every station has inspected two parts. */
  measured(): Measured {
    const stations = [...this.#stations].map(([station, seen]): StationMeasure => {
      const times = seen.tally.summary();
      if (times === null) throw new Error(`${station} was not measured for long enough`);
      const { model, provider, frame, regions, process } = seen;
      return { station, model, provider, frame, regions, ...times, process };
    });
    return { stations, agent: this.#agent };
  }
}
