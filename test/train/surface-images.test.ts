import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { writePng } from '../../src/image/save.js';
import { Random } from '../../src/random.js';
import { readSurfaceImages } from '../../src/train/surface-images.js';

/** Red grows to the right and green downwards, blue is the number of the image: a piece says where it was cut from. */
async function writeChart(file: string, number: number, width: number, height: number): Promise<void> {
  const data = Uint8Array.from({ length: 3 * width * height }, (_, i) => {
    const pixel = Math.floor(i / 3);
    return [(pixel % width) % 256, Math.floor(pixel / width) % 256, number][i % 3]!;
  });
  await writePng(file, { width, height, stride: 3 * width, format: 'RGB', data });
}

describe('good images of a surface', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sideglance-surface-'));
    for (let i = 0; i < 20; i++) await writeChart(join(folder, 'same', `${i}.png`), i, 150, 131);
    for (let i = 0; i < 20; i++) await writeChart(join(folder, 'large', `${i}.png`), i, 1100, 620);
    await writeChart(join(folder, 'large', 'other.png'), 99, 900, 620);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  test('are cut into whole cells, at places of which none is special', async () => {
    const { training, heldOut, calibrating, width, height, whole, scale, close } = await readSurfaceImages(
      join(folder, 'same'),
      new Random(1),
    );
    assert.deepEqual([width, height, whole, scale], [144, 128, { width: 150, height: 131 }, 1]);
    const all = [...training, ...heldOut, ...calibrating];
    assert.equal(all.length, 20 * 2);
    const places = all.map(({ data }) => `${data[0]},${data[1]}`);
    assert.ok(new Set(places).size > 10);
    for (const { file, data } of all) {
      assert.equal(data.length, 3 * width * height);
      assert.equal(data[2], Number(basename(file, '.png')));
      // Neighbours in the piece are neighbours in the image.
      assert.equal(data[3 * (width * 5 + 7)]! - data[0]!, 7);
      assert.equal(data[3 * (width * 5 + 7) + 1]! - data[1]!, 5);
    }
    close();
  });

  test('are held out with all of their pieces, to normalise or to calibrate, and those of another size are left out', async () => {
    const { training, heldOut, calibrating, skipped, width, height, close } = await readSurfaceImages(
      join(folder, 'large'),
      new Random(2),
    );
    assert.deepEqual([width, height], [512, 512]);
    assert.deepEqual(
      skipped.map(({ file }) => basename(file)),
      ['other.png'],
    );
    // 1100 × 620 pixels are 2.6 pieces.
    const groups = [training, heldOut, calibrating];
    assert.deepEqual(
      groups.map((pieces) => pieces.length),
      [8 * 3, 4 * 3, 8 * 3],
    );
    const files = groups.flatMap((pieces) => [...new Set(pieces.map(({ file }) => file))]);
    assert.equal(new Set(files).size, files.length);
    assert.equal(files.length, 20);
    close();
  });

  test('are scaled as a whole image is, or to a size', async () => {
    const scaled = await readSurfaceImages(join(folder, 'large'), new Random(3), { scale: 4 });
    assert.deepEqual(scaled.whole, { width: 275, height: 155 });
    const sized = await readSurfaceImages(join(folder, 'large'), new Random(3), { size: 256 });
    assert.ok(Math.abs((sized.whole.width * sized.whole.height) / 256 ** 2 - 1) < 0.02);
    assert.ok(Math.abs(sized.scale - Math.sqrt(1100 * 620) / 256) < 1e-9);
    scaled.close();
    sized.close();
  });
});
