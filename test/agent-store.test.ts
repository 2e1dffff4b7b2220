import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { makeSigners } from '../bench/updates/small-bundle.js';
import { openSource } from '../src/model/bundle/source.js';
import { keySetFile } from '../src/model/signing/key-set.js';
import { ModelStore } from '../src/model/store/store.js';
import { activated } from '../src/model/store/transitions.js';
import type { InspectionMessage } from '../src/publish/messages.js';
import { Subscriber } from './publish/support/subscriber.js';
import { writeBrightnessBundle } from './support/brightness-bundle.js';
import { BOUND_MS, Daemon } from './support/daemon.js';
import { signFolder } from './support/signing.js';

const folder = await mkdtemp(join(tmpdir(), 'sideglance-agent-store-'));
after(() => rm(folder, { recursive: true, force: true }));

test('a station runs what is active in the store, and the one before when that does not load', async () => {
  const { keySet, trusted } = makeSigners(1);
  const models = { keys: join(folder, 'keys.json'), store: join(folder, 'store') };
  await writeFile(models.keys, keySetFile(keySet));
  const store = new ModelStore({ folder: models.store, keys: models.keys, keep: 2, maxBundleBytes: 2 ** 30 });
  const device = { site: 'plant', line: 'line', name: 'device' };
  const admission = { target: { device, stationsOf: () => [], misfit: () => null }, nowMs: Date.now() };
  let active = '';
  for (const version of ['1.0.0', '2.0.0']) {
    const bundle = join(folder, version);
    await writeBrightnessBundle(bundle, { version });
    await signFolder(bundle, trusted.slice(0, 1));
    const { digest, folder: installed } = await store.install(await openSource(bundle), admission);
    await store.change('brightness', (state) => activated(state, digest));
    active = installed;
  }
  const caps = 'video/x-raw,width=64,height=64,framerate=10/1';
  const station = {
    name: 'press',
    camera: { type: 'pipeline', pipeline: `videotestsrc is-live=true pattern=blink ! ${caps}` },
    model: 'store:brightness',
    threshold: { score: 0.5 },
    deadlineMs: 60_000,
  };
  const modelInUse = async () => {
    const daemon = await Daemon.start([station], { more: { models } });
    await daemon.until('the greeting is there', () => daemon.lines.includes('mosquitto_sub'));
    const subscriber = await Subscriber.open(daemon.brokerUrl, 4);
    await subscriber.until('a verdict', () => subscriber.on('/press/inspection').length > 0, BOUND_MS);
    const { model } = subscriber.on('/press/inspection')[0]!.json<InspectionMessage>();
    daemon.process.kill('SIGTERM');
    await daemon.ended;
    return { model, log: daemon.log };
  };
  assert.equal((await modelInUse()).model, 'brightness@2.0.0');
  await writeFile(join(active, 'model.onnx'), 'half');
  const { model, log } = await modelInUse();
  assert.equal(model, 'brightness@1.0.0');
  assert.match(log, /the active model .*2\.0\.0_.* cannot be used: .*model\.onnx/);
});
