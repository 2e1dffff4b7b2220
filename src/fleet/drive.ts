import { setTimeout as wait } from 'node:timers/promises';
import { type RolloutMessage, rolloutTopic } from '../publish/rollout-message.js';
import type { FleetConnection } from './connection.js';
import type { Fleet } from './fleet.js';
import { followed, readRolloutPayload } from './plan.js';
import { type Settle, type Tally, tallyOf } from './tally.js';

export const DRIVE_LIMITS = {
  /** How often it is looked how far the devices are. */
  lookEveryMs: 200,
  /** A device that has no model yet is known to take part only when it has said so. */
  leastWaveMs: 2_000,
} as const;

export interface DriveOptions {
  readonly connection: Pick<FleetConnection, 'retain' | 'onMessage'>;
  readonly fleet: Pick<Fleet, 'devices'>;
  /** The last message of it, or the first one. */
  readonly rollout: RolloutMessage;
  /** Percentages, each above the one before. */
  readonly waves: readonly number[];
  readonly settle: Settle;
  /** Longest time of a wave; devices that have not done it by then count as failed. */
  readonly waitMs: number;
  /** So many devices may fail, of all waves together, or such a share of those that take part: what is more. */
  readonly maxFailures: number;
  readonly maxFailureShare: number;
  readonly signal: AbortSignal;
  readonly onWave: (wave: Wave) => void;
  readonly onProgress: (tally: Tally) => void;
}

export interface Wave {
  /** From 1. */
  readonly number: number;
  readonly of: number;
  readonly percent: number;
  /** Devices that are waited for: those that are there now. */
  readonly awaited: number;
  /** Devices that take part and are not there. */
  readonly away: number;
}

export interface Driven {
  /** `overtaken`: somebody else has published another message meanwhile. */
  readonly outcome: 'complete' | 'halted' | 'interrupted' | 'overtaken';
  /** The last message that holds. */
  readonly rollout: RolloutMessage;
  readonly tally: Tally;
  /** Devices that did not get there in time. */
  readonly late: readonly string[];
}

/**
 * Rolls out in waves: publishes a percentage, waits for the devices that it brings in, and goes on to the next one, or publishes
 * `halted` where too many fail.
 *
 * @throws SideglanceError SG_BROKER when the broker does not take a message
 */
export async function driveRollout(options: DriveOptions): Promise<Driven> {
  const { connection, fleet, waves, settle, signal, onWave, onProgress } = options;
  let { rollout } = options;
  const own = new Set<string>();
  let overtaken: RolloutMessage | null = null;
  connection.onMessage((topic, payload) => {
    if (topic === rolloutTopic(rollout.model) && own.size > 0 && !own.has(payload.toString())) {
      overtaken = readRolloutPayload(payload) ?? rollout;
    }
  });
  const publish = async (next: RolloutMessage) => {
    const text = JSON.stringify(next);
    own.add(text);
    await connection.retain(rolloutTopic(next.model), text);
    rollout = next;
  };
  const tally = () => tallyOf(rollout, fleet.devices(), settle);
  const ended = (outcome: Driven['outcome'], late: readonly string[] = []): Driven => ({
    outcome,
    rollout: overtaken ?? rollout,
    tally: tally(),
    late,
  });

  for (const [index, percent] of waves.entries()) {
    await publish(followed(rollout, { percent, state: 'running' }, Date.now()));
    const { concerned, online } = tally();
    const awaited = new Set(online);
    onWave({
      number: index + 1,
      of: waves.length,
      percent,
      awaited: awaited.size,
      away: concerned.length - awaited.size,
    });
    const begunMs = performance.now();
    for (;;) {
      const now = tally();
      onProgress(now);
      const tookMs = performance.now() - begunMs;
      const missing = now.pending.filter((name) => awaited.has(name) || now.underWay.includes(name));
      const late = tookMs > options.waitMs ? missing : [];
      if (overtaken !== null) return ended('overtaken');
      if (now.failed.length + late.length > allowedOf(options, now)) {
        await publish(followed(rollout, { state: 'halted' }, Date.now()));
        return ended('halted', late);
      }
      if (signal.aborted) return ended('interrupted');
      if (missing.length === late.length && tookMs > DRIVE_LIMITS.leastWaveMs) break;
      await wait(DRIVE_LIMITS.lookEveryMs, undefined, { signal }).catch(() => {});
    }
  }
  return ended('complete');
}

function allowedOf({ maxFailures, maxFailureShare }: DriveOptions, { concerned }: Tally): number {
  return Math.max(maxFailures, Math.floor(maxFailureShare * concerned.length));
}
