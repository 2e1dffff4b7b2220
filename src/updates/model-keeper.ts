import { type StatsListener, unwatchFile, watchFile } from 'node:fs';
import { join } from 'node:path';
import { candidates } from '../model/store/open.js';
import { STATE_FILE } from '../model/store/state.js';
import type { BundleReport } from '../supervision/reports.js';

export const KEEPER_LIMITS = {
  /** How often the state of a model is looked at: one `stat`. Unlike a watch it also sees a store that is made later. */
  lookEveryMs: 500,
} as const;

/** A station as its supervisor offers it. */
export interface KeptStation {
  readonly name: string;
  switchTo(folder: string): void;
  startSoon(): void;
}

export interface ModelKeeperOptions {
  /** Stations that run a model of the store, and the folder of that model. */
  readonly stations: readonly { readonly station: KeptStation; readonly model: string }[];
  /** The state of a model cannot be read. */
  readonly onFault: (model: string, thrown: unknown) => void;
  readonly lookEveryMs?: number;
}

interface Kept {
  readonly station: KeptStation;
  readonly model: string;
  /** Folder of the bundle that it is to run. */
  wanted: string | null;
  /** That of the one that it runs. */
  runs: string | null;
  /** That of the one that it was asked to run, and has not said anything about yet. */
  asked: string | null;
  /** That of the one that it does not run although it is wanted: not asked for again until something else was. */
  refused: string | null;
}

/** Sees to it that stations run what is active in the store, whoever changes that. */
export class ModelKeeper {
  readonly #options: ModelKeeperOptions;
  readonly #kept: readonly Kept[];
  readonly #watched = new Map<string, StatsListener>();
  #settled: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(options: ModelKeeperOptions) {
    this.#options = options;
    const nothing = { wanted: null, runs: null, asked: null, refused: null };
    this.#kept = options.stations.map((one) => ({ ...one, ...nothing }));
  }

  start(): void {
    const interval = this.#options.lookEveryMs ?? KEEPER_LIMITS.lookEveryMs;
    for (const model of new Set(this.#kept.map((one) => one.model))) {
      const onChange = () => this.#changed(model);
      const file = join(model, STATE_FILE);
      watchFile(file, { interval, persistent: false }, onChange);
      this.#watched.set(file, onChange);
    }
  }

  /** Settles when nothing is under way any longer. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const [file, onChange] of this.#watched) unwatchFile(file, onChange);
    await this.#settled;
  }

  /** What became of a bundle at a station; of stations that have no model in the store nothing is kept. */
  report(station: string, report: BundleReport): void {
    const kept = this.#kept.find((one) => one.station.name === station);
    if (kept === undefined) return;
    switch (report.outcome) {
      case 'in use':
        kept.runs = report.folder;
        kept.refused = report.passedOver[0]?.folder ?? null;
        break;
      case 'refused':
        kept.refused = report.folder;
        break;
      case 'lost':
        kept.runs = null;
        break;
    }
    kept.asked = null;
    this.#soon(() => this.#settle(kept));
  }

  #changed(model: string): void {
    for (const kept of this.#kept.filter((one) => one.model === model)) {
      this.#soon(async () => {
        await this.#settle(kept);
        if (kept.runs === null) kept.station.startSoon();
      });
    }
  }

  /** One after the other, so that each sees what the one before did. */
  #soon(act: () => Promise<void>): void {
    this.#settled = this.#settled.then(() => (this.#isStopped ? undefined : act()));
  }

  async #settle(kept: Kept): Promise<void> {
    const wanted = await this.#wantedBy(kept);
    if (wanted === null || this.#isStopped) return;
    if (wanted !== kept.wanted && wanted !== kept.refused) kept.refused = null;
    kept.wanted = wanted;
    // A station that is starting opens what is active by itself.
    if (kept.runs === null || wanted === kept.refused || wanted === (kept.asked ?? kept.runs)) return;
    kept.asked = wanted;
    kept.station.switchTo(wanted);
  }

  async #wantedBy({ model, station }: Kept): Promise<string | null> {
    try {
      return (await candidates(model, station.name))[0]?.folder ?? null;
    } catch (thrown) {
      this.#options.onFault(model, thrown);
      return null;
    }
  }
}
