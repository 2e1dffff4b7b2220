import type { OutboxConfig } from '../../config/schema.js';
import type { OutboxOptions } from './open.js';
import { OUTBOX_DEFAULTS } from './types.js';

const HOUR_MS = 3_600_000;

export function outboxFromConfig({ maxAgeHours, replayPerSecond, ...rest }: OutboxConfig): OutboxOptions {
  const { verdict, map, frame } = maxAgeHours;
  return {
    ...rest,
    maxMemoryBytes: OUTBOX_DEFAULTS.maxMemoryBytes,
    maxAgeMs: { verdict: verdict * HOUR_MS, map: map * HOUR_MS, frame: frame * HOUR_MS },
    replayPerSecond: replayPerSecond === 'unlimited' ? null : replayPerSecond,
  };
}
