import { mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { reasonOf, SideglanceError } from '../errors.js';
import type { ModelState } from '../model/store/state.js';
import { replaceFile } from '../model/sync.js';
import { UPDATE_MESSAGE_LIMITS, type UpdatePhase, type UpdateReport, updateReport } from '../publish/update-message.js';
import type { Timestamp } from '../types.js';
import { fateOf } from './fate.js';

export const BOARD_LIMITS = {
  /** Between two messages that tell progress within a phase. */
  progressEveryMs: 300,
} as const;

export interface BoardOptions {
  /** Where reports are kept over the end of the process. */
  readonly file: string;
  readonly now: () => Timestamp;
  readonly publish: (reports: readonly UpdateReport[]) => void;
  /** One has come to another phase. */
  readonly onPhase: (report: UpdateReport) => void;
  readonly onFault: (error: SideglanceError) => void;
}

/** With the digest of its manifest, once that is known. */
const EntrySchema = z.object({ report: updateReport, digest: z.string().nullable() });
type Entry = z.infer<typeof EntrySchema>;

/** What ended with the process that did it. */
const UNDER_WAY: ReadonlySet<UpdatePhase> = new Set(['waiting', 'downloading', 'verifying', 'proving']);
/** What goes on in the store, whoever is there. */
const IN_STORE: ReadonlySet<UpdatePhase> = new Set(['scheduled', 'shadow', 'probation', 'active']);

/** Phases of a plan that is dropped: the store has said so already, or not yet. */
const DROPPED: ReadonlySet<UpdatePhase> = new Set(['scheduled', 'shadow', 'installed']);

export type Announced = Pick<UpdateReport, 'key' | 'origin' | 'rollout' | 'model' | 'version' | 'stations'>;
export type Change = Partial<Pick<UpdateReport, 'model' | 'version' | 'phase' | 'percent' | 'code' | 'reason'>> & {
  readonly digest?: string;
};

/** What becomes of updates: the last report of each, the newest update first, published and kept. */
export class UpdateBoard {
  readonly #options: BoardOptions;
  #entries: readonly Entry[];
  #saved: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | null = null;
  #publishedMs = Number.NEGATIVE_INFINITY;

  /** What was under way when the process before ended, has ended, too. Never throws. */
  constructor(options: BoardOptions) {
    this.#options = options;
    this.#entries = this.#load().map((entry) => {
      if (!UNDER_WAY.has(entry.report.phase)) return entry;
      // A rollout comes again by itself.
      if (entry.report.origin === 'rollout') return this.#changed(entry, { phase: 'waiting', percent: null });
      const reason = `the agent ended while it was ${entry.report.phase}. Ask for it again`;
      return this.#changed(entry, { phase: 'refused', percent: null, code: 'SG_COMMAND_INTERRUPTED', reason });
    });
  }

  /** Publishes what is known. */
  tell(): void {
    this.#publish();
  }

  /** One that has the key of another takes its place. */
  add(announced: Announced): void {
    const at = this.#options.now();
    const report: UpdateReport = {
      ...announced,
      phase: 'waiting',
      percent: null,
      code: null,
      reason: null,
      since: at,
      at,
    };
    const others = this.#entries.filter((one) => one.report.key !== announced.key);
    this.#entries = [{ report, digest: null }, ...others].slice(0, UPDATE_MESSAGE_LIMITS.reports);
    this.#save();
    this.#publish();
    this.#options.onPhase(report);
  }

  /** Of one that is forgotten, nothing is told any more. */
  change(key: string, change: Change): void {
    const before = this.#entries.find(({ report }) => report.key === key);
    if (before === undefined) return;
    const after = this.#changed(before, change);
    this.#entries = this.#entries.map((entry) => (entry === before ? after : entry));
    const { percent: _, at: _at, ...was } = before.report;
    const { percent: __, at: __at, ...is } = after.report;
    if (JSON.stringify(was) === JSON.stringify(is)) {
      this.#publishSoon();
      return;
    }
    this.#save();
    this.#publish();
    if (after.report.phase !== before.report.phase) this.#options.onPhase(after.report);
  }

  /** The state of a model as it is now. */
  follow(state: ModelState): void {
    for (const { report, digest } of this.#entries) {
      const { key, model, stations, phase, code } = report;
      const isInterrupted = code === 'SG_COMMAND_INTERRUPTED';
      if (model !== state.id || digest === null || (!IN_STORE.has(phase) && !isInterrupted)) continue;
      const fate = fateOf(state, digest, stations, phase);
      // It had come further than there was time to write down.
      const counts = isInterrupted ? IN_STORE.has(fate.phase) : fate.phase !== phase;
      if (counts) this.change(key, { ...fate, percent: null });
    }
  }

  /** A bundle, `<id>@<version>`, was to take over and is not to any longer. */
  notPromoted(bundle: string, reason: string): void {
    for (const { report } of this.#entries) {
      const { key, model, version, phase } = report;
      if (`${model}@${version}` !== bundle || !DROPPED.has(phase)) continue;
      this.change(key, { phase: 'refused', percent: null, code: 'SG_BUNDLE_SHADOW', reason });
    }
  }

  /** Settles when everything is on the disk. */
  async close(): Promise<void> {
    clearTimeout(this.#timer ?? undefined);
    await this.#saved;
  }

  #changed({ report, digest }: Entry, { digest: known, ...change }: Change): Entry {
    const at = this.#options.now();
    const isSame = change.phase === undefined || change.phase === report.phase;
    const next = { ...report, ...change, at, since: isSame ? report.since : at };
    return { report: next, digest: known ?? digest };
  }

  #publish(): void {
    clearTimeout(this.#timer ?? undefined);
    this.#timer = null;
    this.#publishedMs = performance.now();
    this.#options.publish(this.#entries.map(({ report }) => report));
  }

  #publishSoon(): void {
    const inMs = this.#publishedMs + BOARD_LIMITS.progressEveryMs - performance.now();
    this.#timer ??= setTimeout(() => this.#publish(), Math.max(0, inMs));
  }

  #save(): void {
    const { file, onFault } = this.#options;
    this.#saved = this.#saved
      .then(async () => {
        mkdirSync(dirname(file), { recursive: true });
        await replaceFile(file, `${JSON.stringify(this.#entries, null, 2)}\n`);
      })
      .catch((cause: unknown) => {
        onFault(
          new SideglanceError('SG_STORAGE', `${file} cannot be written: ${reasonOf(cause)}. See to the disk`, {
            cause,
          }),
        );
      });
  }

  #load(): readonly Entry[] {
    const { file, onFault } = this.#options;
    try {
      return z
        .array(EntrySchema)
        .parse(JSON.parse(readFileSync(file, 'utf8')))
        .slice(0, UPDATE_MESSAGE_LIMITS.reports);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') {
        const text = `${file} cannot be read: ${reasonOf(cause)}. What became of earlier updates is not known any more`;
        onFault(new SideglanceError('SG_STORAGE', text, { cause }));
      }
      return [];
    }
  }
}
