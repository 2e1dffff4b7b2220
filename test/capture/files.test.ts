import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import sharp from 'sharp';
import { imageFiles } from '../../src/capture/files.js';
import { watch } from './harness.js';

describe('a folder of images as a camera', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sideglance-files-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  /** A picture whose first pixel tells which one it is. */
  async function image(name: string, shade: number, width = 8, height = 6): Promise<void> {
    const background = { r: shade, g: shade, b: shade };
    await sharp({ create: { width, height, channels: 3, background } }).toFile(join(folder, name));
  }

  it('delivers every file once, by name, whatever its kind and size, and ends', async () => {
    await image('c.png', 30, 9, 5);
    await image('a 1.png', 10);
    await image('b.jpg', 20, 16, 16);
    await writeFile(join(folder, 'notes.txt'), 'not an image');
    const { camera, frames, until, events } = await watch({
      pipeline: imageFiles({ path: folder }),
      format: 'RGB',
      lossless: true,
    });
    try {
      const seen = await frames(3);
      assert.deepEqual(
        seen.map((frame) => frame.picture.data[0]),
        [10, 20, 30],
      );
      assert.deepEqual(
        seen.map((frame) => frame.picture.width),
        [8, 16, 9],
      );
      assert.deepEqual(
        seen.map((frame) => [frame.sequence, frame.skipped]),
        [
          [0, 0],
          [1, 0],
          [2, 0],
        ],
      );
      await until('ended');
      assert.deepEqual(
        events.map((event) => event.state),
        ['opening', 'running', 'ended'],
      );
    } finally {
      await camera.close();
    }
  });

  it('gives the pixels of a PNG exactly, grey ones too', async () => {
    const width = 37;
    const pixels = Buffer.from(Array.from({ length: width * 5 * 3 }, (_, at) => (at * 7) % 256));
    await sharp(pixels, { raw: { width, height: 5, channels: 3 } })
      .png()
      .toFile(join(folder, '1-colour.png'));
    const grey = Buffer.from(Array.from({ length: width * 5 }, (_, at) => (at * 11) % 256));
    await sharp(grey, { raw: { width, height: 5, channels: 1 } })
      .toColourspace('b-w')
      .png()
      .toFile(join(folder, '2-grey.png'));
    const { camera, frames } = await watch({ pipeline: imageFiles({ path: folder }), format: 'RGB', lossless: true });
    try {
      const [colour, greyed] = await frames(2);
      for (let y = 0; y < 5; y++) {
        const { data, stride } = colour!.picture;
        assert.deepEqual(
          data.subarray(y * stride, y * stride + width * 3),
          new Uint8Array(pixels.subarray(y * width * 3, (y + 1) * width * 3)),
        );
        const row = greyed!.picture.data.subarray(y * greyed!.picture.stride, y * greyed!.picture.stride + width * 3);
        assert.deepEqual(
          [...row],
          [...grey.subarray(y * width, (y + 1) * width)].flatMap((v) => [v, v, v]),
        );
      }
    } finally {
      await camera.close();
    }
  });

  it('names a file that cannot be read and goes on with the next', async () => {
    await image('1.png', 10);
    await image('4.png', 40);
    await writeFile(join(folder, '2.png'), 'this is no picture');
    await writeFile(join(folder, '3.png'), '');
    await image('whole.png', 90, 64, 64);
    const whole = await readFile(join(folder, 'whole.png'));
    await writeFile(join(folder, '3b.png'), whole.subarray(0, 60));
    await rm(join(folder, 'whole.png'));
    const { camera, frames, events } = await watch({
      pipeline: imageFiles({ path: folder }),
      format: 'RGB',
      lossless: true,
    });
    try {
      assert.deepEqual(
        (await frames(2)).map((frame) => frame.picture.data[0]),
        [10, 40],
      );
      const faults = events.filter((event) => event.state === 'lost').map((event) => event.reason!);
      assert.equal(faults.length, 3, faults.join('\n'));
      for (const [at, name] of ['2.png', '3.png', '3b.png'].entries())
        assert.ok(faults[at]!.startsWith(`${name}: `), faults[at]);
    } finally {
      await camera.close();
    }
  });

  it('begins again with what is there then, at the rate that was asked for', async () => {
    await image('1.png', 10);
    await image('2.png', 20);
    const series = imageFiles({ path: join(folder, '?.png'), loop: true, framesPerSecond: 20 });
    const { camera, frames } = await watch({ pipeline: series, format: 'GRAY8', lossless: true });
    try {
      const started = performance.now();
      const first = await frames(2);
      await image('3.png', 30);
      await image('ignored.png', 99);
      const seen = [...first, ...(await frames(3))];
      assert.deepEqual(
        seen.map((frame) => frame.picture.data[0]),
        [10, 20, 10, 20, 30],
      );
      assert.ok(performance.now() - started > 150, 'five files at 20 a second');
    } finally {
      await camera.close();
    }
  });

  it('waits, as an outage, for a folder that is missing or empty', async () => {
    const missing = await watch({ pipeline: imageFiles({ path: join(folder, 'nowhere', '*.png') }), format: 'RGB' });
    assert.match((await missing.until('lost')).reason!, /folder of images cannot be read.*nowhere/);
    await missing.camera.close();
    const { camera, until, frames } = await watch({ pipeline: imageFiles({ path: folder }), format: 'RGB' });
    try {
      assert.match((await until('lost')).reason!, /there is no image at/);
      await image('late.png', 77);
      assert.equal((await frames(1))[0]!.picture.data[0], 77);
    } finally {
      await camera.close();
    }
  });
});
