import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { bundleFolder, emptyState, type ModelState, STATE_FILE, stateText } from '../../src/model/store/state.js';
import { activated, rolledBack, withInstalled } from '../../src/model/store/transitions.js';
import { replaceFile } from '../../src/model/sync.js';
import { ModelKeeper } from '../../src/updates/model-keeper.js';

const BOUND_MS = 30_000;
const root = await mkdtemp(join(tmpdir(), 'sideglance-keeper-'));
after(() => rm(root, { recursive: true, force: true }));

const DIGESTS = ['a', 'b', 'c'].map((letter) => letter.repeat(64)) as [string, string, string];
let models = 0;

/** A model of which three versions are installed, and a keeper of two stations that run it. */
async function kept() {
  const model = join(root, `m${models++}`);
  let state: ModelState = emptyState('bracket');
  for (const [i, digest] of DIGESTS.entries()) {
    state = withInstalled(state, { version: `${i + 1}.0.0`, digest, at: new Date().toISOString(), signers: [] });
  }
  const folders = state.installed.map((one) => join(model, bundleFolder(one))) as [string, string, string];
  const asked: string[] = [];
  const faults: unknown[] = [];
  const stations = ['top', 'side'].map((name) => ({
    model,
    station: {
      name,
      switchTo: (folder: string) => void asked.push(`${name} ${folders.indexOf(folder)}`),
      startSoon: () => void asked.push(`${name} start`),
    },
  }));
  const keeper = new ModelKeeper({ stations, lookEveryMs: 20, onFault: (_, thrown) => faults.push(thrown) });
  const change = async (next: (before: ModelState) => ModelState) => {
    state = next(state);
    await mkdir(model, { recursive: true });
    await replaceFile(join(model, STATE_FILE), stateText(state));
  };
  const until = async (...wanted: string[]) => {
    const end = Date.now() + BOUND_MS;
    while (asked.length < wanted.length) {
      assert.ok(Date.now() < end, `${JSON.stringify(asked)} instead of ${JSON.stringify(wanted)}`);
      await new Promise((done) => setTimeout(done, 5));
    }
    assert.deepEqual(asked.splice(0).sort(), wanted.sort());
  };
  const inUse = (station: string, i: 0 | 1 | 2) =>
    keeper.report(station, { outcome: 'in use', folder: folders[i], passedOver: [] });
  return { keeper, folders, change, until, inUse, faults, asked };
}

test('what another process makes active is asked of every station that runs the model, and only of those concerned', async () => {
  const { keeper, change, until, inUse } = await kept();
  await change((state) => activated(state, DIGESTS[0]));
  keeper.start();
  inUse('top', 0);
  inUse('side', 0);
  await change((state) => activated(state, DIGESTS[1]));
  await until('top 1', 'side 1');
  inUse('top', 1);
  inUse('side', 1);
  await change((state) => activated(state, DIGESTS[2], { station: 'top' }));
  await until('top 2');
  inUse('top', 2);
  await change((state) => rolledBack(state, { station: 'top' }));
  await until('top 1');
  await keeper.stop();
});

test('a bundle that a station refused is not asked for again, until another was', async () => {
  const { keeper, change, until, inUse, folders, asked } = await kept();
  await change((state) => activated(state, DIGESTS[0]));
  keeper.start();
  inUse('top', 0);
  await change((state) => activated(state, DIGESTS[1]));
  await until('top 1', 'side start');
  keeper.report('top', { outcome: 'refused', folder: folders[1], code: 'SG_RUNTIME', reason: 'no' });
  await change((state) => ({ ...state, latest: new Date().toISOString() }));
  await until('side start');
  await change((state) => rolledBack(state));
  await until('side start');
  assert.deepEqual(asked, [], 'it runs the first already');
  await change((state) => activated(state, DIGESTS[1]));
  await until('top 1', 'side start');
  await keeper.stop();
});

test('a wish that is taken back while a station still loads is taken back there', async () => {
  const { keeper, change, until, inUse } = await kept();
  await change((state) => activated(state, DIGESTS[0]));
  keeper.start();
  inUse('top', 0);
  inUse('side', 0);
  await change((state) => activated(state, DIGESTS[1]));
  await until('top 1', 'side 1');
  await change((state) => rolledBack(state));
  await until('top 0', 'side 0');
  await keeper.stop();
});

test('a station that waits for its first model starts as soon as one is active, whatever else was there before', async () => {
  const { keeper, change, until, faults } = await kept();
  keeper.start();
  await change((state) => activated(state, DIGESTS[0]));
  await until('top start', 'side start');
  keeper.report('top', { outcome: 'lost', reason: 'was killed' });
  await keeper.stop();
  assert.deepEqual(faults, []);
});
