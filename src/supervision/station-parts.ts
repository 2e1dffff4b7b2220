import { randomUUID } from 'node:crypto';
import type { Attachment, Inspection, InvalidReason, PartId, Timestamp } from '../types.js';
import { answerInPlace, PartLedger } from './ledger.js';
import type { SupervisionLimits } from './limits.js';
import { monotonicMs, timestamp } from './moment.js';
import type { StationSnapshot, SupervisionEvent } from './reports.js';

export interface StationPartsOptions {
  readonly station: string;
  readonly deadlineMs: number;
  readonly limits: SupervisionLimits['ledger'];
  /** What the station runs, for answers in its place. */
  readonly inUse: () => Pick<Inspection, 'model' | 'provider'>;
  /** Once for each part. */
  readonly onAnswer: (inspection: Inspection, attachments: readonly Attachment[]) => void;
  readonly log: (
    level: 'info' | 'warn' | 'error',
    event: SupervisionEvent,
    fields: Readonly<Record<string, unknown>>,
  ) => void;
}

/** Sees to it that every part that a station has accepted is answered once and in time, by the station or in its place. */
export class StationParts {
  readonly #options: StationPartsOptions;
  readonly #ledger: PartLedger;
  readonly #answers = { pass: 0, fail: 0, invalid: 0 };
  /** Of parts that were asked for and never became the station's: they have an epoch of their own. */
  readonly #refused = { epoch: randomUUID(), count: 0 };
  #timer: NodeJS.Timeout | undefined;

  constructor(options: StationPartsOptions) {
    const { deadlineMs, limits } = options;
    this.#options = options;
    this.#ledger = new PartLedger({ deadlineMs, now: monotonicMs, limits });
  }

  get counts(): Pick<StationSnapshot, 'parts' | 'ledger'> {
    const counters = this.#ledger.counters;
    return { parts: { accepted: counters.accepted, ...this.#answers }, ledger: { ...counters } };
  }

  /** When the next part is due, as `monotonicMs`; null where none is open. */
  nextDueMs(): number | null {
    return this.#ledger.nextDueMs();
  }

  accept(part: PartId, captured: Timestamp): void {
    this.#answerInPlace(this.#ledger.accept(part, captured), 'part.overrun');
    this.#watch();
  }

  /** The station's answer. */
  settle(inspection: Inspection, attachments: readonly Attachment[]): void {
    // A verdict that is read after the deadline is late, whether or not the timer has come round to say so.
    this.#expire();
    const { log } = this.#options;
    const { verdict, timings } = inspection;
    const { epoch, sequence } = inspection.part;
    const facts = { epoch, sequence, verdict: verdict.result };
    const outcome = this.#ledger.settle(inspection.part);
    if (outcome === 'answer') this.#answer(inspection, attachments);
    else if (outcome === 'late') log('warn', 'part.late-verdict', { ...facts, totalMs: timings.total });
    else if (outcome === 'unannounced') log('warn', 'part.unannounced', facts);
    this.#watch();
  }

  /** Answers a part that was asked for and that the station does not take: a trigger always gets an answer. */
  refuse(reason: InvalidReason, detail: string): Inspection {
    const part = { station: this.#options.station, epoch: this.#refused.epoch, sequence: this.#refused.count++ };
    const at = timestamp();
    const inspection = answerInPlace(part, at, { result: 'invalid', reason, detail }, at.monotonicMs);
    this.#answerInPlace([inspection], 'part.refused');
    return inspection;
  }

  /** The station is gone, and answers nothing any more. */
  lose(reason: string): void {
    this.#expire();
    this.#answerInPlace(this.#ledger.lose(reason), 'part.lost');
    clearTimeout(this.#timer);
  }

  #answer(inspection: Inspection, attachments: readonly Attachment[]): void {
    this.#answers[inspection.verdict.result]++;
    this.#options.onAnswer(inspection, attachments);
  }

  #answerInPlace(answers: readonly Inspection[], event: SupervisionEvent): void {
    for (const inspection of answers) {
      const { epoch, sequence } = inspection.part;
      this.#options.log('warn', event, { epoch, sequence });
      this.#answer({ ...inspection, ...this.#options.inUse() }, []);
    }
  }

  #expire(): void {
    this.#answerInPlace(this.#ledger.expire(), 'part.late');
  }

  #watch(): void {
    clearTimeout(this.#timer);
    const dueMs = this.#ledger.nextDueMs();
    if (dueMs === null) return;
    this.#timer = setTimeout(
      () => {
        this.#expire();
        this.#watch();
      },
      Math.max(0, Math.ceil(dueMs - monotonicMs())),
    );
  }
}
