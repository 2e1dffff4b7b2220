import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { HealthMessage, InspectionMessage, ModelMessage } from '../src/publish/messages.js';
import { sideglance } from './cli/command.js';
import { Subscriber } from './publish/support/subscriber.js';
import { BOUND_MS, Daemon } from './support/daemon.js';
import { fakeGpuRuntime, withoutFakeGpu } from './support/fake-nvidia.js';
import { writeTinyBundle } from './support/tiny-bundle.js';

/** A real daemon over a real ONNX Runtime, whose TensorRT takes its time and fails in the end. */
describe('the build of an engine', { skip: withoutFakeGpu }, () => {
  let folder: string;
  let bundle: string;
  let library: string;
  const env = () => ({ LD_LIBRARY_PATH: folder, SIDEGLANCE_OPTIONS: join(folder, 'options') });
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sideglance-agent-engine-'));
    bundle = join(folder, 'bundle');
    await writeTinyBundle(bundle);
    library = await fakeGpuRuntime(folder);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('is announced with model, precision and time while messages go on, and what came of it is told', async () => {
    const pipeline = 'videotestsrc is-live=true ! video/x-raw,width=64,height=64,framerate=5/1';
    const stations = ['press', 'mill'].map((name) => ({
      name,
      camera: { type: 'pipeline', pipeline },
      model: bundle,
      deadlineMs: 60_000,
    }));
    const infer = { library, providers: ['tensorrt', 'cpu'], tensorrt: { cache: join(folder, 'engines') } };
    const daemon = await Daemon.start(stations, { infer, env: { ...env(), SIDEGLANCE_BUILD_SECONDS: '6' } });
    await daemon.until('it listens', () => daemon.lines.includes('mosquitto_sub'));
    const subscriber = await Subscriber.open(daemon.brokerUrl, 4);
    const builds = () =>
      subscriber
        .on('/model')
        .flatMap((message) => message.json<ModelMessage>().stations)
        .filter(({ building }) => building !== null);
    const phases = () => new Set(builds().map(({ building }) => building?.phase));
    await subscriber.until(
      'one builds and one waits',
      () => phases().has('building') && phases().has('waiting'),
      BOUND_MS,
    );
    const { model, provider, building } = builds().find((one) => one.building?.phase === 'building')!;
    assert.deepEqual(
      [model, provider, building?.provider, building?.precision],
      ['tiny@1.0.0', null, 'tensorrt', 'fp32'],
    );
    await subscriber.until('time goes by', () => builds().some((one) => (one.building?.elapsedS ?? 0) >= 2), BOUND_MS);
    const health = () => subscriber.on('/health').at(-1)?.json<HealthMessage>().stations ?? [];
    await subscriber.until('health tells', () => health().some((one) => one.building !== null), BOUND_MS);
    assert.match(health().find((one) => one.building !== null)?.reason ?? '', /an engine for tensorrt in fp32/);

    const verdicts = (name: string) => subscriber.on(`/${name}/inspection`).map((one) => one.json<InspectionMessage>());
    const isDone = () => ['press', 'mill'].every((name) => verdicts(name).length > 0);
    await subscriber.until('both work on the CPU in the end', isDone, BOUND_MS);
    assert.equal(verdicts('press')[0]?.provider, 'cpu');
    await subscriber.until('health tells that, too', () => health().every((one) => one.provider === 'cpu'), BOUND_MS);
    for (const { skipped, building: none, precision, restarts } of health()) {
      assert.deepEqual([none, precision, restarts], [null, 'fp32', 0]);
      assert.deepEqual(
        skipped.map((one) => one.provider),
        ['tensorrt'],
      );
    }
    assert.match(daemon.lines, /building an engine for tensorrt: this takes minutes/);
    assert.equal(daemon.events('station.provider-skipped').length, 2);
    daemon.process.kill('SIGTERM');
    assert.equal((await daemon.ended).code, 0);
    await subscriber.close();
  });

  it('ends with the station when the daemon is told to stop', async () => {
    const stations = [{ name: 'press', camera: { type: 'simulated' }, model: bundle }];
    const infer = { library, providers: ['tensorrt'], tensorrt: { cache: join(folder, 'engines') } };
    const daemon = await Daemon.start(stations, {
      infer,
      env: { ...env(), SIDEGLANCE_BUILD_SECONDS: '600' },
    });
    await daemon.until('it builds', () => daemon.events('station.building').length === 1);
    daemon.process.kill('SIGTERM');
    assert.deepEqual(await daemon.ended, { code: 0, signal: null });
  });

  it('can be asked for ahead, and says why it cannot be done', async () => {
    const build = (...options: string[]) =>
      sideglance(['engine', 'build', ...options], { env: { ...env(), XDG_CACHE_HOME: folder } });
    const { code, stderr } = await build('--model', bundle, '--library', library);
    assert.equal(code, 1);
    assert.match(stderr, /^tiny@1\.0\.0: building an engine; this takes minutes$/m);
    assert.match(stderr, /infer\.require asks for tensorrt.*SG_PROVIDER_UNAVAILABLE/);
    assert.match(stderr, /^tensorrt: .*Failed to load shared library/m);
    assert.match((await build()).stderr, /name a bundle with --model, or a --config \(SG_USAGE\)/);
  });
});
