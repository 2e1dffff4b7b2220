import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gigePipeline } from '../../src/capture/presets.js';
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
});
