import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { simulatedPipeline } from '../../src/capture/presets.js';
import type { FrameSource } from '../../src/capture/source.js';
import type { Picture, PixelFormat } from '../../src/types.js';
import { watch } from './harness.js';

const BYTES: Record<PixelFormat, number> = { GRAY8: 1, RGB: 3, BGRx: 4 };

/** Numbered parts: every byte of part n is n; rows have more padding than GStreamer gives them. */
function parts(count: number, width: number, height: number, format: PixelFormat): FrameSource & { made: number } {
  const stride = width * BYTES[format] + 5;
  return {
    made: 0,
    async next(): Promise<Picture | null> {
      if (this.made === count) return null;
      const data = new Uint8Array(stride * height).fill(255);
      for (let row = 0; row < height; row++) data.fill(this.made, row * stride, row * stride + width * BYTES[format]);
      this.made++;
      return { width, height, stride, format, data };
    },
  };
}

describe('the simulated line', () => {
  for (const format of ['GRAY8', 'RGB', 'BGRx'] as const) {
    it(`passes every ${format} part through the pipeline unchanged, then ends`, async () => {
      const shape = { width: 37, height: 5, format };
      const source = parts(12, 37, 5, format);
      const { camera, frames, until } = await watch({
        pipeline: simulatedPipeline({ ...shape, partsPerSecond: 200 }),
        format,
        lossless: true,
        source,
        partsPerSecond: 200,
      });
      try {
        const seen = await frames(12);
        for (const [part, { picture, skipped }] of seen.entries()) {
          assert.equal(skipped, 0);
          for (let row = 0; row < 5; row++) {
            const bytes = picture.data.subarray(row * picture.stride, row * picture.stride + 37 * BYTES[format]);
            assert.ok(
              bytes.every((value) => value === part),
              `part ${part}, row ${row}: ${bytes}`,
            );
          }
        }
        await until('ended');
      } finally {
        await camera.close();
      }
    });
  }

  it('holds the line when every part counts and nobody takes them', async () => {
    const source = parts(100, 8, 8, 'GRAY8');
    const { camera, frames } = await watch({
      pipeline: simulatedPipeline({ width: 8, height: 8, format: 'GRAY8', partsPerSecond: 500 }),
      format: 'GRAY8',
      lossless: true,
      source,
      partsPerSecond: 500,
    });
    try {
      await frames(1);
      await new Promise((done) => setTimeout(done, 150));
      assert.ok(source.made <= 5, `${source.made} parts made though only one was taken`);
      assert.deepEqual(
        (await frames(20)).map((frame) => frame.picture.data[0]),
        Array.from({ length: 20 }, (_, at) => at + 1),
      );
    } finally {
      await camera.close();
    }
  });

  it('lets parts go by otherwise, and counts them', async () => {
    const { camera, frames } = await watch({
      pipeline: simulatedPipeline({ width: 8, height: 8, format: 'GRAY8', partsPerSecond: 100 }),
      format: 'GRAY8',
      source: parts(250, 8, 8, 'GRAY8'),
      partsPerSecond: 100,
    });
    try {
      await frames(1);
      await new Promise((done) => setTimeout(done, 200));
      const seen = await frames(5);
      const numbers = seen.map((frame) => frame.picture.data[0]!);
      assert.ok(numbers[0]! >= 8, `part ${numbers[0]} came after 200 ms at 100 parts a second`);
      assert.equal(seen[0]!.skipped, numbers[0]! - 1);
      for (const frame of seen) assert.ok(frame.captured.monotonicMs > 0);
    } finally {
      await camera.close();
    }
  });

  it('keeps its rate and stamps the parts by the clock of the pipeline', async () => {
    const { camera, frames } = await watch({
      pipeline: simulatedPipeline({ width: 8, height: 8, format: 'RGB', partsPerSecond: 50 }),
      format: 'RGB',
      source: parts(250, 8, 8, 'RGB'),
      partsPerSecond: 50,
    });
    try {
      const seen = await frames(16);
      const parts = seen.at(-1)!.picture.data[0]! - seen[0]!.picture.data[0]!;
      const seconds = Number(seen.at(-1)!.ptsNs! - seen[0]!.ptsNs!) / 1e9;
      assert.ok(seconds >= (parts - 1) / 50, `${parts} parts in ${seconds} s`);
    } finally {
      await camera.close();
    }
  });

  it('is lost, with the reason, when its source fails or makes pictures of another size', async () => {
    const pipeline = simulatedPipeline({ width: 8, height: 8, format: 'RGB', partsPerSecond: 50 });
    const wrong = await watch({ pipeline, format: 'RGB', source: parts(9, 9, 8, 'RGB'), partsPerSecond: 50 });
    const { reason } = await wrong.until('lost');
    assert.match(reason!, /the line makes RGB pictures of 9 × 8.*expects RGB of 8 × 8/);
    await wrong.camera.close();
    const source = { next: () => Promise.reject(new Error('out of parts')) };
    const failing = await watch({ pipeline, format: 'RGB', source });
    assert.match((await failing.until('lost')).reason!, /out of parts/);
    await failing.camera.close();
  });

  it('stops at once even when its source never answers', async () => {
    const { camera } = await watch({
      pipeline: simulatedPipeline({ width: 8, height: 8, format: 'RGB', partsPerSecond: 50 }),
      format: 'RGB',
      source: { next: () => new Promise<null>(() => {}) },
    });
    await camera.next();
    await camera.next();
    const started = performance.now();
    await camera.close();
    assert.ok(performance.now() - started < 1500);
  });

  it('stops at once even when its entrance is full and blocks', async () => {
    const pipeline = simulatedPipeline({ width: 8, height: 8, format: 'GRAY8', partsPerSecond: 500 });
    const { camera, frames } = await watch({
      pipeline: `${pipeline.replace('appsrc', 'appsrc block=true max-bytes=64')} ! identity sleep-time=400000`,
      format: 'GRAY8',
      source: parts(250, 8, 8, 'GRAY8'),
      partsPerSecond: 500,
    });
    await frames(1);
    const started = performance.now();
    await camera.close();
    assert.ok(performance.now() - started < 1500);
  });

  it('needs its entrance in the pipeline', async () => {
    const source = parts(1, 8, 8, 'RGB');
    const { camera, until } = await watch({ pipeline: 'videotestsrc', format: 'RGB', source });
    await assert.rejects(until('running'), { code: 'SG_CAMERA_PIPELINE', message: /appsrc name=simulated/ });
    await camera.close();
  });
});
