import type { CommandsConfig } from '../config/commands.js';
import { SideglanceError } from '../errors.js';
import type { Timestamp } from '../types.js';
import type { Letter } from './letter.js';

export interface LatenessRule {
  readonly config: Pick<CommandsConfig, 'mustExpire' | 'maxAgeSeconds'>;
  readonly now: () => Timestamp;
  readonly clockSynced: () => boolean;
}

/** Why a command comes too late, or at a time that is not known; null: it is in time. */
export function latenessOf({ expires: saysUntil, fields }: Letter, rule: LatenessRule): SideglanceError | null {
  const { now, clockSynced, config } = rule;
  const { expires, sent } = fields;
  if (config.mustExpire && !saysUntil) {
    const text = 'it may have waited at the broker: say until when it holds, by `expires`, `sent` or a message expiry';
    return late(text);
  }
  if (expires === undefined && sent === undefined) return null;
  if (!clockSynced()) {
    const text =
      'the clock of the device is not set, so `expires` and `sent` mean nothing to it: wait, or leave them out';
    return late(text);
  }
  const nowMs = Date.parse(now().utc);
  // A time that is none is for the schema to refuse: no comparison with NaN holds.
  if (Date.parse(String(expires)) <= nowMs) return late(`it was to be carried out before ${now().utc}`);
  if (nowMs - Date.parse(String(sent)) > config.maxAgeSeconds * 1000) {
    return late(`it was sent more than ${config.maxAgeSeconds} s ago (commands.maxAgeSeconds)`);
  }
  return null;
}

function late(message: string): SideglanceError {
  return new SideglanceError('SG_COMMAND_LATE', message);
}
