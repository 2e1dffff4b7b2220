import { type StatsListener, unwatchFile, watchFile } from 'node:fs';
import { basename, join } from 'node:path';
import { reasonOf, SideglanceError } from '../errors.js';
import { candidates } from '../model/store/open.js';
import { type ModelState, nameByFolder, readState, STATE_FILE } from '../model/store/state.js';
import type { ModelStore } from '../model/store/store.js';
import type { ShadowTask } from '../shadow.js';
import type { BundleReport } from '../supervision/reports.js';
import type { FailedBundle, Inspection } from '../types.js';
import { type PlanRules, Plans } from './plans.js';
import { Probation, type ProbationOptions } from './probation.js';

export const KEEPER_LIMITS = {
  /** How often the state of a model is looked at: one `stat`. Unlike a watch it also sees a store that is made later. */
  lookEveryMs: 500,
} as const;

/** A station as its supervisor offers it. */
export interface KeptStation {
  readonly name: string;
  switchTo(folder: string): void;
  /** What is to look at its parts as well; null: nothing. */
  shadow(task: ShadowTask | null): void;
  startSoon(): void;
  /** It ran a bundle that it is not to run any longer; to be published. */
  tellRefused(failed: FailedBundle): void;
}

export interface ModelKeeperOptions {
  /** Stations that run a model of the store, and the folder of that model. */
  readonly stations: readonly { readonly station: KeptStation; readonly model: string }[];
  readonly probation: Pick<ProbationOptions, 'minutes' | 'confirm' | 'maxJudgeMs' | 'compare' | 'toleratedShare'>;
  readonly plans: PlanRules;
  readonly store: Pick<ModelStore, 'change'>;
  readonly onEvent: (
    level: 'info' | 'warn' | 'error',
    event:
      | 'model.confirmed'
      | 'model.rolled-back'
      | 'model.promoted'
      | 'model.not-promoted'
      | 'model.shadowed'
      | 'model.unchanged'
      | 'model.unknown',
    fields: Readonly<Record<string, unknown>>,
  ) => void;
  /** The state of a model, whenever it was looked at. */
  readonly onState?: (state: ModelState) => void;
  /** A bundle, `<id>@<version>`, was to take over and is not to any longer. */
  readonly onNotPromoted?: (bundle: string, reason: string) => void;
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
  /** What its process was told to have look at parts as well. */
  shadow: ShadowTask | null;
  /** Why it does not run the bundle any longer that it ran; until that is published. */
  left: FailedBundle | null;
}

/** Sees to it that stations run what is active in the store, whoever changes that, and ends probations. */
export class ModelKeeper {
  readonly #options: ModelKeeperOptions;
  readonly #kept: readonly Kept[];
  readonly #probations: ReadonlyMap<string, Probation>;
  readonly #plans: ReadonlyMap<string, Plans>;
  readonly #watched = new Map<string, StatsListener>();
  #settled: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(options: ModelKeeperOptions) {
    this.#options = options;
    const nothing = { wanted: null, runs: null, asked: null, refused: null, shadow: null, left: null };
    this.#kept = options.stations.map((one) => ({ ...one, ...nothing }));
    const models = new Set(this.#kept.map(({ model }) => model));
    this.#probations = new Map([...models].map((model) => [model, this.#probationOf(model)]));
    this.#plans = new Map([...models].map((model) => [model, this.#plansOf(model)]));
  }

  start(): void {
    const interval = this.#options.lookEveryMs ?? KEEPER_LIMITS.lookEveryMs;
    for (const model of this.#probations.keys()) {
      this.#soon(() => this.#follow(model));
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
    await Promise.all([...this.#probations.values(), ...this.#plans.values()].map((one) => one.stop()));
  }

  /** A station has answered for a part. */
  add(inspection: Inspection): void {
    const { station } = inspection.part;
    const kept = this.#kept.find((one) => one.station.name === station);
    if (kept === undefined) return;
    this.#plans.get(kept.model)?.part(station);
    if (kept.runs === null || inspection.model !== nameByFolder(kept.runs)) return;
    this.#probations.get(kept.model)?.add(inspection, kept.runs);
  }

  /** What became of a bundle at a station; of stations that have no model in the store nothing is kept. */
  report(station: string, report: BundleReport): void {
    const kept = this.#kept.find((one) => one.station.name === station);
    if (kept === undefined) return;
    this.#soon(async () => {
      await this.#judge(kept, report);
      await this.#settle(kept);
    });
  }

  async #judge(kept: Kept, report: BundleReport): Promise<void> {
    const { station, model } = kept;
    const { name } = station;
    const [probation, plans] = [this.#probations.get(model) as Probation, this.#plans.get(model) as Plans]; // each model has both
    // Whatever happened happened to what is on the disk now.
    await this.#follow(model);
    switch (report.outcome) {
      case 'compared':
        plans.compared(name, report.report);
        if (kept.runs !== null) probation.compared(name, kept.runs, report.report);
        return;
      case 'shadow refused':
        plans.refused(name, report.folder, report.reason);
        return;
      case 'in use':
        kept.runs = report.folder;
        plans.inUse(name);
        kept.refused = report.passedOver[0]?.folder ?? null;
        for (const { folder, reason } of report.passedOver) probation.refused(name, folder, reason);
        probation.inUse(name, report.folder);
        if (kept.left !== null && kept.left.folder !== report.folder) station.tellRefused(kept.left);
        kept.left = null;
        break;
      case 'refused':
        kept.refused = report.folder;
        probation.refused(name, report.folder, report.reason);
        break;
      case 'lost': {
        // One that had not come so far was about to open what is active.
        const folder = kept.asked ?? kept.runs ?? (await this.#wantedBy(kept));
        kept.runs = null;
        if (kept.shadow?.purpose === 'promotion') plans.crashed(name, kept.shadow.folder, report.reason);
        kept.shadow = null;
        if (folder !== null) probation.crashed(name, folder, report.reason);
        break;
      }
    }
    kept.asked = null;
  }

  #probationOf(model: string): Probation {
    const { probation, store, onEvent } = this.#options;
    return new Probation({
      ...probation,
      model,
      change: (next) => store.change(basename(model), next),
      onConfirmed: (folder) => onEvent('info', 'model.confirmed', { model: nameByFolder(folder) }),
      onRolledBack: (folder, reason, concerns) => {
        onEvent('error', 'model.rolled-back', { model: nameByFolder(folder), code: 'SG_BUNDLE_PROBATION', reason });
        const left = { folder, code: 'SG_BUNDLE_PROBATION', reason };
        for (const kept of this.#kept) {
          if (kept.model !== model || !concerns(kept.station.name)) continue;
          this.#leave(kept, left);
          this.#soon(() => this.#settle(kept));
        }
      },
      onFault: (thrown) => onEvent('error', 'model.unchanged', faultOf(model, thrown)),
    });
  }

  #plansOf(model: string): Plans {
    const { plans, store, onEvent } = this.#options;
    return new Plans({
      ...plans,
      model,
      stations: this.#kept.filter((one) => one.model === model).map(({ station }) => station.name),
      change: (next) => store.change(basename(model), next),
      onPromoted: (folder) => onEvent('info', 'model.promoted', { model: nameByFolder(folder) }),
      onShadowed: (folder, when) => onEvent('info', 'model.shadowed', { model: nameByFolder(folder), when }),
      onDropped: ({ folder, reason, stations }) => {
        const code = 'SG_BUNDLE_SHADOW';
        onEvent('error', 'model.not-promoted', { model: nameByFolder(folder), code, reason });
        this.#options.onNotPromoted?.(nameByFolder(folder), reason);
        for (const { station } of this.#kept.filter((one) => one.model === model)) {
          if (stations.includes(station.name)) station.tellRefused({ folder, code, reason });
        }
      },
      onFault: (thrown) => onEvent('error', 'model.unchanged', faultOf(model, thrown)),
    });
  }

  #leave(kept: Kept, left: FailedBundle): void {
    // One that runs the last good bundle by now will not report so again.
    if (kept.runs !== null && kept.runs !== left.folder) kept.station.tellRefused(left);
    else kept.left = left;
  }

  async #follow(model: string): Promise<void> {
    try {
      const state = await readState(model);
      if (state === null) return;
      this.#probations.get(model)?.follow(state);
      this.#plans.get(model)?.follow(state);
      this.#options.onState?.(state);
    } catch (thrown) {
      this.#options.onEvent('warn', 'model.unknown', faultOf(model, thrown));
    }
  }

  #changed(model: string): void {
    this.#soon(() => this.#follow(model));
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
    if (kept.runs === null) return;
    if (wanted !== kept.refused && wanted !== (kept.asked ?? kept.runs)) {
      // What it has found says nothing about the next model, which needs the memory.
      this.#shadow(kept, null);
      kept.asked = wanted;
      kept.station.switchTo(wanted);
    } else if (kept.asked === null || kept.asked === kept.runs)
      this.#shadow(kept, this.#shadowWantedBy(kept, kept.runs));
  }

  #shadow(kept: Kept, task: ShadowTask | null): void {
    if (JSON.stringify(task) === JSON.stringify(kept.shadow)) return;
    kept.shadow = task;
    kept.station.shadow(task);
  }

  /** That a model proves itself comes first; what is planned after it waits. */
  #shadowWantedBy({ model, station }: Kept, runs: string): ShadowTask | null {
    const task =
      this.#probations.get(model)?.shadowOf(station.name, runs) ?? this.#plans.get(model)?.shadowOf(station.name);
    return task === undefined || task?.folder === runs ? null : task;
  }

  async #wantedBy({ model, station }: Kept): Promise<string | null> {
    try {
      return (await candidates(model, station.name))[0]?.folder ?? null;
    } catch (thrown) {
      this.#options.onEvent('warn', 'model.unknown', faultOf(model, thrown));
      return null;
    }
  }
}

function faultOf(model: string, thrown: unknown): Readonly<Record<string, unknown>> {
  const code = thrown instanceof SideglanceError ? thrown.code : 'SG_STORE';
  return { model: basename(model), code, message: reasonOf(thrown) };
}
