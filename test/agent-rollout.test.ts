import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { connectAsync } from 'mqtt';
import { makeSigners } from '../bench/updates/small-bundle.js';
import { packBundle } from '../src/model/bundle/pack.js';
import { openSource } from '../src/model/bundle/source.js';
import { keySetFile } from '../src/model/signing/key-set.js';
import { ModelStore } from '../src/model/store/store.js';
import { activated } from '../src/model/store/transitions.js';
import type { AuditMessage } from '../src/publish/command-messages.js';
import type { InspectionMessage } from '../src/publish/messages.js';
import { type RolloutMessage, rolloutTopic } from '../src/publish/rollout-message.js';
import type { UpdateMessage, UpdateReport } from '../src/publish/update-message.js';
import { closeAtTheEnd } from './publish/support/leftovers.js';
import { startMosquitto, withoutMosquitto } from './publish/support/mosquitto.js';
import { Subscriber } from './publish/support/subscriber.js';
import { writeBrightnessBundle } from './support/brightness-bundle.js';
import { BOUND_MS, Daemon } from './support/daemon.js';
import { signFolder } from './support/signing.js';
import { sendFile, serve } from './updates/download/server.js';

const home = await mkdtemp(join(tmpdir(), 'sideglance-agent-rollout-'));
after(() => rm(home, { recursive: true, force: true }));
const { keySet, trusted } = makeSigners(1);
const CAPS = 'video/x-raw,width=64,height=64,framerate=20/1';

/** A signed bundle as one file. */
async function packed(version: string, edit: (folder: string) => Promise<void> = async () => {}): Promise<Buffer> {
  const folder = join(home, version);
  await writeBrightnessBundle(folder, { version });
  await edit(folder);
  await signFolder(folder, trusted.slice(0, 1));
  await packBundle(folder, `${folder}.tar`);
  return readFile(`${folder}.tar`);
}

test('a daemon follows a rollout, halts, refuses, withdraws, and is none the worse for a restart', {
  skip: withoutMosquitto,
}, async () => {
  const models = { keys: join(home, 'keys.json'), store: join(home, 'store'), trustClock: true, probationMinutes: 60 };
  await writeFile(models.keys, keySetFile(keySet));
  const store = new ModelStore({ folder: models.store, keys: models.keys, keep: 2, maxBundleBytes: 2 ** 30 });
  const device = { site: 'plant', line: 'line', name: 'device' };
  await packed('1.0.0');
  const admission = { target: { device, stationsOf: () => [], misfit: () => null }, nowMs: Date.now() };
  const first = await store.install(await openSource(join(home, '1.0.0')), admission);
  await store.change('brightness', (state) => activated(state, first.digest));

  const files = new Map([
    ['/2.tar', await packed('2.0.0')],
    ['/3.tar', await packed('3.0.0')],
  ]);
  let isSlow = true;
  const server = await serve((request, response) => {
    const bytes = files.get(request.url ?? '');
    if (bytes === undefined) response.writeHead(404).end();
    // So slow that it is under way when it is halted.
    else sendFile(bytes, { request, response, tag: '"1"', ...(isSlow && { breakAfter: 1000 }) });
  });
  const broker = await startMosquitto();
  const client = await connectAsync(broker.url);
  closeAtTheEnd(async () => client.endAsync(true));
  const subscriber = await Subscriber.open(broker.url);
  const station = {
    name: 'press',
    camera: { type: 'pipeline', pipeline: `videotestsrc is-live=true pattern=blink ! ${CAPS}` },
    model: 'store:brightness',
    threshold: { score: 0.5 },
    deadlineMs: 60_000,
  };
  const more = {
    models: { ...models, download: { from: [server.url] } },
    commands: { enabled: true, allow: { 'model.rollout': 'always' } },
  };
  const daemon = await Daemon.start([station], { url: broker.url, more });
  const runs = () => subscriber.on('/press/inspection').at(-1)?.json<InspectionMessage>().model;
  await subscriber.until('it inspects', () => runs() === 'brightness@1.0.0', BOUND_MS);
  const report = (id: string): UpdateReport | undefined =>
    subscriber
      .on('/update')
      .at(-1)
      ?.json<UpdateMessage>()
      .updates.find(({ rollout }) => rollout === id);
  const reaches = (id: string, phase: UpdateReport['phase'], code: string | null = null) =>
    subscriber.until(`${id} is ${phase}`, () => report(id)?.phase === phase && report(id)?.code === code, BOUND_MS);
  const audit = () =>
    subscriber
      .on('/audit')
      .map((one) => one.json<AuditMessage>())
      .map(({ event, code }) => code ?? event);
  /** The audit comes after the report. */
  const audited = async (wanted: readonly string[]) => {
    await subscriber.until('the audit', () => audit().length >= wanted.length, BOUND_MS);
    assert.deepEqual(audit(), wanted);
  };
  let issued = Date.now();
  const publish = (file: string, version: string, change: Partial<RolloutMessage> = {}) => {
    const message: RolloutMessage = {
      schema: 'sideglance/rollout/1',
      id: `r-${version}`,
      model: 'brightness',
      version,
      url: server.url + file,
      sha256: createHash('sha256')
        .update(files.get(file) ?? 'nothing')
        .digest('hex'),
      devices: { percent: 100 },
      activate: { when: 'now' },
      spreadSeconds: 0,
      state: 'running',
      issued: new Date(++issued).toISOString(),
      expires: new Date(issued + 3_600_000).toISOString(),
      ...change,
    };
    return client.publishAsync(rolloutTopic('brightness'), JSON.stringify(message), { retain: true, qos: 1 });
  };

  await publish('/2.tar', '2.0.0');
  await reaches('r-2.0.0', 'downloading');
  await publish('/2.tar', '2.0.0', { state: 'halted' });
  await reaches('r-2.0.0', 'waiting', 'SG_ROLLOUT_HALTED');
  await audited(['begun', 'SG_ROLLOUT_HALTED']);
  isSlow = false;
  await publish('/2.tar', '2.0.0');
  await reaches('r-2.0.0', 'probation');
  assert.ok(
    subscriber.on('/update').every((one) => one.json<UpdateMessage>().updates.every(({ phase }) => phase !== 'active')),
    'nobody heard that it is active before its probation is over',
  );
  await subscriber.until('parts are judged by it', () => runs() === 'brightness@2.0.0', BOUND_MS);

  daemon.process.kill('SIGTERM');
  await daemon.ended;
  const next = daemon.again();
  await next.until('it runs again', () => next.lines.includes('mosquitto_sub'));
  await subscriber.until('it says what it knows', () => report('r-2.0.0')?.phase === 'probation', BOUND_MS);
  await publish('/2.tar', '2.0.0', { state: 'withdrawn' });
  await reaches('r-2.0.0', 'rolled back', 'SG_BUNDLE_PROBATION');
  await subscriber.until('parts are judged by the one before', () => runs() === 'brightness@1.0.0', BOUND_MS);
  assert.match(report('r-2.0.0')?.reason ?? '', /the rollout r-2\.0\.0 was withdrawn/);
  assert.deepEqual(
    (await store.state('brightness')).barred.map(({ version }) => version),
    ['2.0.0'],
  );

  // Another version than announced, one that is barred, one that is not there.
  await publish('/3.tar', '4.0.0');
  await reaches('r-4.0.0', 'refused', 'SG_BUNDLE_UNEXPECTED');
  await publish('/2.tar', '2.0.0', { id: 'again' });
  await reaches('again', 'refused', 'SG_BUNDLE_BARRED');
  await publish('/9.tar', '9.0.0');
  await reaches('r-9.0.0', 'refused', 'SG_BUNDLE_DOWNLOAD');
  await publish('/3.tar', '3.0.0', { url: 'http://127.0.0.1:1/3.tar' });
  await reaches('r-3.0.0', 'refused', 'SG_BUNDLE_URL');
  assert.equal(runs(), 'brightness@1.0.0');
  await audited([
    ...['begun', 'SG_ROLLOUT_HALTED', 'begun', 'done', 'begun', 'done'],
    ...['SG_BUNDLE_UNEXPECTED', 'SG_BUNDLE_BARRED', 'SG_BUNDLE_DOWNLOAD', 'SG_BUNDLE_URL'].flatMap((code) => [
      'begun',
      code,
    ]),
  ]);
});
