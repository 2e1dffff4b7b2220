import { type ErrorCode, SideglanceError } from '../errors.js';
import type { IncomingMessage } from '../publish/inbox.js';
import { type RolloutMessage, rolloutSchema } from '../publish/rollout-message.js';
import { readObject } from './letter.js';
import type { Case, PaperworkOptions } from './paperwork.js';

/** A message that seems to come from further ahead was written by a clock that is wrong, or is read by one. */
export const MAX_AHEAD_MS = 300_000;

/** Never throws. @param model of the topic */
export function readRollout({ payload }: IncomingMessage, model: string): RolloutMessage | SideglanceError {
  const fields = readObject(payload);
  if (fields instanceof SideglanceError) return fields;
  const parsed = rolloutSchema.safeParse(fields);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const where = issue?.path.join('.') ?? '';
    const text = `${where === '' ? '' : `${where}: `}${issue?.message ?? 'it does not fit its schema'}`;
    return fault('SG_COMMAND_MALFORMED', text.slice(0, 300));
  }
  if (parsed.data.model === model) return parsed.data;
  return fault('SG_COMMAND_MALFORMED', `it is of model ${parsed.data.model}, and its topic of ${model}`);
}

/** What one id stands for. Who takes part, when, and where the file lies may change. */
export function contentOf({ version, sha256, stations, activate }: RolloutMessage): string {
  return JSON.stringify([version, sha256, stations ?? null, activate.when, activate.shadow ?? null]);
}

/** What of it tells where it was brought. */
export function whereOf(content: string): Pick<RolloutMessage, 'version' | 'stations'> {
  const [version, , stations] = JSON.parse(content) as [string, string, string[] | null];
  return { version, ...(stations !== null && { stations }) };
}

/** For the audit. */
export function openRollout(
  { topic }: IncomingMessage,
  read: RolloutMessage | SideglanceError,
  { topics, now }: Pick<PaperworkOptions, 'topics' | 'now'>,
): Case {
  const isRead = !(read instanceof SideglanceError);
  return {
    sender: { origin: 'mqtt', take: null },
    topic,
    address: { command: 'model.rollout', name: null, station: null },
    station: null,
    letter: {
      fields: isRead ? read : {},
      id: isRead ? read.id : null,
      idKey: null,
      replyTo: topics.answer,
      correlation: null,
      expires: true,
      fault: isRead ? null : read,
    },
    received: now(),
  };
}

/** Why a device does not begin now; null: it may. @param nowMs since 1970; null while nobody vouches for the clock */
export function rolloutLateness(
  { issued, expires }: Pick<RolloutMessage, 'issued' | 'expires'>,
  nowMs: number | null,
): SideglanceError | null {
  if (nowMs === null) return fault('SG_COMMAND_LATE', 'the clock of the device is no longer set');
  if (Date.parse(expires) <= nowMs) return fault('SG_COMMAND_LATE', `it was to begin before ${expires}`);
  if (Date.parse(issued) <= nowMs + MAX_AHEAD_MS) return null;
  return fault('SG_COMMAND_LATE', `it was written on ${issued}, which is still to come: set the clocks`);
}

function fault(code: ErrorCode, message: string): SideglanceError {
  return new SideglanceError(code, message);
}
