import type { Inspection, InvalidReason, PartId, Timestamp, Verdict } from '../types.js';

export interface LedgerLimits {
  /** Parts a station may have accepted and not answered yet. One is the rule; more means that it does not answer. */
  readonly maxOpenParts: number;
  /** Late parts whose verdict may still come, remembered so that it is recognised. */
  readonly maxLateParts: number;
}

export const LEDGER_LIMITS: LedgerLimits = { maxOpenParts: 64, maxLateParts: 256 };

export interface LedgerOptions {
  /** Milliseconds from the capture of a part to the latest moment of its answer. */
  readonly deadlineMs: number;
  /** Reads the monotonic clock of the machine, in milliseconds, the one that `Timestamp.monotonicMs` is read from. */
  readonly now: () => number;
  readonly limits?: LedgerLimits;
}

/** What became of an inspection that the station handed in. */
export type Settlement =
  /** It is the answer for its part: send it. */
  | 'answer'
  /** Its part has been answered `invalid: late`: record it, do not send it. */
  | 'late'
  /** Its part is not open: never announced, answered already, or of an earlier life of the station. */
  | 'unannounced';

export interface LedgerCounters {
  accepted: number;
  answered: number;
  late: number;
  /** Verdicts that came after their part had been answered `invalid: late`. */
  lateVerdicts: number;
  lost: number;
  /** Drop policy of the open parts, "oldest is answered `invalid: overrun`". */
  overrun: number;
  unannounced: number;
  /** Announcements that repeat a part which is open already. */
  repeated: number;
}

interface OpenPart {
  readonly part: PartId;
  readonly captured: Timestamp;
  readonly dueMs: number;
}

/**
 * The part ledger of one station: who was promised an answer and has none yet. Every accepted part is answered exactly
 * once, by the station's own verdict, or by the agent where the verdict is late or the station is lost.
 *
 * It holds no timer: the owner asks `nextDueMs()` and calls `expire()` then.
 */
export class PartLedger {
  readonly counters: LedgerCounters = {
    accepted: 0,
    answered: 0,
    late: 0,
    lateVerdicts: 0,
    lost: 0,
    overrun: 0,
    unannounced: 0,
    repeated: 0,
  };
  readonly #deadlineMs: number;
  readonly #now: () => number;
  readonly #limits: LedgerLimits;
  /** Insertion order is the order of acceptance. */
  readonly #open = new Map<string, OpenPart>();
  readonly #late = new Set<string>();

  constructor(options: LedgerOptions) {
    this.#deadlineMs = options.deadlineMs;
    this.#now = options.now;
    this.#limits = options.limits ?? LEDGER_LIMITS;
  }

  get openParts(): number {
    return this.#open.size;
  }

  /** Opens a part. Returns the answers that this forces: none, or the oldest part's where too many are open. */
  accept(part: PartId, captured: Timestamp): Inspection[] {
    const key = keyOf(part);
    if (this.#open.has(key) || this.#late.has(key)) {
      this.counters.repeated++;
      return [];
    }
    this.counters.accepted++;
    // A capture time in the future would postpone the deadline for ever.
    const dueMs = Math.min(captured.monotonicMs, this.#now()) + this.#deadlineMs;
    this.#open.set(key, { part, captured, dueMs });
    if (this.#open.size <= this.#limits.maxOpenParts) return [];
    const [oldestKey, oldest] = this.#open.entries().next().value as [string, OpenPart];
    this.#open.delete(oldestKey);
    this.counters.overrun++;
    const detail = `more than ${this.#limits.maxOpenParts} parts were accepted and not answered`;
    return [this.#invalid(oldest, 'overrun', detail)];
  }

  /** Says what to do with the verdict of a part, and closes the part. Call `expire()` first: the clock decides, not the timer. */
  settle(part: PartId): Settlement {
    const key = keyOf(part);
    if (this.#open.delete(key)) {
      this.counters.answered++;
      return 'answer';
    }
    if (this.#late.delete(key)) {
      this.counters.lateVerdicts++;
      return 'late';
    }
    this.counters.unannounced++;
    return 'unannounced';
  }

  /** Answers `invalid: late` for every part whose deadline has passed, oldest first. */
  expire(): Inspection[] {
    const now = this.#now();
    const answers: Inspection[] = [];
    for (const [key, open] of this.#open) {
      if (open.dueMs > now) continue;
      this.#open.delete(key);
      this.#rememberLate(key);
      this.counters.late++;
      answers.push(this.#invalid(open, 'late', `no verdict within ${this.#deadlineMs} ms of the capture`));
    }
    return answers;
  }

  /** The monotonic time of the earliest deadline, null where nothing is open. */
  nextDueMs(): number | null {
    let next: number | null = null;
    for (const { dueMs } of this.#open.values()) if (next === null || dueMs < next) next = dueMs;
    return next;
  }

  /** The station is gone: answers `invalid: station lost` for every open part. Nothing more comes for any of them. */
  lose(detail: string): Inspection[] {
    const answers = [...this.#open.values()].map((open) => this.#invalid(open, 'station lost', detail));
    this.counters.lost += answers.length;
    this.#open.clear();
    this.#late.clear();
    return answers;
  }

  #rememberLate(key: string): void {
    this.#late.add(key);
    if (this.#late.size <= this.#limits.maxLateParts) return;
    for (const oldest of this.#late) {
      this.#late.delete(oldest);
      break;
    }
  }

  #invalid({ part, captured }: OpenPart, reason: InvalidReason, detail: string): Inspection {
    return answerInPlace(part, captured, { result: 'invalid', reason, detail }, this.#now());
  }
}

/** The answer for a part that its station does not give. */
export function answerInPlace(part: PartId, captured: Timestamp, verdict: Verdict, nowMs: number): Inspection {
  return {
    part,
    captured,
    ptsNs: null,
    frameWidth: 0,
    frameHeight: 0,
    model: null,
    provider: null,
    verdict,
    regions: [],
    timings: {
      capture: 0,
      crop: 0,
      network: 0,
      postprocess: 0,
      encode: 0,
      total: Math.max(0, nowMs - captured.monotonicMs),
    },
    skippedFrames: 0,
  };
}

function keyOf(part: PartId): string {
  return `${part.epoch}/${part.sequence}`;
}
