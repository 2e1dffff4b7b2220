import { type ErrorCode, reasonOf, SideglanceError } from '../errors.js';
import type { Frame, Inspection, PartId, StationMessage } from '../types.js';
import type { Judge } from './judge.js';
import type { Orders } from './orders.js';
import type { Progress } from './progress.js';

export const LOOP_LIMITS = {
  /** So many frames in a row that could not be inspected, and the process is replaced by a fresh one. */
  maxErrorsInARow: 5,
  /** Without a part for so long, the model proves itself on a golden sample; and again after as long. */
  selfTestAfterMs: 30_000,
} as const;

export interface LoopOptions {
  /** Null: no frame came, within the time that the camera waits. */
  readonly next: () => Promise<Frame | null>;
  readonly judge: Judge;
  readonly orders: Orders;
  /** No part is under way: another model may take over. */
  readonly border: () => Promise<void>;
  /** A part was looked at and answered; its frame is there until this returns. */
  readonly answered: (frame: Frame, inspection: Inspection) => void;
  /** Scores a golden sample. @throws what is wrong with the model */
  readonly selfTest: () => Promise<void>;
  readonly progress: Progress;
  readonly send: (message: StationMessage) => Promise<void>;
  readonly stopping: () => boolean;
  readonly now: () => number;
}

/**
 * The work of a station: one part at a time, announced before anything is done with it, answered whatever happens. The
 * camera keeps the newest frame meanwhile. Settles when `stopping` says so, after the part under way.
 *
 * @throws SideglanceError what ended it: only a person (`needsPerson`) or a new process can mend it
 */
export async function runLoop(options: LoopOptions): Promise<void> {
  const { judge, orders, progress, send } = options;
  let errorsInARow = 0;
  let provenMs = options.now();
  while (!options.stopping()) {
    await options.border();
    const frame = await options.next();
    progress.pulled();
    const by = frame === null ? null : orders.partBy(frame);
    let inspection: Inspection | null = null;
    if (frame !== null && by !== null) {
      await send({ type: 'accepted', part: judge.partOf(frame), captured: frame.captured, trigger: by.trigger });
      const judgement = await judge.judge(frame, orders.paused);
      inspection = judgement.inspection;
      await send({ type: 'inspection', inspection, attachments: judgement.attachments });
      progress.judged();
      errorsInARow = judgement.error === null ? 0 : errorsInARow + 1;
      if (judgement.error !== null) await report(judgement.error, inspection.part, errorsInARow, send);
      // What was answered without being looked at proves nothing about the model.
      if (!judgement.isPaused) {
        provenMs = options.now();
        options.answered(frame, inspection);
      }
    }
    if (frame !== null) await orders.after(frame, inspection);
    await orders.expire();
    if (options.now() - provenMs >= LOOP_LIMITS.selfTestAfterMs) {
      await proveModel(options.selfTest);
      progress.tested();
      provenMs = options.now();
    }
    const due = progress.report(options.now());
    if (due !== null) await send(due);
  }
}

async function report(error: SideglanceError, part: PartId, inARow: number, send: LoopOptions['send']): Promise<void> {
  if (needsPerson(error)) throw error;
  if (inARow >= LOOP_LIMITS.maxErrorsInARow) {
    throw new SideglanceError(error.code, `${inARow} frames in a row could not be inspected: ${error.message}`, {
      cause: error,
    });
  }
  await send({ type: 'fault', code: error.code, message: error.message, fatal: false, part });
}

/** A model that computed right when it was loaded and does no longer: a fresh process may, and tests it again first. */
async function proveModel(selfTest: () => Promise<void>): Promise<void> {
  try {
    await selfTest();
  } catch (cause) {
    throw new SideglanceError('SG_RUNTIME', `the model no longer proves itself: ${reasonOf(cause)}`, { cause });
  }
}

/** Faults that come back with every restart until somebody changes the configuration, the model or the machine. */
const FOR_A_PERSON: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'SG_SETUP_INCOMPLETE',
  'SG_CONFIG_INVALID',
  'SG_CONFIG_UNREADABLE',
  'SG_NATIVE_LIBRARY',
  'SG_CAMERA_PIPELINE',
  'SG_FRAME_FORMAT',
  'SG_REGION_OUTSIDE',
  'SG_REGION_SHAPE',
  'SG_MODEL_UNREADABLE',
  'SG_MODEL_INVALID',
  'SG_MODEL_GOLDEN_MISMATCH',
  'SG_PRECISION_UNCALIBRATED',
  'SG_PROVIDER_UNAVAILABLE',
]);

export function needsPerson(error: unknown): boolean {
  return error instanceof SideglanceError && FOR_A_PERSON.has(error.code);
}

/** The last message of a station that ends by a fault. */
export function faultMessage(thrown: unknown): Extract<StationMessage, { type: 'fault' }> {
  const { code, reason } = causeOf(thrown);
  return { type: 'fault', code, message: reason, fatal: needsPerson(thrown) };
}

/** What was thrown, for whoever is in another process. */
export function causeOf(thrown: unknown): { readonly code: ErrorCode; readonly reason: string } {
  return { code: thrown instanceof SideglanceError ? thrown.code : 'SG_RUNTIME', reason: reasonOf(thrown) };
}
