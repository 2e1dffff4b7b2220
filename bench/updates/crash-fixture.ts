import { mkdir, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TarSource } from '../../src/model/bundle/source.js';
import { openBundle } from '../../src/model/open.js';
import { keySetFile } from '../../src/model/signing/key-set.js';
import { candidates } from '../../src/model/store/open.js';
import { bundleFolder } from '../../src/model/store/state.js';
import { ModelStore } from '../../src/model/store/store.js';
import { activated } from '../../src/model/store/transitions.js';
import { compareVersions } from '../../src/model/version.js';
import { archiveOf, inChunks, makeSigners, signaturesOf, smallBundle, TARGET } from './small-bundle.js';

export const ID = 'bracket';
export const NOW_MS = Date.parse('2026-06-01T00:00:00Z');
export const STORE_LIMITS = { keep: 0, maxBundleBytes: 2 ** 30 } as const;
const OLDEST = '1.0.0';

export interface Fixture {
  readonly root: string;
  readonly keys: string;
  readonly archives: string;
  /** A store with one model in use, to be copied. */
  readonly store: string;
}

export async function makeFixture(): Promise<Fixture> {
  const root = await mkdtemp(join(tmpdir(), 'sideglance-crash-'));
  const [store, archives, keys] = [join(root, 'store'), join(root, 'archives'), join(root, 'keys.json')];
  const { keySet, trusted } = makeSigners();
  const signers = trusted.slice(0, 2);
  await mkdir(archives);
  await writeFile(keys, keySetFile(keySet));
  for (const version of [OLDEST, '2.0.0', '3.0.0']) {
    const edit = (manifest: { version: string }) => void Object.assign(manifest, { version });
    await writeFile(join(archives, `${version}.tar`), archiveOf(smallBundle({ signers, edit, weights: 4096 }).entries));
  }
  const next = Buffer.from(keySetFile({ ...keySet, serial: 2 }));
  await writeFile(join(archives, 'keys.json'), next);
  for (const [name, bytes] of signaturesOf('keys.json', next, signers)) await writeFile(join(archives, name), bytes);

  const models = new ModelStore({ folder: store, keys, ...STORE_LIMITS });
  const first = new TarSource('first', inChunks(await readFile(join(archives, `${OLDEST}.tar`))));
  const { digest } = await models.install(first, { target: TARGET, nowMs: NOW_MS });
  await models.change(ID, (state) => activated(state, digest));
  return { root, keys, archives, store };
}

/** What a reader finds in a store that nobody has tidied up. */
export interface Found {
  /** Version that stations would run. */
  readonly active: string;
  readonly lowest: string;
}

/**
 * Looks at a store as a station does that starts after the power came back: what is active opens, byte by byte, and whatever
 * else the state names is whole, too.
 * @throws where it is not
 */
export async function look({ keys }: Fixture, folder: string): Promise<Found> {
  const store = new ModelStore({ folder, keys, ...STORE_LIMITS });
  const state = await store.state(ID);
  const [first] = await candidates(join(folder, ID), 'top');
  const { manifest } = await openBundle(first!.folder);
  for (const one of state.installed) await openBundle(join(folder, ID, bundleFolder(one)));
  await store.keys();
  return { active: manifest.version, lowest: state.lowest?.version ?? '' };
}

/** Tidies up, and makes an update work. @throws where it does not, or something is left over */
export async function recover({ keys, archives }: Fixture, folder: string): Promise<void> {
  const store = new ModelStore({ folder, keys, ...STORE_LIMITS });
  const before = await store.state(ID);
  if (!before.barred.some(({ version }) => version === '3.0.0')) {
    const source = new TarSource('again', inChunks(await readFile(join(archives, '3.0.0.tar'))));
    const { digest } = await store.install(source, { target: TARGET, nowMs: NOW_MS });
    const after = await store.change(ID, (state) => activated(state, digest));
    if (compareVersions(after.lowest?.version ?? '', '3.0.0') !== 0) throw new Error('the lowest version did not rise');
  } else await store.change(ID, (state) => state);
  const { installed } = await store.state(ID);
  const expected = ['state.json', ...installed.map(bundleFolder)].sort();
  const names = (await readdir(join(folder, ID))).sort();
  if (String(names) !== String(expected)) throw new Error(`left over: ${names.join(', ')}`);
  const staged = await readdir(join(folder, 'staging'));
  if (staged.length > 0) throw new Error(`left in staging: ${staged.join(', ')}`);
}
