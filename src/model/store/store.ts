import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { reasonOf, SideglanceError } from '../../errors.js';
import { FileLock } from '../../native/file-lock.js';
import type { BundleSource } from '../bundle/source.js';
import { type VerifiedBundle, verifyFiles, verifyHead } from '../bundle/verify.js';
import { openBundle } from '../open.js';
import { succeed } from '../signing/key-set.js';
import type { SignatureFile } from '../signing/signature-files.js';
import type { KeySet } from '../signing/threshold.js';
import { replaceFile, syncFolder } from '../sync.js';
import { type AdmissionOptions, admit } from './admission.js';
import { KEYS_FOLDER, stageKeys, trustedKeys } from './keys.js';
import { checkSpace, stage, writeNew } from './stage.js';
import {
  bundleFolder,
  emptyState,
  type Installed,
  type ModelState,
  readState,
  STATE_FILE,
  stateText,
} from './state.js';
import { pruned, withInstalled } from './transitions.js';

export interface StoreOptions {
  readonly folder: string;
  /** File of the key set of the configuration; null: nothing can be installed. */
  readonly keys: string | null;
  /** Bundles of each model that are kept beside what is in use and what a rollback leads to. */
  readonly keep: number;
  /** Of one bundle. */
  readonly maxBundleBytes: number;
}

export interface InstallOptions extends Omit<AdmissionOptions, 'keys'> {
  /** Bytes of the bundle's files that were staged, of how many. */
  readonly onProgress?: (bytes: number, total: number) => void;
  readonly onWaiting?: () => void;
  readonly signal?: AbortSignal;
}

export interface InstalledBundle extends Installed {
  readonly id: string;
  /** Absolute path. */
  readonly folder: string;
  /** It was there before, as a whole; nothing was written. */
  readonly alreadyThere: boolean;
}

const LOCK_FILE = 'lock';
/** Whatever is written lies here until it is whole. Its contents are garbage for whoever holds the lock. */
const STAGING_FOLDER = 'staging';
const STAGED = /^[0-9a-f]{16}$/;
const BUNDLE = /^\d+\.\d+\.\d+.*_[0-9a-f]{16}$/;
/** Of `replaceFile`, cut off. */
const PARTIAL = /^\.state\.json\.\d+\.partial$/;
/** Where no model can be: ids begin with a letter or a digit, these names are theirs no longer. */
const RESERVED: ReadonlySet<string> = new Set([LOCK_FILE, STAGING_FOLDER, KEYS_FOLDER]);

/**
 * Model bundles on disk: `<store>/<id>/state.json` and `<store>/<id>/<version>_<digest>/`. One process changes it at a
 * time; readers need no lock. Whatever is cut off at any moment, what `state.json` names is there as a whole.
 */
export class ModelStore {
  readonly #options: StoreOptions;

  constructor(options: StoreOptions) {
    this.#options = options;
  }

  /** The keys that are trusted now. @throws SideglanceError as `trustedKeys` */
  async keys(): Promise<KeySet> {
    const { keys, folder } = this.#options;
    if (keys !== null) return trustedKeys(keys, folder);
    throw new SideglanceError('SG_KEY_INVALID', 'no keys are trusted on this device. Name a key set as `models.keys`');
  }

  /**
   * Whether a bundle could be installed now; nothing is written.
   * @throws SideglanceError as {@link install}
   */
  async check(source: BundleSource, admission: Omit<AdmissionOptions, 'keys'>): Promise<VerifiedBundle> {
    const { bundle } = await this.#admit(source, admission);
    await verifyFiles(source, bundle);
    return bundle;
  }

  /**
   * Verifies a bundle and installs it, without making it active. By then the lowest allowed version has risen to its own.
   * One that is there and whole is left alone. Nobody else can change the store meanwhile: what comes slowly, over a network,
   * is better brought to a file first.
   * @throws SideglanceError as `verifyHead`, `admit`, `checkSpace` and `stage`; `SG_STORAGE`, `SG_STORE_DAMAGED`
   */
  async install(source: BundleSource, options: InstallOptions): Promise<InstalledBundle> {
    const { onProgress, onWaiting, signal, ...admission } = options;
    return this.#locked(async () => {
      const { bundle, state } = await this.#admit(source, admission);
      const { manifest, digest, bytes, signers } = bundle;
      const { id, version } = manifest;
      const home = this.folderOf(id);
      const folder = join(home, bundleFolder({ version, digest }));
      const there = state.installed.find((one) => one.digest === digest);
      if (there !== undefined && (await isWhole(folder))) return { ...there, id, folder, alreadyThere: true };
      await checkSpace(this.#options.folder, bytes);

      const staged = this.#newStage();
      await stage(staged, source, bundle, {
        ...(onProgress && { onBytes: (done) => onProgress(done, bytes) }),
        ...(signal && { signal }),
      });
      // One that is damaged is of no use to anybody, and its place is needed.
      if (there !== undefined) await rm(folder, { recursive: true, force: true });
      await this.#move(staged, home, folder);
      const at = new Date(options.nowMs ?? 0).toISOString();
      const installed = { version, digest, at, signers: signers.map(({ name }) => name) };
      await this.#write(withInstalled(state, installed));
      return { ...installed, id, folder, alreadyThere: false };
    }, onWaiting);
  }

  /**
   * Changes the state of one model by one of the functions of `transitions.ts`, and removes what is not needed any longer.
   * @throws SideglanceError `SG_STORE` for a model that was never installed; what `change` throws
   */
  async change(id: string, change: (state: ModelState) => ModelState): Promise<ModelState> {
    return this.#locked(async () => {
      const next = pruned(change(await this.state(id)), this.#options.keep);
      await this.#write(next);
      await this.#collect();
      return next;
    });
  }

  /** @throws SideglanceError `SG_STORE` for a model that was never installed, `SG_STORE_DAMAGED` */
  async state(id: string): Promise<ModelState> {
    requireId(id);
    const state = await readState(this.folderOf(id));
    if (state !== null) return state;
    throw new SideglanceError(
      'SG_STORE',
      `no model ${id} is in the store ${this.#options.folder}. Install one with \`sideglance model install\``,
    );
  }

  /** The states of all models, by name. @throws SideglanceError `SG_STORE_DAMAGED` */
  async list(): Promise<ModelState[]> {
    const ids = await this.#models();
    const states = await Promise.all(ids.map((id) => readState(this.folderOf(id))));
    return states.filter((state) => state !== null);
  }

  /**
   * Trusts another key set from now on.
   * @throws SideglanceError as `succeed`
   */
  async trust(bytes: Uint8Array, signatures: readonly SignatureFile[], where: string): Promise<KeySet> {
    return this.#locked(async () => {
      const current = await this.keys();
      const next = succeed(current, bytes, signatures, where);
      const home = join(this.#options.folder, KEYS_FOLDER);
      const staged = this.#newStage();
      await stageKeys(staged, bytes, signatures, writeNew);
      await syncFolder(staged);
      await this.#move(staged, home, join(home, String(next.serial)));
      return next;
    });
  }

  /** Of a model; what a station opens. */
  folderOf(id: string): string {
    return join(this.#options.folder, id);
  }

  /** Of an installed bundle. */
  bundleFolderOf(id: string, installed: Pick<Installed, 'version' | 'digest'>): string {
    return join(this.folderOf(id), bundleFolder(installed));
  }

  async #admit(source: BundleSource, admission: Omit<AdmissionOptions, 'keys'>) {
    const keys = await this.keys();
    const bundle = await verifyHead(source, { keys, maxBytes: this.#options.maxBundleBytes });
    const { id } = bundle.manifest;
    requireId(id);
    const state = (await readState(this.folderOf(id))) ?? emptyState(id);
    admit(bundle, state, { ...admission, keys }, source.name);
    return { bundle, state };
  }

  async #models(): Promise<string[]> {
    const entries = await readdir(this.#options.folder, { withFileTypes: true }).catch(() => []);
    return entries
      .filter((entry) => entry.isDirectory() && !RESERVED.has(entry.name))
      .map(({ name }) => name)
      .sort();
  }

  async #locked<T>(work: () => Promise<T>, onWaiting?: () => void): Promise<T> {
    const { folder } = this.#options;
    try {
      await mkdir(join(folder, STAGING_FOLDER), { recursive: true });
    } catch (cause) {
      throw new SideglanceError(
        'SG_STORAGE',
        `the model store ${folder} cannot be written: ${reasonOf(cause)}. Correct \`models.store\`, or let this account write there`,
        { cause },
      );
    }
    const lock = await FileLock.take(join(folder, LOCK_FILE), onWaiting);
    try {
      await this.#collect();
      return await work();
    } finally {
      // What a failed attempt left; what cannot be removed now is the next one's to remove.
      await this.#collect().catch(() => undefined);
      lock.release();
    }
  }

  #newStage(): string {
    return join(this.#options.folder, STAGING_FOLDER, randomBytes(8).toString('hex'));
  }

  async #move(staged: string, home: string, folder: string): Promise<void> {
    await mkdir(home, { recursive: true });
    await syncFolder(this.#options.folder);
    await rename(staged, folder);
    await syncFolder(home);
  }

  async #write(state: ModelState): Promise<void> {
    await replaceFile(join(this.folderOf(state.id), STATE_FILE), stateText(state));
  }

  /**
   * Removes what was staged, and every bundle that no state names. Only for whoever holds the lock. Names that the store does
   * not give are somebody else's, and stay.
   */
  async #collect(): Promise<void> {
    const staging = join(this.#options.folder, STAGING_FOLDER);
    await removeFrom(staging, (name) => STAGED.test(name));
    for (const id of await this.#models()) {
      const home = this.folderOf(id);
      // Without a state that can be read nobody knows what is garbage.
      const state = await readState(home).catch(() => undefined);
      if (state === undefined) continue;
      const known = new Set((state?.installed ?? []).map(bundleFolder));
      await removeFrom(home, (name) => !known.has(name) && (BUNDLE.test(name) || PARTIAL.test(name)));
    }
  }
}

async function isWhole(folder: string): Promise<boolean> {
  return openBundle(folder).then(
    () => true,
    () => false,
  );
}

async function removeFrom(folder: string, isGarbage: (name: string) => boolean): Promise<void> {
  for (const name of (await readdir(folder)).filter(isGarbage)) {
    await rm(join(folder, name), { recursive: true, force: true });
  }
}

function requireId(id: string): void {
  if (!RESERVED.has(id)) return;
  throw new SideglanceError('SG_STORE', `a model in the store cannot be called ${id}. Export it under another name`);
}
