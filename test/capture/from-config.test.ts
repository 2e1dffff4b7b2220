import './harness.js';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { cameraOptions } from '../../src/capture/from-config.js';
import type { FrameSource } from '../../src/capture/source.js';
import type { CameraConfig } from '../../src/config/schema.js';

// Loaded late, so that GLib sees G_DEBUG.
const { missingElements } = await import('../../src/capture/gstreamer/elements.js');

const common = { format: 'RGB', silentAfterMs: 1000, reopenAfterMs: 5000 } as const;
const live = { ...common, queue: 1 } as const;
const v4l2 = { type: 'v4l2', ...live, device: '/dev/video0', encoding: 'raw' } as const;

describe('a camera of the configuration', () => {
  const cameras: CameraConfig[] = [
    { ...v4l2, width: 640, framesPerSecond: 30 },
    { ...v4l2, encoding: 'mjpeg' },
    {
      type: 'rtsp',
      ...live,
      url: 'rtsp://127.0.0.1:1/x',
      username: 'u',
      password: 'p',
      transport: 'tcp',
      latencyMs: 100,
      jetson: false,
    },
    { type: 'pipeline', ...live, pipeline: 'videotestsrc ! identity', lossless: true },
  ];
  for (const camera of cameras) {
    it(`becomes pipeline text that GStreamer understands: ${camera.type}`, async () => {
      const { pipeline, format } = cameraOptions(camera);
      assert.ok(typeof pipeline === 'string');
      assert.deepEqual(await missingElements(pipeline), []);
      assert.equal(format, 'RGB');
    });
  }

  it('needs the elements of a Jetson for a CSI camera', async () => {
    const csi = { type: 'csi', ...live, sensor: 0, width: 1920, height: 1080, framesPerSecond: 30 } as const;
    const { pipeline } = cameraOptions(csi);
    assert.match(String(pipeline), /^nvarguscamerasrc .* nvvidconv/);
  });

  it('keeps every image of a folder, and of a pipeline that says so', () => {
    const files = cameraOptions({ type: 'files', ...common, path: '/images', framesPerSecond: 2, loop: false });
    assert.equal(files.lossless, true);
    assert.equal(typeof files.pipeline, 'object');
    assert.equal(cameraOptions({ type: 'pipeline', ...live, pipeline: 'a', lossless: false }).lossless, false);
  });

  it('is fed by the simulated line', () => {
    const source: FrameSource = { next: () => Promise.resolve(null) };
    const camera: CameraConfig = {
      type: 'simulated',
      ...live,
      width: 320,
      height: 240,
      placement: 'aligned',
      partsPerSecond: 2,
      defectShare: 0.2,
      seed: 1,
    };
    const options = cameraOptions(camera, source);
    assert.match(String(options.pipeline), /^appsrc name=simulated .*format=RGB,width=320,height=240,framerate=2\/1/);
    assert.deepEqual([options.source, options.partsPerSecond], [source, 2]);
    assert.throws(() => cameraOptions(camera), { code: 'SG_CAMERA_PIPELINE' });
  });

  it('is silent when the configuration says so, but not between two parts of a slow line', () => {
    assert.deepEqual(cameraOptions(v4l2).limits, { silentAfterMs: 1000, stallAfterMs: 5000 });
    const slow = cameraOptions({ ...v4l2, framesPerSecond: 0.5 });
    assert.deepEqual(slow.limits, { silentAfterMs: 6000, stallAfterMs: 6000 });
    const still = cameraOptions({ ...v4l2, silentAfterMs: 'never', reopenAfterMs: 'never' });
    const never = Number.POSITIVE_INFINITY;
    assert.deepEqual(still.limits, { silentAfterMs: never, stallAfterMs: never });
  });
});
