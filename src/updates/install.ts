import { SideglanceError } from '../errors.js';
import type { BundleSource } from '../model/bundle/source.js';
import type { VerifiedBundle } from '../model/bundle/verify.js';
import type { ExpectedBundle } from '../model/store/admission.js';
import { ALL_STATIONS, type ModelState, type Slot } from '../model/store/state.js';
import type { InstalledBundle } from '../model/store/store.js';
import { activated, barred, rolledBack, slotOf, uninstalled } from '../model/store/transitions.js';
import { type DeviceModels, storedModelOf } from './device-models.js';

/** How models come into use and go out of it, whoever asks: a person at the device, a command, a file, a rollout. */

export interface Activation {
  /** Stations that get this model for themselves; absent: every station that runs this model and has none of its own. */
  readonly stations?: readonly string[];
}

export interface InstallPlan {
  /** Null: only installed. */
  readonly activate: Activation | null;
  /** A bundle of another model or version is refused before anything of it is written. */
  readonly expected?: ExpectedBundle;
  readonly onWaiting?: () => void;
  /** Its head was verified, so that its manifest may be believed. */
  readonly onVerified?: (bundle: VerifiedBundle) => void;
  /** What is being done, and how much of it, from 0 to 1; null where that cannot be told. */
  readonly onPhase?: (phase: 'verifying' | 'proving', done: number | null) => void;
  readonly signal?: AbortSignal;
}

export interface InstallResult extends InstalledBundle {
  readonly isActive: boolean;
  readonly isOnProbation: boolean;
}

/**
 * A bundle is verified, staged, proven in a process of its own for each station that would run it, and made active. One that
 * is refused at any step leaves the device as it was, but for the lowest allowed version.
 *
 * @throws SideglanceError as `ModelStore.install` and `proveApart`; `SG_USAGE` for a station that there is not
 */
export async function installBundle(
  device: DeviceModels,
  source: BundleSource,
  plan: InstallPlan,
): Promise<InstallResult> {
  const { store, target, nowMs } = device;
  const { activate, expected, onWaiting, onVerified, onPhase, signal } = plan;
  checkStations(device, activate?.stations);
  const installed = await store.install(source, {
    target,
    nowMs: nowMs(),
    onProgress: (bytes, total) => onPhase?.('verifying', total === 0 ? null : bytes / total),
    ...(expected && { expected }),
    ...(onWaiting && { onWaiting }),
    ...(onVerified && { onVerified }),
    ...(signal && { signal }),
  });
  const { id, digest, alreadyThere } = installed;
  onPhase?.('proving', null);
  try {
    await prove(device, installed, activate?.stations, signal);
  } catch (thrown) {
    if (!alreadyThere) await store.change(id, (state) => uninstalled(state, digest));
    throw thrown;
  }
  if (activate === null) return { ...installed, isActive: false, isOnProbation: false };
  const state = await makeActive(device, installed, activate);
  const slots = (activate.stations ?? [ALL_STATIONS]).map((station) => slotOf(state, station));
  return { ...installed, isActive: true, isOnProbation: slots.some((slot) => slot?.probation === true) };
}

/**
 * A version that is installed is proven again, for the device may have changed, and made active.
 *
 * @throws SideglanceError as {@link installBundle}; `SG_STORE` for one that is not installed, `SG_BUNDLE_BARRED`
 */
export async function activateInstalled(
  device: DeviceModels,
  { id, version }: { readonly id: string; readonly version: string },
  activation: Activation,
  signal?: AbortSignal,
): Promise<ModelState> {
  checkStations(device, activation.stations);
  const found = byVersion(await device.store.state(id), version);
  const folder = device.store.bundleFolderOf(id, found);
  // What is barred is said before minutes are spent on a proof.
  for (const station of activation.stations ?? [ALL_STATIONS])
    activated(await device.store.state(id), found.digest, { station });
  await prove(device, { id, folder }, activation.stations, signal);
  return makeActive(device, { id, digest: found.digest }, activation);
}

export interface RollbackWish {
  /** `ALL_STATIONS` among them: every station that has no model of its own. Absent: those. */
  readonly stations?: readonly string[];
  /** The version to go to; absent: the last good one. */
  readonly to?: string;
  readonly reason: string;
  /** Whether what was active is not used again until it is unbarred. */
  readonly bar: boolean;
}

export interface RollbackResult {
  readonly version: string;
  /** The versions that were left. */
  readonly left: readonly string[];
  readonly barred: readonly string[];
}

/**
 * Back to the last good version.
 *
 * @throws SideglanceError `SG_STORE` where there is none, `SG_BUNDLE_BARRED` for `to`, `SG_USAGE` for a station that there is not
 */
export async function rollBack(device: DeviceModels, id: string, wish: RollbackWish): Promise<RollbackResult> {
  checkStations(
    device,
    wish.stations?.filter((station) => station !== ALL_STATIONS),
  );
  const { to, reason, bar } = wish;
  const stations = wish.stations ?? [ALL_STATIONS];
  const at = new Date().toISOString();
  const left = new Set<string>();
  const state = await device.store.change(id, (before) => {
    const target = to === undefined ? {} : { to: byVersion(before, to).digest };
    let after = before;
    for (const station of stations) {
      const { active } = slotOf(before, station) ?? ({} as Partial<Slot>);
      after = rolledBack(after, { station, ...target });
      if (active !== undefined) left.add(active);
    }
    if (!bar) return after;
    // One that another station still runs cannot be barred.
    const isUsed = (digest: string) => Object.values(after.slots).some(({ active }) => active === digest);
    for (const digest of left) {
      if (!isUsed(digest)) after = barred(after, { digest, version: versionOf(before, digest), reason, at });
    }
    return after;
  });
  return {
    version: versionOf(state, slotOf(state, stations[0] as string)?.active ?? ''),
    left: [...left].map((digest) => versionOf(state, digest)),
    barred: state.barred.filter((one) => one.at === at).map(({ version }) => version),
  };
}

/** @throws SideglanceError `SG_STORE` where the newest of this version is not there */
export function byVersion(state: ModelState, version: string): ModelState['installed'][number] {
  const found = state.installed.filter((one) => one.version === version).at(-1);
  if (found !== undefined) return found;
  const there = state.installed.map((one) => one.version).join(', ');
  throw new SideglanceError('SG_STORE', `${state.id}@${version} is not installed. There are ${there}`);
}

export function versionOf(state: ModelState, digest: string): string {
  return state.installed.find((one) => one.digest === digest)?.version ?? '';
}

async function prove(
  { config, prove: proven }: DeviceModels,
  { id, folder }: { readonly id: string; readonly folder: string },
  stations: readonly string[] | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (stations === undefined) await proven(config, { id, folder, signal });
  else for (const station of stations) await proven(config, { id, folder, station, signal });
}

function makeActive(
  { config, store }: DeviceModels,
  { id, digest }: { readonly id: string; readonly digest: string },
  { stations }: Activation,
): Promise<ModelState> {
  return store.change(id, (state) => {
    let after = state;
    for (const station of stations ?? [ALL_STATIONS]) {
      // The first model has none that one could go back to.
      const probation = config.models.probationMinutes > 0 && slotOf(after, station) !== null;
      after = activated(after, digest, { station, probation });
    }
    return after;
  });
}

/** @throws SideglanceError `SG_USAGE` */
export function checkStations({ config }: DeviceModels, stations: readonly string[] | undefined): void {
  const unknown = stations?.find((station) => storedModelOf(config, station) === null);
  if (unknown === undefined) return;
  const stored = config.stations.filter(({ name }) => storedModelOf(config, name) !== null).map(({ name }) => name);
  const there = stored.length === 0 ? 'none does' : `those that do: ${stored.join(', ')}`;
  throw new SideglanceError('SG_USAGE', `no station ${unknown} runs a model of the store; ${there}`);
}
