import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { adjustCamera } from '../../src/capture/adjust.js';
import { cameraOptions } from '../../src/capture/from-config.js';
import { GIGE_SOURCE, gigePipeline } from '../../src/capture/presets.js';
import { CameraSchema } from '../../src/config/cameras.js';
import type { Frame } from '../../src/types.js';
import { FakeGigeCamera } from './fake-gige-camera.js';
import { watch } from './harness.js';

const { elementExists } = await import('../../src/capture/gstreamer/elements.js');

describe('a GigE Vision camera', () => {
  it('that goes is an outage with a reason within 5 s, and comes back by itself in the same process', async (test) => {
    if (!(await elementExists('aravissrc')))
      return test.skip('aravissrc is not installed: apt-get install libaravis-0.8-0');
    const device = await FakeGigeCamera.reserve();
    if (device === null) return test.skip('the fake camera is not installed: apt-get install aravis-tools');
    const { camera, frames, until, events } = await watch({
      pipeline: gigePipeline({ camera: '127.0.0.1', width: 512, height: 512, framesPerSecond: 25 }),
      format: 'GRAY8',
      limits: {},
    });
    try {
      await device.start();
      const seen = await frames(10);
      const { width, height, format } = seen[0]!.picture;
      assert.deepEqual([format, width, height], ['GRAY8', 512, 512]);
      const before = performance.now();
      await new Promise((done) => setTimeout(done, 300));
      const [late] = await frames(1);
      // A frame every 40 ms, however long a busy machine took for those 300 ms; PTS gaps are an estimate.
      const most = (performance.now() - before) / 40 + 3;
      assert.ok(late!.skipped >= 3 && late!.skipped <= most, `${late!.skipped} skipped, at most ${most} were sent`);

      await device.kill();
      const lost = await until('lost', 5000);
      test.diagnostic(`lost: ${lost.reason}`);
      assert.match(lost.reason!, /\w/);

      await device.start();
      const returned = performance.now();
      await frames(5, 15_000);
      test.diagnostic(`frames again ${((performance.now() - returned) / 1000).toFixed(1)} s after its return`);
      assert.equal(events.at(-1)!.state, 'running');
    } finally {
      const started = performance.now();
      await camera.close();
      const tookMs = performance.now() - started;
      await device.release();
      assert.ok(tookMs < 5000, `closing a living camera took ${tookMs} ms`);
    }
  });

  it('takes exposure and gain while it runs, keeps them when it is opened again, and says what it does not take', async (test) => {
    if (!(await elementExists('aravissrc')))
      return test.skip('aravissrc is not installed: apt-get install libaravis-0.8-0');
    const device = await FakeGigeCamera.reserve();
    if (device === null) return test.skip('the fake camera is not installed: apt-get install aravis-tools');
    const config = CameraSchema.parse({
      type: 'gige',
      camera: '127.0.0.1',
      width: 512,
      height: 512,
      framesPerSecond: 25,
    });
    assert.ok(config.type === 'gige');
    const { camera, frames, until } = await watch({ ...cameraOptions(config), limits: {} });
    const brightness = (frame: Frame) =>
      frame.picture.data.reduce((sum, value) => sum + value, 0) / frame.picture.data.length;
    try {
      await device.start();
      await frames(3);
      // The fake camera draws a ramp whose brightness goes with its exposure and gain.
      let now = await adjustCamera(camera, config, { exposureMicroseconds: 1000, gainDb: 0 });
      await frames(10);
      const [dark] = await frames(1);
      now = await adjustCamera(camera, now, { exposureMicroseconds: 10_000 });
      await frames(10);
      const [bright] = await frames(1);
      test.diagnostic(`mean grey ${brightness(dark!)} at 1000 µs, ${brightness(bright!)} at 10000 µs`);
      assert.ok(brightness(bright!) > brightness(dark!) + 5);
      assert.ok(now.type === 'gige' && now.exposureMicroseconds === 10_000 && now.gainDb === 0);

      await device.kill();
      await until('lost', 5000);
      await device.start();
      await frames(10, 15_000);
      const [again] = await frames(1);
      assert.ok(
        Math.abs(brightness(again!) - brightness(bright!)) < 5,
        `${brightness(again!)} after it was opened again`,
      );
      await assert.rejects(
        camera.adjust('', (running) =>
          running.set(GIGE_SOURCE, [{ name: 'no-such-property', type: 'number', value: 1 }]),
        ),
        {
          code: 'SG_COMMAND_FAILED',
        },
      );
    } finally {
      await camera.close();
      await device.release();
    }
  });
});
