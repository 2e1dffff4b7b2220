import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { writePng } from '../../src/image/save.js';
import { openBundle } from '../../src/model/open.js';
import { Random } from '../../src/random.js';
import type { TrainEvent } from '../../src/train/events.js';
import { regionSize } from '../../src/train/good-images.js';
import { trainModel } from '../../src/train/model.js';
import { type TrainOptions, train } from '../../src/train/train.js';

const SIDE = 96;

/** A bright square on a grey field with noise, always in the same place. */
async function writeGoodImage(file: string, random: Random): Promise<void> {
  const data = Uint8Array.from({ length: SIDE * SIDE * 3 }, (_, index) => {
    const pixel = Math.floor(index / 3);
    const [x, y] = [pixel % SIDE, Math.floor(pixel / SIDE)];
    const inside = x > 30 && x < 66 && y > 30 && y < 66;
    return Math.max(0, Math.min(255, (inside ? 180 : 90) + 5 * random.normal()));
  });
  await writePng(file, { width: SIDE, height: SIDE, stride: SIDE * 3, format: 'RGB', data });
}

describe('training from a folder of good images', () => {
  let folder: string;
  const options = (changes: Partial<TrainOptions> = {}): TrainOptions => ({
    images: join(folder, 'good'),
    out: join(folder, 'bundle'),
    seed: 5,
    steps: 2,
    size: SIDE,
    threads: 1,
    ...changes,
  });

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sideglance-train-'));
    await mkdir(join(folder, 'good'));
    const random = new Random(1);
    for (let index = 0; index < 22; index += 1) {
      await writeGoodImage(join(folder, 'good', `${index}.png`), random);
    }
  });
  after(() => rm(folder, { recursive: true, force: true }));

  test('the same seed and steps give the same model, another seed another', async () => {
    const first = await trainModel(options());
    const second = await trainModel(options());
    const third = await trainModel(options({ seed: 6 }));
    assert.ok(Buffer.compare(first.files.model, second.files.model) === 0, 'two runs with one seed differ');
    assert.ok(Buffer.compare(first.files.model, third.files.model) !== 0, 'another seed changes nothing');
    assert.deepEqual(first.calibration, second.calibration);
  });

  test('a bundle is written that opens again, and a corrupt image among good ones is named and skipped', async () => {
    const broken = join(folder, 'good', 'broken.jpg');
    await writeFile(broken, 'no picture');
    const events: TrainEvent[] = [];
    try {
      const manifest = await train(options({ onEvent: (event) => events.push(event), id: 'square' }));
      assert.equal(manifest.id, 'square');
      assert.equal(manifest.trainedOn.images, 22);
      assert.equal(manifest.region.width, SIDE);
      const skipped = events.filter((event) => event.type === 'skipped');
      assert.deepEqual(
        skipped.map((event) => event.file),
        [broken],
      );
      const opened = await openBundle(join(folder, 'bundle'));
      assert.equal(opened.manifest.id, 'square');
    } finally {
      await rm(broken);
    }
  });

  test('an abort before the end keeps the model so far, whole', async () => {
    const abort = new AbortController();
    const out = join(folder, 'aborted');
    const manifest = await train(
      options({
        out,
        steps: 1000,
        signal: abort.signal,
        onEvent: (event) => {
          if (event.type === 'step') abort.abort();
        },
      }),
    );
    assert.ok(manifest.trainedOn.steps < 1000);
    assert.equal((await openBundle(out)).manifest.trainedOn.steps, manifest.trainedOn.steps);
  });

  test('too few images: the error says how many there are and how many are needed', async () => {
    const few = join(folder, 'few');
    await mkdir(few);
    const random = new Random(2);
    for (let index = 0; index < 3; index += 1) await writeGoodImage(join(few, `${index}.png`), random);
    await assert.rejects(train(options({ images: few })), {
      code: 'SG_TOO_FEW_IMAGES',
      message: /3 usable.*at least 20/,
    });
  });

  test('an empty folder, no folder, and a folder of corrupt images are errors that say so', async () => {
    const empty = join(folder, 'empty');
    await mkdir(empty);
    await assert.rejects(train(options({ images: empty })), { code: 'SG_DATASET_INVALID', message: /no images/ });
    await assert.rejects(train(options({ images: join(folder, 'nowhere') })), { code: 'SG_DATASET_INVALID' });
    const corrupt = join(folder, 'corrupt');
    await mkdir(corrupt);
    for (let index = 0; index < 20; index += 1) await writeFile(join(corrupt, `${index}.png`), 'x');
    await assert.rejects(train(options({ images: corrupt })), {
      code: 'SG_IMAGE_UNREADABLE',
      message: /none of the 20/,
    });
  });

  test('what was asked for and would not be done is refused before any image is read', async () => {
    const refused = (changes: Partial<TrainOptions>, message: RegExp) =>
      assert.rejects(train(options({ images: join(folder, 'nowhere'), ...changes })), { code: 'SG_USAGE', message });
    await refused({ scale: 2 }, /--scale is for surfaces/);
    await refused({ geometry: 'field', placement: 'anywhere' }, /no parts to be found/);
    await refused({ geometry: 'field', method: 'paper' }, /--method paper/);
  });

  test('images of a surface that are too small for their scale are refused with the size that they would need', async () => {
    await assert.rejects(train(options({ geometry: 'field', scale: 2 })), {
      code: 'SG_DATASET_INVALID',
      message: /96×96 are 48×48 pixels at the scale 2.*96×96 are the least/,
    });
  });

  test('a target that is no bundle is refused before any work', async () => {
    const out = join(folder, 'good');
    await assert.rejects(train(options({ out })), { code: 'SG_STORAGE' });
    assert.equal((await readdir(out)).length, 22);
  });
});

test('a region keeps the aspect ratio in multiples of eight, with the pixels that were asked for', () => {
  assert.deepEqual(regionSize(512, 512, 256), { width: 256, height: 256 });
  const { width, height } = regionSize(1130, 460, 256);
  assert.equal(width % 8, 0);
  assert.equal(height % 8, 0);
  assert.ok(Math.abs(width / height / (1130 / 460) - 1) < 0.05);
  assert.ok(Math.abs((width * height) / 256 ** 2 - 1) < 0.1);
});
