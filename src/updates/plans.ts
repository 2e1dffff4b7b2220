import { join } from 'node:path';
import { ALL_STATIONS, bundleFolder, type ModelState, type Plan } from '../model/store/state.js';
import { activated, planned, slotOf, unplanned } from '../model/store/transitions.js';
import { agreementOf, type ShadowReport, type ShadowTask } from '../shadow.js';
import { TRIAL_LIMITS } from './trial.js';

export const PLAN_LIMITS = {
  /** How often it is looked whether something is due. */
  lookEveryMs: 500,
  /** Until a change of the store is tried again that failed. */
  againAfterMs: 10_000,
  /** A shadow that looked at fewer parts, and at fewer than it was to, says nothing. */
  minCompared: 20,
} as const;

/** How plans are carried out. */
export interface PlanRules {
  readonly idleMs: number;
  /** A shadow that agrees with the model in use in a smaller share of parts is not promoted. */
  readonly leastAgreement: number;
  /** `command`: whoever looks at what a shadow has found makes it active. */
  readonly promote: 'auto' | 'command';
  /** What takes over is on probation. */
  readonly probation: boolean;
  /** Milliseconds since 1970; null while nobody vouches for the clock. */
  readonly nowMs: () => number | null;
}

export interface PlansOptions extends PlanRules {
  /** Folder of the model in the store. */
  readonly model: string;
  /** All that run it. */
  readonly stations: readonly string[];
  /** Changes the state of the model on the disk. */
  readonly change: (next: (state: ModelState) => ModelState) => Promise<ModelState>;
  readonly onPromoted: (folder: string) => void;
  /** The shadow is over and went well; it takes over later. */
  readonly onShadowed: (folder: string, when: Plan['when']) => void;
  readonly onDropped: (failed: DroppedPlan) => void;
  /** The state could not be changed. */
  readonly onFault: (thrown: unknown) => void;
}

export interface DroppedPlan {
  readonly folder: string;
  readonly reason: string;
  readonly stations: readonly string[];
}

interface Pending {
  readonly plan: Plan;
  readonly folder: string;
  /** The last reports of shadows that are over, by station. */
  readonly over: Map<string, ShadowReport>;
  crashes: number;
  /** Why it is not to be carried out. */
  fault: string | null;
  isEnding: boolean;
  /** By the monotonic clock. */
  notBeforeMs: number;
}

/**
 * What is to take over at the stations of one model: each plan of its state, with what its shadows have found. The state alone says
 * what is planned, so a daemon that starts anew goes on; shadows begin anew then.
 */
export class Plans {
  readonly #options: PlansOptions;
  readonly #pending = new Map<string, Pending>();
  readonly #lastPartMs = new Map<string, number>();
  readonly #startedMs = performance.now();
  #state: ModelState | null = null;
  #timer: NodeJS.Timeout | null = null;
  #work: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(options: PlansOptions) {
    this.#options = options;
  }

  /** The state as it is on the disk now. */
  follow(state: ModelState): void {
    if (this.#isStopped) return;
    this.#state = state;
    for (const [slot, { plan }] of this.#pending) if (!isSame(state.plans[slot], plan)) this.#pending.delete(slot);
    for (const [slot, plan] of Object.entries(state.plans)) {
      const installed = state.installed.find(({ digest }) => digest === plan.digest);
      if (this.#pending.has(slot) || installed === undefined) continue;
      const folder = join(this.#options.model, bundleFolder(installed));
      const fresh = { over: new Map(), crashes: 0, fault: null, isEnding: false, notBeforeMs: 0 };
      this.#pending.set(slot, { plan, folder, ...fresh });
    }
    if (this.#pending.size === 0) this.#rest();
    else this.#timer ??= setInterval(() => this.#look(), PLAN_LIMITS.lookEveryMs);
  }

  /** What is to look at the parts of a station as well. */
  shadowOf(station: string): ShadowTask | null {
    const one = this.#of(station)?.pending;
    if (!one?.plan.shadow || one.fault !== null) return null;
    const { since, shadow } = one.plan;
    return {
      folder: one.folder,
      purpose: 'promotion',
      parts: shadow.parts || null,
      minutes: shadow.minutes || null,
      since,
    };
  }

  /** A part came to a station. */
  part(station: string): void {
    this.#lastPartMs.set(station, performance.now());
  }

  compared(station: string, report: ShadowReport): void {
    const one = this.#of(station)?.pending;
    const isOurs = one?.plan.shadow && report.purpose === 'promotion' && report.folder === one.folder;
    if (isOurs && report.isOver) one.over.set(station, report);
  }

  /** A station runs another model now, or a new process: what was compared with the one before says nothing. */
  inUse(station: string): void {
    this.#of(station)?.pending.over.delete(station);
  }

  /** A bundle does not run as a shadow. */
  refused(station: string, folder: string, reason: string): void {
    const one = this.#of(station)?.pending;
    if (one?.folder === folder) fail(one, `station ${station} does not run it: ${reason}`);
  }

  /** A station process ended beside which the shadow ran. */
  crashed(station: string, folder: string, reason: string): void {
    const one = this.#of(station)?.pending;
    if (one?.folder !== folder || ++one.crashes < TRIAL_LIMITS.maxCrashes) return;
    fail(one, `station processes that ran it ended ${one.crashes} times; at last one of station ${station} ${reason}`);
  }

  /** Settles when nothing is under way any longer. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#rest();
    this.#pending.clear();
    await this.#work;
  }

  #rest(): void {
    clearInterval(this.#timer ?? undefined);
    this.#timer = null;
  }

  #of(station: string): { readonly slot: string; readonly pending: Pending } | null {
    // A plan for the station goes before one for all, as its slot does.
    for (const slot of [station, ALL_STATIONS]) {
      const pending = this.#pending.get(slot);
      if (pending !== undefined && this.#concerned(slot).includes(station)) return { slot, pending };
    }
    return null;
  }

  #concerned(slot: string): readonly string[] {
    const { stations } = this.#options;
    if (slot !== ALL_STATIONS) return stations.filter((one) => one === slot);
    return stations.filter((one) => this.#state?.slots[one] === undefined);
  }

  #look(): void {
    for (const [slot, one] of this.#pending) {
      if (one.isEnding || performance.now() < one.notBeforeMs) continue;
      const stations = this.#concerned(slot);
      if (one.fault === null && one.plan.shadow !== null) {
        if (!stations.every((station) => one.over.has(station))) continue;
        for (const [station, report] of one.over) this.#judge(one, station, report);
      }
      if (one.fault !== null) this.#drop(slot, one, one.fault);
      else if (one.plan.shadow !== null && this.#options.promote === 'command') this.#shadowed(slot, one, 'command');
      else if (this.#isDue(one.plan, stations)) this.#promote(slot, one);
      else if (one.plan.shadow !== null) this.#shadowed(slot, one, one.plan.when);
    }
  }

  #judge(one: Pending, station: string, report: ShadowReport): void {
    const { leastAgreement, promote } = this.#options;
    if (promote === 'command') return;
    const { compared, wanted, outcomes } = report;
    const needed = Math.min(PLAN_LIMITS.minCompared, wanted.parts ?? PLAN_LIMITS.minCompared);
    if (compared < needed) {
      fail(
        one,
        `only ${compared} parts of station ${station} were compared in ${wanted.minutes} minutes, ${needed} are needed`,
      );
      return;
    }
    const agreement = agreementOf(report) ?? 0;
    if (agreement >= leastAgreement) return;
    const { onlyShadowRejects, onlyCurrentRejects } = outcomes;
    fail(
      one,
      `at ${compared} parts of station ${station} it agrees with the model in use in ${percent(agreement)}, at least ${percent(leastAgreement)} are needed: ${onlyShadowRejects} it alone rejects, ${onlyCurrentRejects} it alone passes`,
    );
  }

  #isDue({ when }: Plan, stations: readonly string[]): boolean {
    if (when === 'now') return true;
    if (when === 'command') return false;
    if (when === 'idle') {
      const since = performance.now() - this.#options.idleMs;
      return stations.every((station) => (this.#lastPartMs.get(station) ?? this.#startedMs) <= since);
    }
    const nowMs = this.#options.nowMs();
    return nowMs !== null && nowMs >= Date.parse(when);
  }

  #promote(slot: string, one: Pending): void {
    const { probation, onPromoted } = this.#options;
    const next = (state: ModelState) =>
      // The first model has none that one could go back to.
      activated(state, one.plan.digest, { station: slot, probation: probation && slotOf(state, slot) !== null });
    this.#end(slot, one, next, () => onPromoted(one.folder));
  }

  #shadowed(slot: string, one: Pending, when: Plan['when']): void {
    const plan = { ...one.plan, when, shadow: null };
    const next = (state: ModelState) => planned(state, plan, { station: slot });
    this.#end(slot, one, next, () => this.#options.onShadowed(one.folder, when));
  }

  #drop(slot: string, one: Pending, reason: string): void {
    const { folder } = one;
    const stations = this.#concerned(slot);
    const next = (state: ModelState) => unplanned(state, { station: slot });
    this.#end(slot, one, next, () => this.#options.onDropped({ folder, reason, stations }));
  }

  /** Changes what is planned on the disk, unless somebody else did so before. */
  #end(slot: string, one: Pending, next: (state: ModelState) => ModelState, onDone: () => void): void {
    one.isEnding = true;
    let isDone = false;
    const change = (state: ModelState) => {
      isDone = isSame(state.plans[slot], one.plan);
      return isDone ? next(state) : state;
    };
    this.#work = this.#work
      .then(() => this.#options.change(change))
      .then(
        (state) => {
          this.follow(state);
          if (isDone) onDone();
        },
        (thrown: unknown) => {
          one.isEnding = false;
          one.notBeforeMs = performance.now() + PLAN_LIMITS.againAfterMs;
          this.#options.onFault(thrown);
        },
      );
  }
}

function fail(one: Pending, reason: string): void {
  one.fault ??= reason;
}

function isSame(one: Plan | undefined, other: Plan): boolean {
  if (one === undefined || one.digest !== other.digest || one.since !== other.since) return false;
  return one.when === other.when && (one.shadow === null) === (other.shadow === null);
}

function percent(share: number): string {
  return `${+(100 * share).toFixed(2)} %`;
}
