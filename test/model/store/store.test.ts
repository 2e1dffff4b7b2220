import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import {
  archiveOf,
  inChunks,
  makeSigners,
  type SmallBundleOptions,
  signaturesOf,
  smallBundle,
  TARGET,
} from '../../../bench/updates/small-bundle.js';
import { FolderSource, openSource, TarSource } from '../../../src/model/bundle/source.js';
import { openBundle } from '../../../src/model/open.js';
import { keySetFile } from '../../../src/model/signing/key-set.js';
import { checkSpace } from '../../../src/model/store/stage.js';
import { ModelStore } from '../../../src/model/store/store.js';
import { activated, barred, rolledBack, unbarred } from '../../../src/model/store/transitions.js';
import { fault } from '../../support/faults.js';

const root = await mkdtemp(join(tmpdir(), 'sideglance-store-'));
after(() => rm(root, { recursive: true, force: true }));
const signers = makeSigners();
const two = signers.trusted.slice(0, 2);
const keys = join(root, 'keys.json');
await writeFile(keys, keySetFile(signers.keySet));
const nowMs = Date.parse('2026-06-01T00:00:00Z');
const admission = { target: TARGET, nowMs };

let count = 0;
function freshStore(keep = 1) {
  const folder = join(root, `store-${count++}`);
  return { folder, store: new ModelStore({ folder, keys, keep, maxBundleBytes: 2 ** 30 }) };
}
function archive(version: string, options: Partial<SmallBundleOptions> = {}): TarSource {
  const { edit } = options;
  const bundle = smallBundle({
    signers: two,
    ...options,
    edit: (manifest) => {
      manifest.version = version;
      edit?.(manifest);
    },
  });
  return new TarSource(`${version}.tar`, inChunks(archiveOf(bundle.entries)));
}
const install = (store: ModelStore, version: string, options: Partial<SmallBundleOptions> = {}) =>
  store.install(archive(version, options), admission);
const activate = (store: ModelStore, digest: string) => store.change('bracket', (state) => activated(state, digest));
const versions = async (store: ModelStore) => (await store.state('bracket')).installed.map(({ version }) => version);

test('a bundle is installed from an archive as from a folder, with every byte of it', async () => {
  const bundle = smallBundle({ signers: two });
  const folder = join(root, 'bundle');
  await mkdir(join(folder, 'golden'), { recursive: true });
  for (const [path, bytes] of bundle.entries) await writeFile(join(folder, path), bytes);
  for (const source of [await openSource(folder), new TarSource('a.tar', inChunks(archiveOf(bundle.entries), 7))]) {
    const { store } = freshStore();
    const seen: number[] = [];
    const installed = await store.install(source, { ...admission, onProgress: (bytes) => seen.push(bytes) });
    assert.deepEqual([installed.id, installed.version, installed.signers.length], ['bracket', '1.0.0', 2]);
    for (const [path, bytes] of bundle.entries)
      assert.deepEqual(await readFile(join(installed.folder, path)), Buffer.from(bytes));
    assert.equal(
      seen.at(-1),
      bundle.manifest.files.reduce((sum, { size }) => sum + size, 0),
    );
    await openBundle(installed.folder);
    assert.deepEqual((await store.check(await openSource(folder), admission)).digest, installed.digest);
  }
});

test('the folder of a bundle may hold nothing else', async () => {
  const folder = join(root, 'bundle');
  const { store } = freshStore();
  await writeFile(join(folder, 'notes.txt'), 'x');
  await assert.rejects(store.install(new FolderSource(folder), admission), fault('SG_BUNDLE_ARCHIVE', /"notes\.txt"/));
  await rm(join(folder, 'notes.txt'));
  const { symlink, rename } = await import('node:fs/promises');
  await rename(join(folder, 'golden'), join(root, 'golden-elsewhere'));
  await symlink(join(root, 'golden-elsewhere'), join(folder, 'golden'));
  await assert.rejects(
    store.install(new FolderSource(folder), admission),
    fault('SG_BUNDLE_ENTRY_KIND', /golden is a link/),
  );
});

test('the same bundle again changes nothing, another one of its version is refused', async () => {
  const { store, folder } = freshStore();
  const first = await install(store, '1.0.0');
  const state = await readFile(join(folder, 'bracket', 'state.json'), 'utf8');
  const again = await install(store, '1.0.0');
  assert.deepEqual([first.alreadyThere, again.alreadyThere, again.digest], [false, true, first.digest]);
  assert.equal(await readFile(join(folder, 'bracket', 'state.json'), 'utf8'), state);
  const other = install(store, '1.0.0', {
    edit: (manifest) => Object.assign(manifest, { created: '2025-01-02T00:00:00.000Z' }),
  });
  await assert.rejects(other, fault('SG_BUNDLE_DOWNGRADE', /bracket@1\.0\.0 is not newer than bracket@1\.0\.0/));
});

test('a bundle that was damaged is mended by installing it again', async () => {
  const { store } = freshStore();
  const { digest, folder } = await install(store, '1.0.0');
  await activate(store, digest);
  await writeFile(join(folder, 'golden', '0.png'), 'x');
  await assert.rejects(openBundle(folder), fault('SG_MODEL_UNREADABLE', /0\.png/));
  assert.equal((await install(store, '1.0.0')).alreadyThere, false);
  await openBundle(folder);
  assert.equal((await store.state('bracket')).slots['*']?.active, digest);
});

test('the lowest allowed version rises with each installation and never goes back', async () => {
  const { store } = freshStore();
  const one = await install(store, '1.0.0');
  await activate(store, one.digest);
  const two = await install(store, '2.0.0');
  await activate(store, two.digest);
  await assert.rejects(install(store, '1.5.0'), fault('SG_BUNDLE_DOWNGRADE', /permit/));
  const back = await store.change('bracket', (state) => rolledBack(state));
  assert.deepEqual([back.slots['*']?.active, back.lowest?.version], [one.digest, '2.0.0']);
  await assert.rejects(install(store, '1.5.0'), fault('SG_BUNDLE_DOWNGRADE', /bracket@2\.0\.0/));
});

test('a permission that enough keys signed lets exactly one older bundle in, and the lowest version stays', async () => {
  const { store } = freshStore();
  await install(store, '2.0.0');
  const permission = { devices: ['ulm/*/*'], expires: '2026-06-02T00:00:00.000Z', signers: two };
  const { version } = await install(store, '1.5.0', { permission });
  assert.equal(version, '1.5.0');
  assert.equal((await store.state('bracket')).lowest?.version, '2.0.0');
  await assert.rejects(install(store, '1.6.0'), fault('SG_BUNDLE_DOWNGRADE', /2\.0\.0/));
});

test('without a clock that somebody vouches for nothing is installed', async () => {
  const { store } = freshStore();
  const unset = store.install(archive('1.0.0'), { target: TARGET, nowMs: null });
  await assert.rejects(unset, fault('SG_BUNDLE_CLOCK_UNSET', /not synchronised/));
  await store.install(archive('1.0.0'), admission);
  const early = store.install(archive('2.0.0'), { target: TARGET, nowMs: Date.parse('2025-06-01T00:00:00Z') });
  await assert.rejects(early, fault('SG_BUNDLE_CLOCK_UNSET', /2025-06-01.* is before 2026-06-01/));
});

test('expiry stops an installation, never what is installed', async () => {
  const { store } = freshStore();
  const { digest } = await install(store, '1.0.0');
  await activate(store, digest);
  const later = { target: TARGET, nowMs: Date.parse('2032-01-01T00:00:00Z') };
  await assert.rejects(store.install(archive('2.0.0'), later), fault('SG_BUNDLE_EXPIRED', /expired at 2031/));
  assert.equal((await store.state('bracket')).slots['*']?.active, digest);
});

test('what is barred stays out until told otherwise', async () => {
  const { store } = freshStore(3);
  const [one, two] = [await install(store, '1.0.0'), await install(store, '2.0.0')];
  await activate(store, one.digest);
  await activate(store, two.digest);
  const bar = { digest: two.digest, version: '2.0.0', reason: 'too slow', at: '2026-06-01T00:00:00.000Z' };
  await assert.rejects(
    store.change('bracket', (state) => barred(state, bar)),
    fault('SG_STORE', /in use/),
  );
  await store.change('bracket', (state) => barred(rolledBack(state), bar));
  await assert.rejects(activate(store, two.digest), fault('SG_BUNDLE_BARRED', /too slow/));
  await assert.rejects(install(store, '2.0.0'), fault('SG_BUNDLE_BARRED', /too slow.*unbar bracket@2\.0\.0/));
  await store.change('bracket', (state) => unbarred(state, two.digest));
  assert.equal((await activate(store, two.digest)).slots['*']?.active, two.digest);
});

test('so many bundles are kept beside what is in use and the one to go back to', async () => {
  const { store, folder } = freshStore(1);
  for (const version of ['1.0.0', '2.0.0', '3.0.0', '4.0.0', '5.0.0']) {
    const { digest } = await install(store, version);
    await store.change('bracket', (state) => activated(state, digest, { probation: version === '5.0.0' }));
  }
  // 5 is on probation, 4 the last good one, 3 is kept.
  assert.deepEqual(await versions(store), ['3.0.0', '4.0.0', '5.0.0']);
  const names = (await readdir(join(folder, 'bracket'))).map((name) => name.split('_')[0]);
  assert.deepEqual(names.sort(), ['3.0.0', '4.0.0', '5.0.0', 'state.json']);
});

test('a station may have a version of its own, which is kept as well', async () => {
  const { store } = freshStore(0);
  const one = await install(store, '1.0.0');
  await activate(store, one.digest);
  const two = await install(store, '2.0.0');
  const state = await store.change('bracket', (before) => activated(before, two.digest, { station: 'top' }));
  assert.deepEqual([state.slots.top?.active, state.slots['*']?.active], [two.digest, one.digest]);
  assert.deepEqual(await versions(store), ['1.0.0', '2.0.0']);
});

test('garbage of attempts that were cut off goes, what somebody else put there stays', async () => {
  const { store, folder } = freshStore();
  const { digest } = await install(store, '1.0.0');
  await activate(store, digest);
  await mkdir(join(folder, 'staging', '0123456789abcdef'));
  await mkdir(join(folder, 'bracket', `9.9.9_${'0'.repeat(16)}`));
  await writeFile(join(folder, 'bracket', '.state.json.123.partial'), '{');
  await mkdir(join(folder, 'pictures', 'of the line'), { recursive: true });
  await writeFile(join(folder, 'bracket', 'notes.txt'), 'mine');
  await store.change('bracket', (state) => state);
  assert.deepEqual(await readdir(join(folder, 'staging')), []);
  assert.deepEqual((await readdir(join(folder, 'bracket'))).length, 3);
  assert.deepEqual((await readdir(folder)).sort(), ['bracket', 'lock', 'pictures', 'staging']);
  assert.deepEqual(await readdir(join(folder, 'pictures')), ['of the line']);
});

test('a state that cannot be read stops changes, and removes nothing', async () => {
  const { store, folder } = freshStore();
  const { folder: bundle } = await install(store, '1.0.0');
  await writeFile(join(folder, 'bracket', 'state.json'), '{"format":');
  await assert.rejects(install(store, '2.0.0'), fault('SG_STORE_DAMAGED', /state\.json cannot be read/));
  await openBundle(bundle);
});

test('two installations at the same time follow each other', async () => {
  const { store } = freshStore();
  await Promise.all([
    install(store, '1.0.0'),
    install(store, '1.0.0', { edit: (m) => Object.assign(m, { id: 'plate' }) }),
  ]);
  assert.deepEqual(
    (await store.list()).map(({ id }) => id),
    ['bracket', 'plate'],
  );
});

test('an installation that is broken off leaves nothing', async () => {
  const { store, folder } = freshStore();
  const abort = new AbortController();
  const broken = store.install(archive('1.0.0'), {
    ...admission,
    signal: abort.signal,
    onProgress: () => abort.abort(new Error('enough')),
  });
  await assert.rejects(broken, /enough/);
  assert.deepEqual(await readdir(join(folder, 'staging')), []);
  assert.deepEqual(await store.list(), []);
});

test('a disk that is full is told before anything is written', async () => {
  await assert.rejects(checkSpace(root, 1000, 64 * 1024 * 1024 + 999), fault('SG_BUNDLE_DISK_FULL', /1000 bytes/));
  await checkSpace(root, 1000, 64 * 1024 * 1024 + 1000);
  await checkSpace(root, 1000);
});

test('names that the store needs itself are none of models', async () => {
  const { store } = freshStore();
  for (const id of ['keys', 'lock', 'staging']) {
    const named = install(store, '1.0.0', { edit: (manifest) => Object.assign(manifest, { id }) });
    await assert.rejects(named, fault('SG_STORE', /cannot be called/));
  }
});

test('a key set takes the place of the one before, and the configuration may go further', async () => {
  const { store, folder } = freshStore();
  const [alice, bob, carol] = signers.trusted;
  const next = {
    ...signers.keySet,
    serial: 2,
    threshold: 1,
    keys: signers.keySet.keys.slice(2),
    revoked: [...signers.keySet.revoked, alice!.publicKey],
  };
  const bytes = Buffer.from(keySetFile(next));
  const signed = (...by: (typeof signers.stranger)[]) =>
    signaturesOf('next.json', bytes, by).map(([name, text]) => ({ name, text: Buffer.from(text).toString('utf8') }));
  await assert.rejects(
    store.trust(bytes, signed(bob!, carol!).slice(0, 1), 'next.json'),
    fault('SG_BUNDLE_UNTRUSTED', /1 of 2/),
  );
  assert.equal((await store.keys()).serial, 1);
  await store.trust(bytes, signed(bob!, carol!), 'next.json');
  assert.equal((await store.keys()).serial, 2);
  await assert.rejects(install(store, '1.0.0'), fault('SG_BUNDLE_KEY_REVOKED', new RegExp(`${alice!.id} was revoked`)));
  assert.equal((await install(store, '1.0.0', { signers: [carol!] })).version, '1.0.0');
  await assert.rejects(store.trust(bytes, signed(bob!, carol!), 'next.json'), fault('SG_KEY_INVALID', /serial 2/));

  // Whoever can write the store alone cannot make it trust his keys.
  const forged = Buffer.from(
    keySetFile({ ...next, serial: 3, keys: [{ name: 'eve', publicKey: signers.stranger.publicKey }] }),
  );
  await mkdir(join(folder, 'keys', '3'));
  await writeFile(join(folder, 'keys', '3', 'keys.json'), forged);
  for (const [name, text] of signaturesOf('keys.json', forged, [signers.stranger]))
    await writeFile(join(folder, 'keys', '3', name), text);
  await assert.rejects(store.keys(), fault('SG_BUNDLE_UNTRUSTED', /keys\/3\/keys\.json/));
});
