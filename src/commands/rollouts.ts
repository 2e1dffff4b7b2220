import { setTimeout as wait } from 'node:timers/promises';
import { type ErrorCode, reasonOf, SideglanceError } from '../errors.js';
import type { IncomingMessage } from '../publish/inbox.js';
import { ROLLOUT_ROOT, type RolloutMessage, rolloutTopic } from '../publish/rollout-message.js';
import { lotOf, takesPart } from './cohort.js';
import { asError, type Case, Paperwork, type PaperworkOptions } from './paperwork.js';
import { contentOf, openRollout, readRollout, rolloutLateness, whereOf } from './rollout-letter.js';
import { type KnownRollout, RolloutMemory } from './rollout-memory.js';
import type { RolloutWork } from './rollout-work.js';

export const ROLLOUT_LIMITS = {
  /** How often the clock is looked at until it is set. */
  clockEveryMs: 5_000,
} as const;

export interface RolloutsOptions extends PaperworkOptions {
  /** Ids of the models that stations of this device run. */
  readonly models: readonly string[];
  /** Where what became of them is kept. */
  readonly folder: string;
  readonly work: RolloutWork;
  /** Milliseconds since 1970; null while nobody vouches for the clock. */
  readonly timeMs: () => number | null;
  /** Of each model, so many messages are looked at in a minute; one that is overtaken meanwhile is not. */
  readonly perMinute: number;
}

/** What a rollout fails by for now: it is tried again when its message comes again. */
const FOR_NOW: ReadonlySet<ErrorCode> = new Set([
  'SG_BUNDLE_DOWNLOAD',
  'SG_BUNDLE_DISK_FULL',
  'SG_BUNDLE_CLOCK_UNSET',
  'SG_STORAGE',
  'SG_STORAGE_IN_USE',
  'SG_COMMAND_BUSY',
  'SG_COMMAND_INTERRUPTED',
]);

/** The rollouts of one model. */
interface Slot {
  readonly model: string;
  /** Not looked at yet; a newer one takes its place. */
  newest: IncomingMessage | null;
  timer: NodeJS.Timeout | null;
  lookedAtMs: number;
  /** One message after the other. */
  settled: Promise<void>;
  running: Running | null;
}

interface Running {
  readonly id: string;
  readonly controller: AbortController;
  settled: Promise<void>;
}

/**
 * Follows what is rolled out to many devices. Each model has one retained message, which comes again with every connection; the
 * newest one of each is looked at, refused or followed, once, and written down as commands are. Nothing that arrives makes it throw.
 */
export class Rollouts {
  readonly #options: RolloutsOptions;
  readonly #paperwork: Paperwork;
  readonly #memory: RolloutMemory;
  readonly #slots: ReadonlyMap<string, Slot>;
  #isStopped = false;

  constructor(options: RolloutsOptions) {
    this.#options = options;
    this.#paperwork = new Paperwork(options);
    this.#memory = new RolloutMemory(options.folder);
    const nothing = { newest: null, timer: null, lookedAtMs: Number.NEGATIVE_INFINITY, running: null };
    this.#slots = new Map(options.models.map((model) => [model, { model, settled: Promise.resolve(), ...nothing }]));
    if (this.#memory.fault !== null) options.onFault(new SideglanceError('SG_STORAGE', this.#memory.fault));
  }

  /** What is subscribed to. */
  get filters(): readonly string[] {
    return this.#options.models.map(rolloutTopic);
  }

  /** Whether a message is one of a rollout. */
  static isFor(topic: string): boolean {
    return topic.startsWith(`${ROLLOUT_ROOT}/`);
  }

  /** Takes a message and returns. Never throws. */
  receive(message: IncomingMessage): void {
    const slot = this.#slots.get(message.topic.slice(ROLLOUT_ROOT.length + 1));
    if (slot === undefined || this.#isStopped) return;
    slot.newest = message;
    this.#lookIn(slot, slot.lookedAtMs + 60_000 / this.#options.perMinute - performance.now());
  }

  /** As `receive`, at once; settles when what came of it is done. */
  async handle(message: IncomingMessage): Promise<void> {
    const slot = this.#slots.get(message.topic.slice(ROLLOUT_ROOT.length + 1));
    if (slot === undefined) return;
    slot.newest = message;
    await this.#lookNow(slot);
    await slot.running?.settled;
  }

  /** What is under way is stopped; the message brings it again. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const slot of this.#slots.values()) {
      clearTimeout(slot.timer ?? undefined);
      await slot.settled;
      await this.#halt(slot, 'the device is stopping');
    }
  }

  #lookIn(slot: Slot, ms: number): void {
    slot.timer ??= setTimeout(
      () => {
        slot.timer = null;
        void this.#lookNow(slot);
      },
      Math.max(0, ms),
    );
  }

  /** Never rejects. */
  #lookNow(slot: Slot): Promise<void> {
    slot.lookedAtMs = performance.now();
    slot.settled = slot.settled.then(() => this.#look(slot)).catch((thrown: unknown) => this.#fault(thrown));
    return slot.settled;
  }

  async #look(slot: Slot): Promise<void> {
    const message = slot.newest;
    slot.newest = null;
    if (message === null || this.#isStopped) return;
    if (message.payload.byteLength === 0) return this.#forget(slot, 'the rollout was taken away');
    const read = readRollout(message, slot.model);
    const opened = openRollout(message, read, this.#options);
    if (read instanceof SideglanceError) this.#paperwork.note(opened, 'refused', read);
    else await this.#follow(slot, read, opened, message);
  }

  async #follow(slot: Slot, rollout: RolloutMessage, opened: Case, message: IncomingMessage): Promise<void> {
    const { id, model, state } = rollout;
    const known = this.#memory.of(model);
    const isKnown = known?.id === id;
    if (isKnown && known.content !== contentOf(rollout)) {
      const text = `rollout ${id} had another version, file, activation or other stations before: give this one an id of its own`;
      return this.#refuse(rollout, opened, fault('SG_COMMAND_REUSED', text));
    }
    if (known !== null && Date.parse(rollout.issued) < Date.parse(known.issued)) {
      const text = `rollout ${id} says what was said on ${rollout.issued}, before the last word on ${known.issued}`;
      return this.#paperwork.note(opened, 'refused', fault('SG_COMMAND_LATE', text));
    }
    const isIn = takesPart(rollout, this.#options.device);
    if (state === 'running' && isIn) {
      if (isKnown && (known.stage === 'brought' || known.stage === 'refused' || known.stage === 'withdrawn')) {
        return this.#remember(rollout);
      }
      if (slot.running?.id === id) return this.#remember(rollout);
      if (this.#options.timeMs() === null) {
        this.#options.work.tell(rollout, 'waiting', 'SG_BUNDLE_CLOCK_UNSET', 'it begins when the clock is set');
        slot.newest ??= message;
        return this.#lookIn(slot, ROLLOUT_LIMITS.clockEveryMs);
      }
      const late = this.#lateness(rollout);
      if (late !== null) {
        // It comes again with every connection: that it was late is said once.
        if (!isKnown || known.issued !== rollout.issued) this.#refuse(rollout, opened, late);
        return this.#remember(rollout);
      }
    }
    const why = state === 'running' ? 'it is for others' : `the rollout is ${state}`;
    if (isKnown) await this.#halt(slot, why);
    else await this.#forget(slot, `rollout ${id} came`);
    await this.#remember(rollout);
    if (state === 'halted' && isKnown) await this.#cancel(rollout, opened);
    if (state === 'withdrawn' && isKnown) await this.#withdraw(rollout, opened);
    if (state === 'running' && isIn) this.#start(slot, rollout, opened);
  }

  #start(slot: Slot, rollout: RolloutMessage, opened: Case): void {
    const controller = new AbortController();
    const running: Running = { id: rollout.id, controller, settled: Promise.resolve() };
    slot.running = running;
    running.settled = this.#run(rollout, opened, controller.signal)
      .catch((thrown: unknown) => this.#fault(thrown))
      .finally(() => {
        if (slot.running === running) slot.running = null;
      });
  }

  async #run(rollout: RolloutMessage, opened: Case, signal: AbortSignal): Promise<void> {
    const { work, device } = this.#options;
    const delayMs = lotOf(rollout.id, device).delay * rollout.spreadSeconds * 1000;
    if (delayMs > 0) {
      work.tell(rollout, 'waiting', null, `it begins after ${Math.round(delayMs / 1000)} s of its own`);
      await wait(delayMs, undefined, { signal }).catch(() => {});
    }
    if (signal.aborted) return work.tell(rollout, 'waiting', 'SG_ROLLOUT_HALTED', reasonOf(signal.reason));
    const late = this.#lateness(rollout);
    if (late !== null) return this.#refuse(rollout, opened, late);
    try {
      await this.#paperwork.begin(opened, null);
      await this.#remember(rollout, 'begun');
    } catch (thrown) {
      return this.#refuse(rollout, opened, asError(thrown));
    }
    try {
      await work.bring(rollout, signal);
      await this.#end(rollout, opened, 'brought', null);
    } catch (thrown) {
      if (signal.aborted) {
        await this.#end(rollout, opened, 'heard', asError(signal.reason));
        work.tell(rollout, 'waiting', 'SG_ROLLOUT_HALTED', reasonOf(signal.reason));
      } else {
        const error = asError(thrown);
        await this.#end(rollout, opened, FOR_NOW.has(error.code) ? 'heard' : 'refused', error);
      }
    }
  }

  async #cancel(rollout: RolloutMessage, opened: Case): Promise<void> {
    if (!hasIt(this.#memory.of(rollout.model)) || !(await this.#options.work.cancel(rollout))) return;
    const text = 'the rollout is halted';
    await this.#end(rollout, opened, 'heard', fault('SG_ROLLOUT_HALTED', text));
    this.#options.work.tell(rollout, 'waiting', 'SG_ROLLOUT_HALTED', text);
  }

  async #withdraw(rollout: RolloutMessage, opened: Case): Promise<void> {
    const known = this.#memory.of(rollout.model);
    if (!hasIt(known)) return;
    try {
      await this.#paperwork.begin(opened, null);
      await this.#options.work.withdraw(rollout);
      await this.#end(rollout, opened, 'withdrawn', null);
    } catch (thrown) {
      await this.#end(rollout, opened, known.stage, asError(thrown));
    }
  }

  async #end(
    rollout: RolloutMessage,
    opened: Case,
    stage: KnownRollout['stage'],
    error: SideglanceError | null,
  ): Promise<void> {
    this.#paperwork.note(opened, error === null ? 'done' : 'failed', error);
    await this.#paperwork.keep();
    // What cannot be remembered is done once more at the worst, and is found done then.
    await this.#remember(rollout, stage).catch((thrown: unknown) => this.#fault(thrown));
  }

  /** Stops what is under way, as far as it is not in use yet. */
  async #halt(slot: Slot, why: string): Promise<void> {
    slot.running?.controller.abort(fault('SG_ROLLOUT_HALTED', why));
    await slot.running?.settled;
  }

  /** As `halt`, and what the last rollout was to make active later is not. */
  async #forget(slot: Slot, why: string): Promise<void> {
    await this.#halt(slot, why);
    const known = this.#memory.of(slot.model);
    if (!hasIt(known)) return;
    const brought = { id: known.id, model: slot.model, ...whereOf(known.content) };
    if (!(await this.#options.work.cancel(brought))) return;
    await this.#memory.change(slot.model, (now) => (now?.id === known.id ? { ...now, stage: 'heard' } : null));
    this.#options.work.tell(brought, 'waiting', 'SG_ROLLOUT_HALTED', why);
  }

  #remember(rollout: RolloutMessage, stage?: KnownRollout['stage']): Promise<void> {
    const { id, model, issued } = rollout;
    return this.#memory.change(model, (known) => {
      const before = known?.id === id ? known : null;
      // One that ended after the next word was heard.
      if (stage !== undefined && known !== null && before === null) return null;
      const newest = before !== null && Date.parse(before.issued) > Date.parse(issued) ? before.issued : issued;
      return { id, issued: newest, content: contentOf(rollout), stage: stage ?? before?.stage ?? 'heard' };
    });
  }

  #refuse(rollout: RolloutMessage, opened: Case, error: SideglanceError): void {
    this.#paperwork.note(opened, 'refused', error);
    if (takesPart(rollout, this.#options.device)) {
      this.#options.work.tell(rollout, 'refused', error.code, error.message);
    }
  }

  #lateness(rollout: RolloutMessage): SideglanceError | null {
    return rolloutLateness(rollout, this.#options.timeMs());
  }

  #fault(thrown: unknown): void {
    const text = `a rollout could not be dealt with: ${reasonOf(thrown)}`;
    this.#options.onFault(
      thrown instanceof SideglanceError ? thrown : new SideglanceError('SG_COMMAND_FAILED', text, { cause: thrown }),
    );
  }
}

/** It may be in use, or planned to be. */
function hasIt(known: KnownRollout | null): known is KnownRollout {
  return known?.stage === 'begun' || known?.stage === 'brought';
}

function fault(code: ErrorCode, message: string): SideglanceError {
  return new SideglanceError(code, message);
}
