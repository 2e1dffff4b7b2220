import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { adjustCamera } from '../../src/capture/adjust.js';
import { framesBetween } from '../../src/capture/aravis/triggered-camera.js';
import { cameraOptions } from '../../src/capture/from-config.js';
import { CAMERA_LIMITS } from '../../src/capture/options.js';
import { CameraSchema } from '../../src/config/cameras.js';
import { FakeGigeCamera } from './fake-gige-camera.js';
import { openFiles, threads, type Watched, watch } from './harness.js';

const { elementExists } = await import('../../src/capture/gstreamer/elements.js');

interface Tried extends Watched {
  readonly device: FakeGigeCamera;
  readonly config: Extract<ReturnType<typeof CameraSchema.parse>, { type: 'gige' }>;
}

/** The fake camera takes triggers by software only: those of a line run through the same path but for their source. */
async function withCamera(test: TestContext, settings: object, story: (tried: Tried) => Promise<void>): Promise<void> {
  const device = await FakeGigeCamera.reserve();
  if (device === null) return test.skip('the fake camera is not installed: apt-get install aravis-tools');
  const config = CameraSchema.parse({ type: 'gige', camera: '127.0.0.1', trigger: 'Software', ...settings });
  assert.ok(config.type === 'gige');
  const options = cameraOptions(config);
  const watched = await watch({ ...options, limits: { ...CAMERA_LIMITS, ...options.limits } });
  try {
    await story({ ...watched, device, config });
  } finally {
    await watched.camera.close();
    await device.release();
  }
}

describe('a GigE Vision camera with a trigger', () => {
  it('waits for it as long as it takes, and loses none of a burst', async (test) => {
    await withCamera(test, { width: 512, height: 256, queue: 8 }, async ({ device, camera, frames, until, events }) => {
      await device.start();
      await until('silent');
      for (const end = performance.now() + 4000; performance.now() < end; ) assert.equal(await camera.next(), null);
      const firedMs = performance.now();
      await camera.fire();
      const [frame] = await frames(1, 2000);
      assert.deepEqual([frame!.picture.format, frame!.picture.width, frame!.picture.height], ['GRAY8', 512, 256]);
      assert.ok(new Set(frame!.picture.data).size > 10, 'a picture with something in it');
      assert.ok(frame!.captured.monotonicMs >= firedMs - 1, 'it was taken when it was asked for');
      for (let i = 0; i < 5; i++) {
        await camera.fire();
        // The fake camera makes one picture of triggers that come within one of its frames.
        await new Promise((done) => setTimeout(done, 250));
      }
      const burst = await frames(5, 2000);
      assert.deepEqual(
        burst.map(({ skipped }) => skipped),
        [0, 0, 0, 0, 0],
      );
      assert.equal(await camera.next(), null);
      assert.deepEqual(
        events.map(({ state }) => state),
        ['opening', 'silent', 'running'],
      );
    });
  });

  it('that goes is noticed though nothing triggers it, and comes back by itself', async (test) => {
    await withCamera(test, {}, async ({ device, camera, frames, until, events }) => {
      const first = await until('lost', 15_000);
      test.diagnostic(`before it is there: ${first.reason}`);
      await assert.rejects(camera.fire(), { code: 'SG_CAMERA_LOST' });
      await device.start();
      await until('silent', 15_000);
      await camera.fire();
      await frames(1);
      const before = { files: openFiles(), threads: threads() };
      await device.kill();
      const lost = await until('lost', 8000);
      assert.match(lost.reason ?? '', /does not answer any more/);
      await device.start();
      await until('silent', 15_000);
      await camera.fire();
      await frames(1);
      assert.equal(events.at(-1)?.state, 'running');
      // GLib keeps a thread that has nothing to do for a while.
      const isMore = () => openFiles() > before.files || threads() > before.threads;
      for (const end = performance.now() + 30_000; performance.now() < end && isMore(); ) await camera.next();
      assert.ok(!isMore(), `${openFiles()} files and ${threads()} threads; before, ${JSON.stringify(before)}`);
    });
  });

  it('takes exposure and gain while it runs, keeps them when it is opened again, and says what it does not take', async (test) => {
    await withCamera(test, {}, async ({ device, camera, config, frames, until }) => {
      const brightness = async () => {
        await camera.fire();
        const [frame] = await frames(1);
        const { data } = frame!.picture;
        return data.reduce((sum, value) => sum + value, 0) / data.length;
      };
      await device.start();
      await until('silent', 15_000);
      const dark = await adjustCamera(camera, config, { exposureMicroseconds: 1000, gainDb: 0 });
      const low = await brightness();
      const bright = await adjustCamera(camera, dark, { exposureMicroseconds: 10_000 });
      const high = await brightness();
      assert.ok(high > low + 5, `mean grey ${low}, then ${high}`);
      await assert.rejects(adjustCamera(camera, bright, { exposureMicroseconds: 0.4 }), {
        code: 'SG_COMMAND_FAILED',
        message: /exposureMicroseconds 0.4/,
      });
      await device.kill();
      await until('lost', 8000);
      await device.start();
      await until('silent', 15_000);
      const again = await brightness();
      assert.ok(Math.abs(again - high) < 5, `mean grey ${again} after it was opened again`);
    });
  });

  it('has rows of any length, and colour', async (test) => {
    await withCamera(test, { width: 333, height: 100 }, async ({ device, camera, frames, until }) => {
      await device.start();
      await until('silent', 15_000);
      await camera.fire();
      const [{ picture } = { picture: null }] = await frames(1);
      assert.deepEqual([picture?.width, picture?.height], [333, 100]);
      // The fake camera draws ramps: a row that begins in the wrong place would be a jump from the one above.
      const at = (x: number, y: number) => picture!.data[y * picture!.stride + x]!;
      for (let y = 1; y < 100; y++) assert.ok(Math.abs(at(10, y) - at(10, y - 1)) <= 3 || at(10, y) < 5, `row ${y}`);
    });
    for (const sensor of ['rgb', 'bayer'] as const) {
      if (sensor === 'bayer' && !(await elementExists('bayer2rgb'))) {
        test.diagnostic('bayer2rgb is not installed: apt-get install gstreamer1.0-plugins-bad');
        continue;
      }
      await withCamera(
        test,
        { sensor, format: 'RGB', width: 128, height: 64 },
        async ({ device, camera, frames, until }) => {
          await device.start();
          await until('silent', 15_000);
          await camera.fire();
          const [{ picture } = { picture: null }] = await frames(1);
          assert.deepEqual([picture?.format, picture?.width, picture?.height], ['RGB', 128, 64], sensor);
        },
      );
    }
  });

  it('that has no such trigger, or no such pixels, is lost with those that it has', async (test) => {
    await withCamera(test, { trigger: 'Line7' }, async ({ device, until }) => {
      await device.start();
      const { reason } = await until('lost', 15_000);
      assert.match(reason ?? '', /no trigger Line7: choose one of .*Software/);
    });
  });
});

it('numbers of frames go on after the last of 16 bits', () => {
  const between: [bigint, bigint, number][] = [
    [1n, 2n, 0],
    [1n, 5n, 3],
    [65_535n, 1n, 0],
    [65_534n, 3n, 3],
    [70_000n, 70_001n, 0],
    // A camera that began anew.
    [1_000n, 1n, 0],
    [70_000n, 1n, 0],
    [1n, 2n ** 60n, 0],
  ];
  for (const [last, next, expected] of between) assert.equal(framesBetween(last, next), expected, `${last} to ${next}`);
});
