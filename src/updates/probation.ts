import { join } from 'node:path';
import { ALL_STATIONS, bundleFolder, type ModelState } from '../model/store/state.js';
import { barred, confirmed, rolledBack } from '../model/store/transitions.js';
import type { ShadowReport, ShadowTask } from '../shadow.js';
import type { Inspection } from '../types.js';
import { RecentParts, Trial } from './trial.js';

export const PROBATION_LIMITS = {
  /** Until it is tried again to end one on a disk that could not be written. */
  againAfterMs: 10_000,
} as const;

export interface ProbationOptions {
  /** Folder of the model in the store. */
  readonly model: string;
  readonly minutes: number;
  /** `auto`: a model that goes well for that time is confirmed. `required`: one that nobody confirms goes back. */
  readonly confirm: 'auto' | 'required';
  /** Infinite where there is no limit. */
  readonly maxJudgeMs: number;
  /** Whether the last good model goes on looking at parts. */
  readonly compare: boolean;
  /** Share of parts in which the two may differ, each way. */
  readonly toleratedShare: number;
  /** Changes the state of the model on the disk. */
  readonly change: (next: (state: ModelState) => ModelState) => Promise<ModelState>;
  readonly onConfirmed: (folder: string) => void;
  /** The last good bundle is active again, and the other one barred. */
  readonly onRolledBack: (folder: string, reason: string, concerns: (station: string) => boolean) => void;
  /** The state could not be changed. */
  readonly onFault: (thrown: unknown) => void;
}

interface Running {
  readonly digest: string;
  readonly folder: string;
  /** Of the last good bundle, where that is another one. */
  readonly before: string | null;
  readonly trial: Trial;
  /** Runs from the moment on at which a station runs the bundle; anew after each start of the daemon, whatever clocks say. */
  timer: NodeJS.Timeout | null;
  isEnding: boolean;
}

/**
 * The bundles of one model that are on probation, one for each slot. That they are stands in the state of the store, so that no
 * crash and no restart lets one off.
 */
export class Probation {
  readonly #options: ProbationOptions;
  readonly #running = new Map<string, Running>();
  readonly #before = new Map<string, RecentParts>();
  #state: ModelState | null = null;
  #work: Promise<void> = Promise.resolve();

  constructor(options: ProbationOptions) {
    this.#options = options;
  }

  /** The state as it is on the disk now. */
  follow(state: ModelState): void {
    const { model, maxJudgeMs, toleratedShare } = this.#options;
    const folderOf = (digest: string | null) => {
      const installed = state.installed.find((one) => one.digest === digest);
      return installed === undefined ? null : join(model, bundleFolder(installed));
    };
    this.#state = state;
    for (const [slot, { digest }] of this.#running) {
      const now = state.slots[slot];
      if (now === undefined || !now.probation || now.active !== digest) this.#drop(slot);
    }
    for (const [slot, { active, lastGood, probation }] of Object.entries(state.slots)) {
      const folder = folderOf(active);
      if (!probation || folder === null || this.#running.has(slot)) continue;
      this.#running.set(slot, {
        digest: active,
        folder,
        before: lastGood === active ? null : folderOf(lastGood),
        trial: new Trial(maxJudgeMs, toleratedShare),
        timer: null,
        isEnding: false,
      });
    }
  }

  /** A station runs the bundle in a folder. */
  inUse(station: string, folder: string): void {
    const one = this.#of(station, folder);
    if (one !== null) one.running.timer ??= setTimeout(() => this.#timeIsUp(one.slot), this.#options.minutes * 60_000);
  }

  /** A station does not run a bundle: it does not load, or does not prove itself. */
  refused(station: string, folder: string, reason: string): void {
    const one = this.#of(station, folder);
    if (one !== null) this.#rollBack(one.slot, `station ${station} does not run it: ${reason}`);
  }

  /** A station process ended that ran the bundle, or was loading it. */
  crashed(station: string, folder: string, reason: string): void {
    const one = this.#of(station, folder);
    const fault = one?.running.trial.crashed(`of station ${station} ${reason}`) ?? null;
    if (one !== null && fault !== null) this.#rollBack(one.slot, fault);
  }

  /** What is to look at the parts of a station as well, that runs the bundle in a folder. */
  shadowOf(station: string, folder: string): ShadowTask | null {
    const before = this.#of(station, folder)?.running.before ?? null;
    if (!this.#options.compare || before === null) return null;
    return { folder: before, purpose: 'probation', parts: null, minutes: null, since: null };
  }

  /** The last good bundle has looked at parts of a station that runs the bundle in a folder. */
  compared(station: string, folder: string, report: ShadowReport): void {
    const one = this.#of(station, folder);
    if (one === null || report.purpose !== 'probation' || one.running.before !== report.folder) return;
    const fault = one.running.trial.compared(station, report);
    if (fault !== null) this.#rollBack(one.slot, fault);
  }

  /** A part was answered by a station that runs the bundle in a folder. */
  add(inspection: Inspection, folder: string): void {
    const { station } = inspection.part;
    const before = this.#before.get(station) ?? new RecentParts();
    this.#before.set(station, before);
    const one = this.#of(station, folder);
    if (one === null) {
      before.add(inspection);
      return;
    }
    const fault = one.running.trial.add(inspection, before);
    if (fault !== null) this.#rollBack(one.slot, fault);
  }

  /** Settles when nothing is under way any longer. */
  async stop(): Promise<void> {
    for (const slot of [...this.#running.keys()]) this.#drop(slot);
    await this.#work;
  }

  #of(station: string, folder: string): { readonly slot: string; readonly running: Running } | null {
    const slot = this.#slotOf(station);
    const running = this.#running.get(slot);
    return running?.folder === folder ? { slot, running } : null;
  }

  #slotOf(station: string): string {
    return this.#state?.slots[station] === undefined ? ALL_STATIONS : station;
  }

  #timeIsUp(slot: string): void {
    const { confirm, minutes, onConfirmed } = this.#options;
    if (confirm === 'required') this.#rollBack(slot, `nobody confirmed it within ${minutes} minutes`);
    else this.#end(slot, (state) => confirmed(state, { station: slot }), onConfirmed);
  }

  #rollBack(slot: string, reason: string): void {
    const back = (state: ModelState, digest: string): ModelState => {
      const version = state.installed.find((one) => one.digest === digest)?.version ?? '';
      const after = rolledBack(state, { station: slot });
      // One that another station still runs cannot be barred.
      if (Object.values(after.slots).some(({ active }) => active === digest)) return after;
      return barred(after, { version, digest, reason, at: new Date().toISOString() });
    };
    this.#end(slot, back, (folder) =>
      this.#options.onRolledBack(folder, reason, (station) => this.#slotOf(station) === slot),
    );
  }

  /** Ends a probation on the disk, unless somebody else did so before. */
  #end(slot: string, next: (state: ModelState, digest: string) => ModelState, onDone: (folder: string) => void): void {
    const running = this.#running.get(slot);
    if (running === undefined || running.isEnding) return;
    running.isEnding = true;
    const { digest, folder } = running;
    const again = () => this.#end(slot, next, onDone);
    let isDone = false;
    this.#work = this.#work
      .then(() =>
        this.#options.change((state) => {
          const now = state.slots[slot];
          if (now === undefined || !now.probation || now.active !== digest) return state;
          isDone = true;
          return next(state, digest);
        }),
      )
      .then(
        (state) => {
          this.follow(state);
          if (isDone) onDone(folder);
        },
        (thrown: unknown) => {
          running.isEnding = false;
          clearTimeout(running.timer ?? undefined);
          running.timer = setTimeout(() => again(), PROBATION_LIMITS.againAfterMs);
          this.#options.onFault(thrown);
        },
      );
  }

  #drop(slot: string): void {
    clearTimeout(this.#running.get(slot)?.timer ?? undefined);
    this.#running.delete(slot);
  }
}
