import { ALL_STATIONS, type ModelState } from '../model/store/state.js';
import { slotOf } from '../model/store/transitions.js';
import type { UpdatePhase } from '../publish/update-message.js';
import { planOf } from './take-over.js';

export interface Fate {
  readonly phase: UpdatePhase;
  readonly code: string | null;
  readonly reason: string | null;
}

/**
 * What has become of a bundle that was made active, by the state of its model alone: whoever changed that, and whenever.
 *
 * @param stations that it was made active for; null: all that have no model of their own
 * @param before the phase that it was in
 */
export function fateOf(
  state: ModelState,
  digest: string,
  stations: readonly string[] | null,
  before: UpdatePhase,
): Fate {
  const slots = (stations ?? [ALL_STATIONS]).map((station) => slotOf(state, station));
  const plan = (stations ?? [ALL_STATIONS])
    .map((station) => planOf(state, station, digest))
    .find((one) => one !== null);
  if (plan) return asItWas(plan.shadow === null ? 'scheduled' : 'shadow');
  const its = slots.filter((slot) => slot?.active === digest);
  if (its.some((slot) => slot?.probation)) return { phase: 'probation', code: null, reason: null };
  if (its.length > 0) return { phase: 'active', code: null, reason: null };
  const bar = state.barred.find((one) => one.digest === digest);
  if (bar !== undefined) {
    const code = before === 'probation' ? 'SG_BUNDLE_PROBATION' : 'SG_BUNDLE_BARRED';
    return { phase: 'rolled back', code, reason: bar.reason };
  }
  if (before === 'scheduled' || before === 'shadow') {
    return { phase: 'installed', code: null, reason: 'it is not to take over any longer' };
  }
  const age = (one: string | undefined) => state.installed.findIndex((installed) => installed.digest === one);
  const now = slots.find((slot) => slot !== null)?.active;
  // One that was active is not what a later one replaced, but what was.
  if (age(now) > age(digest)) return before === 'probation' ? replaced(state, now) : asItWas(before);
  return { phase: 'rolled back', code: null, reason: `${nameOf(state, now)} was made active again` };
}

function replaced(state: ModelState, now: string | undefined): Fate {
  return { phase: 'installed', code: null, reason: `${nameOf(state, now)} was made active before it was confirmed` };
}

function asItWas(phase: UpdatePhase): Fate {
  return { phase, code: null, reason: null };
}

function nameOf({ id, installed }: ModelState, digest: string | undefined): string {
  return `${id}@${installed.find((one) => one.digest === digest)?.version ?? ''}`;
}
