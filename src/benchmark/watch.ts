import type { Config } from '../config/schema.js';
import { SideglanceError } from '../errors.js';
import type { CameraMessage, HealthMessage, InspectionMessage } from '../publish/messages.js';
import { StageTally, type StageTimes } from './stage-times.js';

export interface StationMeasure extends StageTimes {
  readonly station: string;
  readonly model: string | null;
  readonly provider: string | null;
  /** Frame and regions of the last part, in pixels. */
  readonly frame: string;
  readonly regions: readonly string[];
  /** The longest time that the event loop of the station's process stood still, in milliseconds, */
  readonly longestStallMs: number;
  /** and the most memory that it held. */
  readonly rssBytes: number;
}

export interface Measured {
  readonly stations: readonly StationMeasure[];
  readonly agent: { readonly longestStallMs: number; readonly rssBytes: number };
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
  longestStallMs: number;
  rssBytes: number;
}

/** Collects the daemon's messages by station. */
export class Watch {
  readonly #stations: ReadonlyMap<string, Seen>;
  readonly #agent = { longestStallMs: 0, rssBytes: 0 };
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
      longestStallMs: 0,
      rssBytes: 0,
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
    for (const state of stations) {
      const seen = this.#stations.get(state.name);
      if (seen) seen.state = state;
    }
    if (!this.#counting || this.#reports++ === 0) return;
    this.#agent.longestStallMs = Math.max(this.#agent.longestStallMs, agent.eventLoopLagMs);
    this.#agent.rssBytes = Math.max(this.#agent.rssBytes, agent.rssBytes);
    for (const { name, eventLoopLagMs, rssBytes } of stations) {
      const seen = this.#stations.get(name);
      if (!seen) continue;
      seen.longestStallMs = Math.max(seen.longestStallMs, eventLoopLagMs);
      seen.rssBytes = Math.max(seen.rssBytes, rssBytes);
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
      .map(([name, { camera, state }]) => {
        const words = [
          state && `the station is ${state.state}${state.reason === null ? '' : `: ${state.reason}`}`,
          camera && `the camera is ${camera.state}${camera.reason === null ? '' : `: ${camera.reason}`}`,
        ].filter(Boolean);
        return `${name}: ${words.join('; ') || 'nothing was heard of it'}`;
      });
  }

  get hopeless(): boolean {
    return [...this.#stations.values()].some(({ state }) => state?.state === 'failed');
  }

  measured(seconds: number): Measured {
    const stations = [...this.#stations].map(([station, seen]): StationMeasure => {
      const times = seen.tally.summary();
      if (times === null) {
        throw new SideglanceError(
          'SG_NOT_MEASURED',
          `station ${station} inspected fewer than two parts in ${seconds} s: measure for longer (--seconds)`,
        );
      }
      const { model, provider, frame, regions, longestStallMs, rssBytes } = seen;
      return { station, model, provider, frame, regions, ...times, longestStallMs, rssBytes };
    });
    return { stations, agent: { ...this.#agent } };
  }
}
