import { isDeepStrictEqual } from 'node:util';
import type { ModelState, Plan } from '../model/store/state.js';
import { activated, planned, slotOf } from '../model/store/transitions.js';

/** How a bundle that is installed and proven is to come into use in one slot. */
export interface TakeOver {
  readonly digest: string;
  readonly station: string;
  readonly when: Plan['when'];
  /** Both 0: it looks at no parts before. */
  readonly shadow: { readonly parts: number; readonly minutes: number };
  /** Whether what takes the place of another is on probation. */
  readonly probation: boolean;
  readonly at: string;
}

/**
 * It becomes active, or is planned to. What is active already stays so, and a plan that is made once more does not begin anew.
 * @throws SideglanceError as `activated` and `planned`
 */
export function takingOver(state: ModelState, { digest, station, when, shadow, probation, at }: TakeOver): ModelState {
  const before = slotOf(state, station);
  // The first model has none that it could be compared with, or that one could go back to.
  const isShadow = before !== null && shadow.parts + shadow.minutes > 0;
  if (before?.active === digest || (when === 'now' && !isShadow)) {
    return activated(state, digest, { station, probation: probation && before !== null });
  }
  const { parts, minutes } = shadow;
  const plan: Plan = { digest, when, shadow: isShadow ? { parts, minutes } : null, since: at };
  const known = planOf(state, station, digest);
  const isSame = known?.when === when && isDeepStrictEqual(known.shadow, plan.shadow);
  return isSame ? state : planned(state, plan, { station });
}

/** The plan by which a bundle is to take over in the slot of a station, or of all; null where there is none. */
export function planOf(state: ModelState, station: string, digest: string): Plan | null {
  const plan = state.plans[station];
  return plan?.digest === digest ? plan : null;
}
