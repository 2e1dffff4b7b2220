import { join } from 'node:path';
import { SideglanceError } from '../../errors.js';
import { bundleFolder, readState } from './state.js';
import { isBarred, slotOf } from './transitions.js';

/** A model that a station may run. */
export interface Candidate {
  /** Folder of the bundle. */
  readonly folder: string;
  /** `active`, or what stands in for it. */
  readonly role: 'active' | 'last good' | 'previous';
}

/**
 * What to open for a `model` of the configuration, best first: a bundle's folder is itself; for a model in the store, what is
 * active for the station, then its last good one, then those before.
 *
 * @throws SideglanceError `SG_STORE` where nothing of a model in the store is active, `SG_STORE_DAMAGED`
 */
export async function candidates(model: string, station: string): Promise<Candidate[]> {
  const state = await readState(model);
  if (state === null) return [{ folder: model, role: 'active' }];
  const slot = slotOf(state, station);
  if (slot === null) {
    throw new SideglanceError(
      'SG_STORE',
      `no version of ${state.id} is active in ${model}. Install one with \`sideglance model install\``,
    );
  }
  const roles = new Map<string, Candidate['role']>([[slot.active, 'active']]);
  if (slot.lastGood !== null && !roles.has(slot.lastGood)) roles.set(slot.lastGood, 'last good');
  for (const digest of slot.previous) if (!roles.has(digest)) roles.set(digest, 'previous');
  return [...roles].flatMap(([digest, role]) => {
    const installed = state.installed.find((one) => one.digest === digest);
    if (installed === undefined || (role !== 'active' && isBarred(state, digest))) return [];
    return [{ folder: join(model, bundleFolder(installed)), role }];
  });
}

/** The folders of the bundles that these stations run, each once. @throws SideglanceError as {@link candidates} */
export async function activeFolders(model: string, stations: readonly string[]): Promise<string[]> {
  const found = await Promise.all(stations.map((station) => candidates(model, station)));
  return [...new Set(found.flatMap(([first]) => (first === undefined ? [] : [first.folder])))];
}

/**
 * Opens the first candidate that opens: a line that has any working model has one.
 * @param onSkipped told of each that does not, and what it threw
 * @throws what the first one threw, where none opens
 */
export async function openFirst<T>(
  model: string,
  station: string,
  open: (folder: string) => Promise<T>,
  onSkipped: (candidate: Candidate, thrown: unknown) => void,
): Promise<T> {
  const failures: unknown[] = [];
  for (const candidate of await candidates(model, station)) {
    try {
      return await open(candidate.folder);
    } catch (thrown) {
      failures.push(thrown);
      onSkipped(candidate, thrown);
    }
  }
  throw (
    failures[0] ?? new SideglanceError('SG_STORE_DAMAGED', `nothing that ${model} names is there. Install it again`)
  );
}
