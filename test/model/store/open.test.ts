import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { archiveOf, inChunks, makeSigners, smallBundle, TARGET } from '../../../bench/updates/small-bundle.js';
import { TarSource } from '../../../src/model/bundle/source.js';
import { openBundle } from '../../../src/model/open.js';
import { keySetFile } from '../../../src/model/signing/key-set.js';
import { activeFolders, candidates, openFirst } from '../../../src/model/store/open.js';
import { ModelStore } from '../../../src/model/store/store.js';
import { activated, barred, rolledBack } from '../../../src/model/store/transitions.js';
import { fault } from '../../support/faults.js';

const root = await mkdtemp(join(tmpdir(), 'sideglance-open-'));
after(() => rm(root, { recursive: true, force: true }));
const signers = makeSigners(1);
const keys = join(root, 'keys.json');
await writeFile(keys, keySetFile(signers.keySet));
const store = new ModelStore({ folder: join(root, 'store'), keys, keep: 5, maxBundleBytes: 2 ** 30 });
const model = store.folderOf('bracket');

async function install(version: string) {
  const { entries } = smallBundle({
    signers: signers.trusted.slice(0, 1),
    edit: (manifest) => void Object.assign(manifest, { version }),
  });
  const source = new TarSource(version, inChunks(archiveOf(entries)));
  return store.install(source, { target: TARGET, nowMs: Date.parse('2026-06-01T00:00:00Z') });
}

test('a folder that is no model of a store stands for itself', async () => {
  assert.deepEqual(await candidates('/models/bracket', 'top'), [{ folder: '/models/bracket', role: 'active' }]);
  await assert.rejects(
    openFirst(join(root, 'nowhere'), 'top', openBundle, () => {}),
    fault('SG_MODEL_UNREADABLE', /install it/),
  );
});

test('a station opens what is active for it, and whatever was good before when that does not open', async () => {
  const one = await install('1.0.0');
  await assert.rejects(candidates(model, 'top'), fault('SG_STORE', /no version of bracket is active/));
  await store.change('bracket', (state) => activated(state, one.digest));
  const two = await install('2.0.0');
  await store.change('bracket', (state) => activated(state, two.digest));
  const three = await install('3.0.0');
  await store.change('bracket', (state) => activated(state, three.digest, { probation: true }));
  const four = await install('4.0.0');
  await store.change('bracket', (state) => activated(state, four.digest, { station: 'side' }));
  assert.deepEqual(await activeFolders(model, ['top', 'bottom', 'side']), [three.folder, four.folder]);
  assert.deepEqual(await candidates(model, 'top'), [
    { folder: three.folder, role: 'active' },
    { folder: two.folder, role: 'last good' },
    { folder: one.folder, role: 'previous' },
  ]);

  const open = async () => {
    const skipped: string[] = [];
    const { manifest } = await openFirst(model, 'top', openBundle, ({ role }) => skipped.push(role));
    return [manifest.version, ...skipped];
  };
  assert.deepEqual(await open(), ['3.0.0']);
  await writeFile(join(three.folder, 'model.onnx'), 'half');
  assert.deepEqual(await open(), ['2.0.0', 'active']);
  await rm(two.folder, { recursive: true });
  assert.deepEqual(await open(), ['1.0.0', 'active', 'last good']);
  await writeFile(join(one.folder, 'manifest.json'), '{');
  await assert.rejects(open(), fault('SG_MODEL_UNREADABLE', /3\.0\.0_.*model\.onnx/));
});

test('what was barred does not stand in', async () => {
  const at = '2026-06-01T00:00:00.000Z';
  const [active] = (await store.state('bracket')).installed.filter(({ version }) => version === '3.0.0');
  await store.change('bracket', (state) =>
    barred(rolledBack(state), { digest: active!.digest, version: '3.0.0', reason: 'half', at }),
  );
  const roles = (await candidates(model, 'top')).map(
    ({ folder, role }) => `${role} ${folder.split('/').at(-1)?.split('_')[0]}`,
  );
  assert.deepEqual(roles, ['active 2.0.0', 'previous 1.0.0']);
});
