import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { connect } from 'mqtt';
import { makeSigners } from '../bench/updates/small-bundle.js';
import { openSource } from '../src/model/bundle/source.js';
import { keySetFile } from '../src/model/signing/key-set.js';
import { bundleFolder, type Installed, type Plan } from '../src/model/store/state.js';
import { ModelStore } from '../src/model/store/store.js';
import { activated, confirmed, planned, rolledBack } from '../src/model/store/transitions.js';
import type { InspectionMessage, ModelMessage } from '../src/publish/messages.js';
import { EVERYTHING } from './commands/support.js';
import { Subscriber } from './publish/support/subscriber.js';
import { writeBrightnessBundle } from './support/brightness-bundle.js';
import { BOUND_MS, Daemon } from './support/daemon.js';
import { signFolder } from './support/signing.js';

const folder = await mkdtemp(join(tmpdir(), 'sideglance-agent-store-'));
after(() => rm(folder, { recursive: true, force: true }));

interface DeviceExtras {
  readonly station?: object;
  /** Of the group `models`. */
  readonly models?: object;
}

/** A store with these versions installed, the last of them active, and a station that runs it, 20 parts a second. */
async function deviceWith(name: string, versions: readonly string[], more: DeviceExtras = {}) {
  const home = join(folder, name);
  await mkdir(home);
  const { keySet, trusted } = makeSigners(1);
  const models = { keys: join(home, 'keys.json'), store: join(home, 'store') };
  await writeFile(models.keys, keySetFile(keySet));
  const store = new ModelStore({ folder: models.store, keys: models.keys, keep: 2, maxBundleBytes: 2 ** 30 });
  const device = { site: 'plant', line: 'line', name: 'device' };
  const admission = { target: { device, stationsOf: () => [], misfit: () => null }, nowMs: Date.now() };
  const install = async (version: string, gain = 1) => {
    const bundle = join(home, version);
    await writeBrightnessBundle(bundle, { version, gain });
    await signFolder(bundle, trusted.slice(0, 1));
    return store.install(await openSource(bundle), admission);
  };
  const activate = (digest: string, probation = false) =>
    store.change('brightness', (state) => activated(state, digest, { probation }));
  for (const version of versions) await activate((await install(version)).digest);
  const caps = 'video/x-raw,width=64,height=64,framerate=20/1';
  const station = {
    name: 'press',
    camera: { type: 'pipeline', pipeline: `videotestsrc is-live=true pattern=blink ! ${caps}` },
    model: 'store:brightness',
    threshold: { score: 0.5 },
    deadlineMs: 60_000,
    ...more.station,
  };
  const start = async (groups: object = {}) => {
    const daemon = await Daemon.start([station], { more: { models: { ...models, ...more.models }, ...groups } });
    await daemon.until('the greeting is there', () => daemon.lines.includes('mosquitto_sub'));
    const subscriber = await Subscriber.open(daemon.brokerUrl, 4);
    const inspections = () => subscriber.on('/press/inspection').map((one) => one.json<InspectionMessage>());
    const untilJudgedBy = (model: string) =>
      subscriber.until(`a verdict of ${model}`, () => inspections().at(-1)?.model === model, BOUND_MS);
    const modelMessage = () => subscriber.on('/model').at(-1)?.json<ModelMessage>();
    return { daemon, subscriber, inspections, untilJudgedBy, modelMessage };
  };
  const plan = (digest: string, what: Partial<Plan>) =>
    store.change('brightness', (state) =>
      planned(state, { digest, when: 'now', shadow: null, since: new Date().toISOString(), ...what }),
    );
  return { store, install, activate, plan, start };
}

/** Every part that came was answered once, in order and by one process. */
function assertNoneMissed(inspections: readonly InspectionMessage[]): void {
  assert.equal(new Set(inspections.map(({ part }) => part.epoch)).size, 1);
  const sequences = inspections.map(({ part }) => part.sequence);
  assert.deepEqual(
    sequences,
    Array.from(sequences, (_, i) => i + (sequences[0] as number)),
  );
}

async function stop(daemon: Daemon): Promise<void> {
  daemon.process.kill('SIGTERM');
  await daemon.ended;
}

test('a station runs what is active in the store, and the one before when that does not load', async () => {
  const { store, start } = await deviceWith('fallback', ['1.0.0', '2.0.0']);
  const first = await start();
  await first.untilJudgedBy('brightness@2.0.0');
  await stop(first.daemon);
  const { installed } = await store.state('brightness');
  await writeFile(join(store.folderOf('brightness'), bundleFolder(installed[1] as Installed), 'model.onnx'), 'half');
  const second = await start();
  await second.untilJudgedBy('brightness@1.0.0');
  const [fallback] = second.daemon.events('station.fallback');
  assert.deepEqual([fallback?.model, fallback?.instead], ['brightness@1.0.0', 'brightness@2.0.0']);
  assert.match(String(fallback?.reason), /model\.onnx/);
  assert.equal(second.modelMessage()?.stations[0]?.refused?.model, 'brightness@2.0.0');
  await stop(second.daemon);
});

test('what is made active elsewhere takes over between two parts; what does not prove itself does not', async () => {
  const { store, install, activate, start } = await deviceWith('switch', ['1.0.0']);
  const { daemon, subscriber, inspections, untilJudgedBy, modelMessage } = await start();
  await untilJudgedBy('brightness@1.0.0');
  const pids = daemon.stations();
  const second = await install('2.0.0');
  await activate(second.digest);
  await untilJudgedBy('brightness@2.0.0');
  const third = await install('3.0.0');
  await writeFile(join(third.folder, 'model.onnx'), 'half');
  await activate(third.digest);
  await subscriber.until('the third is refused', () => !!modelMessage()?.stations[0]?.refused, BOUND_MS);
  assert.equal(modelMessage()?.stations[0]?.refused?.model, 'brightness@3.0.0');
  assert.equal(modelMessage()?.stations[0]?.refused?.code, 'SG_MODEL_UNREADABLE');
  const count = inspections().length;
  await subscriber.until('ten more parts', () => inspections().length > count + 10, BOUND_MS);
  await store.change('brightness', (state) => rolledBack(state, { to: state.installed[0]?.digest as string }));
  await untilJudgedBy('brightness@1.0.0');

  const all = inspections();
  const runs = all.map(({ model }) => model).filter((model, i, models) => model !== models[i - 1]);
  assert.deepEqual(runs, ['brightness@1.0.0', 'brightness@2.0.0', 'brightness@1.0.0']);
  assertNoneMissed(all);
  assert.deepEqual(daemon.stations(), pids, 'by the same process');
  assert.ok(all.every(({ verdict }) => verdict !== 'invalid'));
  await stop(daemon);
});

test('a model on probation that does not load, or whose station ends again and again, goes back and is barred', async () => {
  const { store, install, activate, start } = await deviceWith('probation', ['1.0.0']);
  const { daemon, inspections, untilJudgedBy, modelMessage, subscriber } = await start();
  await untilJudgedBy('brightness@1.0.0');
  const second = await install('2.0.0');
  await writeFile(join(second.folder, 'model.onnx'), 'half');
  await activate(second.digest, true);
  await daemon.until('it goes back', () => daemon.events('model.rolled-back').length === 1);
  assert.equal(modelMessage()?.stations[0]?.model, 'brightness@1.0.0');
  const third = await install('3.0.0');
  await activate(third.digest, true);
  for (let crash = 0; crash < 3; crash++) {
    await untilJudgedBy('brightness@3.0.0');
    const before = inspections().length;
    process.kill(daemon.stations()[0] as number, 'SIGKILL');
    await subscriber.until('it is back', () => inspections().length > before + 3, BOUND_MS);
  }
  await untilJudgedBy('brightness@1.0.0');
  await subscriber.until(
    'the reason',
    () => modelMessage()?.stations[0]?.refused?.model === 'brightness@3.0.0',
    BOUND_MS,
  );
  assert.equal(modelMessage()?.stations[0]?.refused?.code, 'SG_BUNDLE_PROBATION');
  const { slots, barred } = await store.state('brightness');
  assert.equal(slots['*']?.probation, false);
  assert.deepEqual(
    barred.map(({ version }) => version),
    ['2.0.0', '3.0.0'],
  );
  assert.match(barred[1]?.reason ?? '', /ended 3 times/);
  await stop(daemon);
});

test('a threshold that was ordered holds for the model that takes over afterwards, and the model message says so', async () => {
  const { install, activate, start } = await deviceWith('threshold', ['1.0.0']);
  const { daemon, subscriber, inspections, untilJudgedBy, modelMessage } = await start({
    commands: { enabled: true, allow: EVERYTHING },
  });
  await untilJudgedBy('brightness@1.0.0');
  const operator = connect(daemon.brokerUrl, { protocolVersion: 4 });
  const order = { id: 't1', station: 'press', score: 2.5 };
  await operator.publishAsync('sideglance/plant/line/device/command/threshold', JSON.stringify(order), { qos: 1 });
  await operator.endAsync();
  const thresholds = (model: string) =>
    inspections().flatMap((one) => (one.model === model ? one.regions.map(({ threshold }) => threshold) : []));
  await subscriber.until('it holds', () => thresholds('brightness@1.0.0').at(-1) === 2.5, BOUND_MS);
  await activate((await install('2.0.0')).digest);
  await untilJudgedBy('brightness@2.0.0');
  const runs = (model: string) => modelMessage()?.stations[0]?.model === model;
  await subscriber.until('the model message', () => runs('brightness@2.0.0'), BOUND_MS);
  assert.equal(modelMessage()?.stations[0]?.threshold, 2.5);
  const count = inspections().length;
  await subscriber.until('ten more parts', () => inspections().length > count + 10, BOUND_MS);
  assert.deepEqual([...new Set(thresholds('brightness@2.0.0'))], [2.5], 'from its first part on');
  await stop(daemon);
});

test('a shadow looks at the same parts and decides about none; only one that agrees takes over', async () => {
  const { install, plan, store, start } = await deviceWith('shadow', ['1.0.0']);
  const { daemon, subscriber, inspections, untilJudgedBy, modelMessage } = await start();
  await untilJudgedBy('brightness@1.0.0');
  const shadow = { parts: 30, minutes: 0 };
  const shown = () => modelMessage()?.stations[0];
  // The frames are black and white in turn: to the second version white ones are good.
  await plan((await install('2.0.0', 0.4)).digest, { shadow });
  await subscriber.until('it is refused', () => shown()?.refused?.code === 'SG_BUNDLE_SHADOW', BOUND_MS);
  assert.match(
    shown()?.refused?.reason ?? '',
    /^at 30 parts of station press it agrees .*: 0 it alone rejects, \d+ it alone passes$/,
  );
  const found = shown()?.shadow;
  assert.deepEqual([found?.model, found?.purpose, found?.isOver], ['brightness@2.0.0', 'promotion', true]);
  const [frame] = found?.regions ?? [];
  assert.deepEqual(frame?.outcomes, found?.outcomes);
  const { bothPass: black = 0, onlyCurrentRejects: white = 0, bothReject } = found?.outcomes ?? {};
  assert.deepEqual([black + white, bothReject], [30, 0]);
  assert.ok(black > 5 && white > 5);
  const mean = (2 * white) / 30;
  assert.ok(Math.abs((frame?.current?.mean ?? 0) - mean) < 0.01, 'scores are 0 and 1, the threshold is 0.5');
  assert.ok(Math.abs((frame?.shadow?.mean ?? 0) - 0.4 * mean) < 0.01);
  assert.ok((found?.judgeMs.shadow ?? 0) > 0);
  assert.deepEqual((await store.state('brightness')).plans, {});

  await plan((await install('3.0.0')).digest, { shadow });
  await untilJudgedBy('brightness@3.0.0');
  assert.deepEqual(
    daemon.events('station.shadow-over').map(({ model, agreement }) => [model, agreement]),
    [
      ['brightness@2.0.0', black / 30],
      ['brightness@3.0.0', 1],
    ],
  );
  await subscriber.until('the model message', () => shown()?.model === 'brightness@3.0.0', BOUND_MS);
  assert.equal(shown()?.shadow, null);
  const all = inspections();
  assertNoneMissed(all);
  assert.deepEqual([...new Set(all.map(({ model }) => model))], ['brightness@1.0.0', 'brightness@3.0.0']);
  await stop(daemon);
});

test('on probation beside the one before: defects that both reject leave a model, parts that it alone passes do not', async () => {
  const models = { probationCompare: true };
  const { install, activate, store, start } = await deviceWith('compare', ['1.0.0'], { models });
  const { daemon, subscriber, inspections, untilJudgedBy, modelMessage } = await start();
  await untilJudgedBy('brightness@1.0.0');
  const shown = () => modelMessage()?.stations[0];
  await activate((await install('2.0.0')).digest, true);
  const isCompared = (parts: number) => (shown()?.shadow?.compared ?? 0) >= parts;
  await subscriber.until('it is compared', () => shown()?.model === 'brightness@2.0.0' && isCompared(45), BOUND_MS);
  const { model, purpose, outcomes } = shown()?.shadow ?? {};
  assert.deepEqual([model, purpose], ['brightness@1.0.0', 'probation']);
  assert.ok((outcomes?.bothReject ?? 0) > 5, 'half of the parts are defect');
  assert.deepEqual([outcomes?.onlyCurrentRejects, outcomes?.onlyShadowRejects], [0, 0]);

  await store.change('brightness', (state) => confirmed(state));
  await activate((await install('3.0.0', 0.4)).digest, true);
  await daemon.until('it goes back', () => daemon.events('model.rolled-back').length > 0);
  const [event] = daemon.events('model.rolled-back');
  assert.deepEqual([event?.model, event?.code], ['brightness@3.0.0', 'SG_BUNDLE_PROBATION']);
  assert.match(
    String(event?.reason),
    /^at station press, at \d+ of \d+ parts it passes what brightness@2\.0\.0 rejects/,
  );
  await untilJudgedBy('brightness@2.0.0');
  assert.deepEqual(
    (await store.state('brightness')).barred.map(({ version }) => version),
    ['3.0.0'],
  );
  assertNoneMissed(inspections());
  await stop(daemon);
});

test('what waits for an idle line takes over when parts no longer come, also when the daemon starts anew', async () => {
  const { install, plan, start } = await deviceWith('idle', ['1.0.0'], {
    station: { trigger: 'command' },
    models: { idleSeconds: 5 },
  });
  const first = await start({ commands: { enabled: true, allow: EVERYTHING } });
  await first.daemon.until('the station runs', () => first.daemon.events('station.ready').length === 1);
  const operator = connect(first.daemon.brokerUrl, { protocolVersion: 4 });
  let triggers = 0;
  const trigger = async () => {
    const text = JSON.stringify({ id: `p${triggers++}`, station: 'press' });
    await operator.publishAsync('sideglance/plant/line/device/command/trigger', text, { qos: 1 });
  };
  await trigger();
  await first.untilJudgedBy('brightness@1.0.0');
  await plan((await install('2.0.0')).digest, { when: 'idle' });
  for (let i = 0; i < 14; i++) {
    const before = first.inspections().length;
    await trigger();
    await first.subscriber.until('the part', () => first.inspections().length > before, BOUND_MS);
    await new Promise((done) => setTimeout(done, 500));
  }
  assert.deepEqual([...new Set(first.inspections().map(({ model }) => model))], ['brightness@1.0.0']);
  assert.deepEqual(first.daemon.events('model.promoted'), []);
  await operator.endAsync();
  await stop(first.daemon);

  const again = first.daemon.again();
  // A station that is not ready by then starts with it.
  const runs = () => [...again.events('station.ready'), ...again.events('station.switched')].map(({ model }) => model);
  await again.until('it takes over', () => runs().includes('brightness@2.0.0'));
  assert.deepEqual(
    again.events('model.promoted').map(({ model }) => model),
    ['brightness@2.0.0'],
  );
  await stop(again);
});
