import { SideglanceError } from '../../errors.js';
import { compareVersions } from '../version.js';
import { ALL_STATIONS, type Barred, type Installed, type ModelState, type Plan, type Slot } from './state.js';

/** How the state of a model changes: from one whole state to the next, nothing is written here. */

export interface InSlot {
  /** A station with a model of its own; absent: all that have none. */
  readonly station?: string;
}

export function withInstalled(state: ModelState, installed: Installed): ModelState {
  const { lowest } = state;
  const rises = lowest === null || compareVersions(installed.version, lowest.version) > 0;
  return {
    ...state,
    lowest: rises ? { version: installed.version, digest: installed.digest } : lowest,
    latest: state.latest !== null && state.latest > installed.at ? state.latest : installed.at,
    installed: [...state.installed.filter(({ digest }) => digest !== installed.digest), installed],
  };
}

/**
 * A bundle takes over. What was active before, and had proved itself, is the last good one from now on. What was planned for
 * the slot is not any longer.
 * @param probation the last good one stays what it is until {@link confirmed}
 * @throws SideglanceError `SG_STORE` for one that is not installed, `SG_BUNDLE_BARRED`
 */
export function activated(
  state: ModelState,
  digest: string,
  { station = ALL_STATIONS, probation = false }: InSlot & { readonly probation?: boolean } = {},
): ModelState {
  requireUsable(state, digest);
  const before = slotOf(state, station);
  if (before?.active === digest && !before.probation) return unplanned(state, { station });
  const good = before === null ? null : before.probation ? before.lastGood : before.active;
  const slot: Slot = {
    active: digest,
    lastGood: probation ? good : digest,
    probation,
    previous: [good, ...(before?.previous ?? [])].filter(
      (one, i, all): one is string => one !== null && one !== digest && all.indexOf(one) === i,
    ),
  };
  return withSlot(unplanned(state, { station }), station, slot);
}

/**
 * A bundle is to take over later, instead of any other that was to.
 * @throws SideglanceError as {@link activated}
 */
export function planned(state: ModelState, plan: Plan, { station = ALL_STATIONS }: InSlot = {}): ModelState {
  requireUsable(state, plan.digest);
  return { ...state, plans: { ...state.plans, [station]: plan } };
}

/** What was to take over in a slot is not to any longer. */
export function unplanned(state: ModelState, { station = ALL_STATIONS }: InSlot = {}): ModelState {
  const { [station]: _, ...plans } = state.plans;
  return { ...state, plans };
}

/** The active bundle has proved itself. */
export function confirmed(state: ModelState, { station = ALL_STATIONS }: InSlot = {}): ModelState {
  const slot = requireSlot(state, station);
  return withSlot(state, station, { ...slot, lastGood: slot.active, probation: false });
}

/**
 * Back to the last good bundle, or, where the active one is that itself, to the one before.
 * @param to digest of another installed bundle to go to
 * @throws SideglanceError `SG_STORE` where there is none, `SG_BUNDLE_BARRED` for `to`
 */
export function rolledBack(
  state: ModelState,
  { station = ALL_STATIONS, to }: InSlot & { readonly to?: string } = {},
): ModelState {
  const slot = requireSlot(state, station);
  const isUsable = (digest: string) => digest !== slot.active && isInstalled(state, digest) && !isBarred(state, digest);
  const target = to ?? [slot.lastGood, ...slot.previous].find((digest) => digest !== null && isUsable(digest)) ?? null;
  if (target === null) {
    throw new SideglanceError(
      'SG_STORE',
      `there is no model before the active one of ${state.id} to go back to. Install another version`,
    );
  }
  requireUsable(state, target);
  const previous = [...slot.previous.filter((digest) => digest !== target), slot.active];
  return withSlot(state, station, { active: target, lastGood: target, probation: false, previous });
}

/**
 * A bundle is not used again until {@link unbarred}, and not as it was planned either. It has to be out of use.
 * @throws SideglanceError `SG_STORE`
 */
export function barred(state: ModelState, bar: Barred): ModelState {
  const user = Object.entries(state.slots).find(([, slot]) => slot.active === bar.digest);
  if (user !== undefined) {
    throw new SideglanceError('SG_STORE', `${state.id}@${bar.version} is in use and cannot be barred. Roll back first`);
  }
  return {
    ...state,
    plans: Object.fromEntries(Object.entries(state.plans).filter(([, { digest }]) => digest !== bar.digest)),
    barred: [...state.barred.filter(({ digest }) => digest !== bar.digest), bar],
  };
}

export function unbarred(state: ModelState, digest: string): ModelState {
  return { ...state, barred: state.barred.filter((bar) => bar.digest !== digest) };
}

/**
 * As if a bundle that is neither in use nor planned had not been installed; the lowest allowed version stays.
 * @throws SideglanceError `SG_STORE`
 */
export function uninstalled(state: ModelState, digest: string): ModelState {
  if (neededOf(state).has(digest)) {
    throw new SideglanceError('SG_STORE', `the bundle ${digest.slice(0, 12)}… of ${state.id} is in use and stays`);
  }
  const without = (digests: readonly string[]) => digests.filter((one) => one !== digest);
  return {
    ...state,
    installed: state.installed.filter((one) => one.digest !== digest),
    slots: Object.fromEntries(
      Object.entries(state.slots).map(([name, slot]) => [name, { ...slot, previous: without(slot.previous) }]),
    ),
  };
}

/**
 * Forgets what is installed beyond what is in use and `keep` more, those that were active last first. Never what a slot
 * would run, is to run or would go back to.
 */
export function pruned(state: ModelState, keep: number): ModelState {
  const slots = Object.values(state.slots);
  const needed = neededOf(state);
  const lastUse = new Map(slots.flatMap(({ previous }) => previous.map((digest, i) => [digest, i] as const)));
  // One that was never active was installed just now, to be activated.
  const age = ({ digest }: Installed) => lastUse.get(digest) ?? -1;
  const spare = state.installed
    .filter(({ digest }) => !needed.has(digest))
    .sort((a, b) => age(a) - age(b) || (a.at < b.at ? 1 : -1))
    .slice(0, keep);
  const kept = state.installed.filter((one) => needed.has(one.digest) || spare.includes(one));
  const isKept = (digest: string) => kept.some((one) => one.digest === digest);
  return {
    ...state,
    installed: kept,
    slots: Object.fromEntries(
      Object.entries(state.slots).map(([name, slot]) => [name, { ...slot, previous: slot.previous.filter(isKept) }]),
    ),
  };
}

/** The slot that a station runs. */
export function slotOf(state: ModelState, station: string): Slot | null {
  return state.slots[station] ?? state.slots[ALL_STATIONS] ?? null;
}

export function isInstalled(state: ModelState, digest: string): boolean {
  return state.installed.some((one) => one.digest === digest);
}

export function isBarred(state: ModelState, digest: string): boolean {
  return state.barred.some((one) => one.digest === digest);
}

function neededOf({ slots, plans }: ModelState): ReadonlySet<string | null> {
  const inUse = Object.values(slots).flatMap(({ active, lastGood }) => [active, lastGood]);
  return new Set([...inUse, ...Object.values(plans).map(({ digest }) => digest)]);
}

function requireUsable(state: ModelState, digest: string): void {
  if (!isInstalled(state, digest))
    throw new SideglanceError('SG_STORE', `${state.id} with the digest ${digest.slice(0, 12)}… is not installed`);
  const bar = state.barred.find((one) => one.digest === digest);
  if (bar === undefined) return;
  throw new SideglanceError(
    'SG_BUNDLE_BARRED',
    `${state.id}@${bar.version} was barred on ${bar.at}: ${bar.reason}. To use it all the same: \`sideglance model unbar ${state.id}@${bar.version}\``,
  );
}

function requireSlot(state: ModelState, station: string): Slot {
  const slot = slotOf(state, station);
  if (slot === null) throw new SideglanceError('SG_STORE', `no version of ${state.id} is active. Install one first`);
  return slot;
}

function withSlot(state: ModelState, station: string, slot: Slot): ModelState {
  return { ...state, slots: { ...state.slots, [station]: slot } };
}
