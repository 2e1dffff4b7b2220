import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { makeSigners } from '../../bench/updates/small-bundle.js';
import { loadConfig } from '../../src/config/load.js';
import { keySetFile } from '../../src/model/signing/key-set.js';
import { now } from '../../src/publish/clock.js';
import type { UpdateReport } from '../../src/publish/update-message.js';
import { deviceModels } from '../../src/updates/device-models.js';
import { Downloads } from '../../src/updates/download/downloads.js';
import { UpdateBoard } from '../../src/updates/update-board.js';
import { UPDATER_LIMITS, Updater } from '../../src/updates/updater.js';
import { writeBrightnessBundle } from '../support/brightness-bundle.js';
import { signFolder } from '../support/signing.js';
import { type FileServer, serve } from './download/server.js';

const root = await mkdtemp(join(tmpdir(), 'sideglance-updater-'));
after(() => rm(root, { recursive: true, force: true }));
const { keySet, trusted } = makeSigners(1);
let devices = 0;

async function updaterOf(server?: FileServer) {
  const home = join(root, `d${devices++}`);
  await mkdir(home);
  await writeFile(join(home, 'keys.json'), keySetFile(keySet));
  const config = {
    device: { site: 'plant', line: 'line', name: 'device' },
    stations: [{ name: 'press', camera: { type: 'simulated' }, model: 'store:brightness' }],
    models: { keys: 'keys.json', store: 'store', trustClock: true },
  };
  await writeFile(join(home, 'config.yaml'), JSON.stringify(config));
  const device = deviceModels(loadConfig(join(home, 'config.yaml')));
  const board = new UpdateBoard({
    file: join(home, 'updates.json'),
    now,
    publish: (told) => {
      reports = told;
    },
    onPhase: () => {},
    onFault: (error) => assert.fail(error),
  });
  let reports: readonly UpdateReport[] = [];
  const downloads = new Downloads({
    folder: join(home, 'downloads'),
    config: { from: server === undefined ? [] : [server.url] },
    maxBytes: 2 ** 20,
  });
  const updater = new Updater({ device, downloads, board });
  return { home, device, updater, board, told: (key: string) => reports.find((one) => one.key === key) };
}

async function bundle(version: string): Promise<string> {
  const folder = join(root, version);
  await writeBrightnessBundle(folder, { version });
  await signFolder(folder, trusted.slice(0, 1));
  return folder;
}

test('a bundle that is another than was announced is refused before anything of it is written', async () => {
  const { home, updater, board, told } = await updaterOf();
  const file = await bundle('1.0.0');
  for (const expected of [
    { model: 'brightness', version: '1.0.1' },
    { model: 'lid', version: '1.0.0' },
  ]) {
    const refused = updater.install({
      key: 'u',
      origin: 'rollout',
      rollout: 'r',
      from: { file },
      activate: {},
      expected,
    });
    await assert.rejects(refused, { code: 'SG_BUNDLE_UNEXPECTED' });
    assert.deepEqual([told('u')?.phase, told('u')?.rollout, told('u')?.code], ['refused', 'r', 'SG_BUNDLE_UNEXPECTED']);
  }
  assert.deepEqual((await readdir(join(home, 'store'))).sort(), ['lock', 'staging']);
  assert.deepEqual(await readdir(join(home, 'store', 'staging')), []);
  const expected = { model: 'brightness', version: '1.0.0' };
  const { isActive } = await updater.install({ key: 'v', origin: 'rollout', from: { file }, activate: {}, expected });
  assert.deepEqual([isActive, told('v')?.phase, told('v')?.version], [true, 'active', '1.0.0']);
  await board.close();
});

test('bundles come one after the other, a few wait, and what is installed can be made active meanwhile', async () => {
  const server = await serve(() => {});
  const { updater, board, told } = await updaterOf(server);
  const file = await bundle('1.0.0');
  await updater.install({ key: 'there', origin: 'device', from: { file }, activate: null });
  const from = { url: `${server.url}/slow.tar`, sha256: 'f'.repeat(64) };
  const slow = Array.from({ length: UPDATER_LIMITS.underWay - 1 }, (_, i) =>
    updater.install({ key: `u${i}`, origin: 'command', from, activate: {} }).then(
      () => 'done',
      (error: { code: string }) => error.code,
    ),
  );
  const state = await updater.activate({
    key: 'now',
    origin: 'command',
    model: 'brightness',
    version: '1.0.0',
    activate: {},
  });
  assert.equal(state.slots['*']?.active, state.installed[0]?.digest);
  const last = updater.install({ key: 'last', origin: 'command', from, activate: {} }).catch(({ code }) => code);
  const tooMany = updater.install({ key: 'more', origin: 'command', from, activate: {} });
  await assert.rejects(tooMany, { code: 'SG_COMMAND_BUSY' });
  assert.deepEqual([told('u0')?.phase, told('u1')?.phase, told('more')], ['downloading', 'waiting', undefined]);
  assert.equal(server.seen.length, 1);

  await updater.stop();
  assert.deepEqual(await Promise.all([...slow, last]), Array(UPDATER_LIMITS.underWay).fill('SG_COMMAND_INTERRUPTED'));
  assert.deepEqual([told('u0')?.phase, told('last')?.code], ['refused', 'SG_COMMAND_INTERRUPTED']);
  assert.equal(server.seen.length, 1);
  await board.close();
});
