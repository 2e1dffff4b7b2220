import { takesPart } from '../commands/cohort.js';
import { deviceName } from '../model/bundle/target.js';
import type { RolloutMessage } from '../publish/rollout-message.js';

import type { FleetDevice, FleetUpdate } from './fleet.js';

/** From which phase on a device has done what a wave waits for. */
export type Settle = 'active' | 'probation';

/** How far a rollout is, by the names of devices that take part. */
export interface Tally {
  /** All of them: those that have the model, or say something about the rollout. */
  readonly concerned: readonly string[];
  /** Of these, the ones that are there now. */
  readonly online: readonly string[];
  readonly settled: readonly string[];
  readonly failed: readonly Failed[];
  /** Under way, or silent. */
  readonly pending: readonly string[];
  /** Of these, the ones that are there and have said something. */
  readonly underWay: readonly string[];
}

export interface Failed {
  readonly device: string;
  /** Why, in words, with its code. */
  readonly reason: string;
}

/** What a device says of a rollout; null: nothing. */
export function reportOn(rollout: string, { updates }: FleetDevice): FleetUpdate | null {
  return updates.find((report) => report.rollout === rollout) ?? null;
}

export function hasFailed({ phase, code }: FleetUpdate): boolean {
  return (phase === 'refused' && code !== 'SG_ROLLOUT_HALTED') || phase === 'rolled back';
}

export function tallyOf(rollout: RolloutMessage, devices: readonly FleetDevice[], settle: Settle): Tally {
  const concerned: string[] = [];
  const online: string[] = [];
  const settled: string[] = [];
  const failed: Failed[] = [];
  const pending: string[] = [];
  const underWay: string[] = [];
  for (const one of devices) {
    const report = reportOn(rollout.id, one);
    const hasModel = one.stations.some(({ model }) => model?.startsWith(`${rollout.model}@`));
    if (!takesPart(rollout, one.device) || (report === null && !hasModel)) continue;
    const name = deviceName(one.device);
    concerned.push(name);
    if (one.isOnline === true) online.push(name);
    if (report !== null && hasFailed(report)) failed.push({ device: name, reason: reasonOf(report) });
    else if (report !== null && isSettled(report, settle)) settled.push(name);
    else {
      pending.push(name);
      if (report !== null && one.isOnline === true) underWay.push(name);
    }
  }
  return { concerned, online, settled, failed, pending, underWay };
}

function isSettled({ phase }: FleetUpdate, settle: Settle): boolean {
  return phase === 'active' || (settle === 'probation' && phase === 'probation');
}

function reasonOf({ phase, code, reason }: FleetUpdate): string {
  const why = [reason, code === null ? null : `(${code})`].filter((text) => text !== null).join(' ');
  return why === '' ? phase : `${phase}: ${why}`;
}
