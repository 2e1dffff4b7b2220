import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import test, { after, before } from 'node:test';
import { readDataset, readMask, trainingImages } from '../../src/evaluate/dataset.js';
import { evaluateModel, type Scorer } from '../../src/evaluate/evaluate.js';
import { resampleToRgb } from '../../src/image/resample.js';
import { writePng } from '../../src/image/save.js';
import type { Picture } from '../../src/types.js';

let root = '';
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'sideglance-evaluate-'));
});
after(() => rm(root, { recursive: true }));

interface Spot {
  readonly x: number;
  readonly y: number;
  readonly size: number;
}

/** A dark part with a bright square, and the same as a mask. */
function square(width: number, height: number, spot: Spot | null, ground: number, bright: number): Picture {
  const data = new Uint8Array(width * height).fill(ground);
  if (spot !== null) {
    for (let y = spot.y; y < spot.y + spot.size; y++) {
      data.fill(bright, y * width + spot.x, y * width + spot.x + spot.size);
    }
  }
  return { width, height, stride: width, format: 'GRAY8', data };
}

async function addImage(folder: string, defect: string, name: string, spot: Spot | null, bright = 250): Promise<void> {
  const [width, height] = [96, 64];
  await writePng(join(folder, 'test', defect, `${name}.png`), square(width, height, spot, 40, bright));
  if (spot === null) return;
  await writePng(join(folder, 'ground_truth', defect, `${name}_mask.png`), square(width, height, spot, 0, 255));
}

async function category(name: string): Promise<string> {
  const folder = join(root, name);
  for (const i of [10, 2, 1]) await addImage(folder, 'good', `part${i}`, null);
  await addImage(folder, 'scratch', 'a', { x: 16, y: 16, size: 16 });
  await addImage(folder, 'scratch', 'b', { x: 64, y: 40, size: 8 });
  // Not brighter than its ground: nobody can see it.
  await addImage(folder, 'dent', 'a', { x: 32, y: 8, size: 24 }, 40);
  await mkdir(join(folder, 'train', 'good'), { recursive: true });
  return folder;
}

/** Brightness as the score: one cell a 4 × 4 block. */
const brightness: Scorer = {
  async score(picture) {
    const [columns, rows] = [picture.width / 4, picture.height / 4];
    const data = new Uint8Array(columns * rows * 3);
    const { width, height } = picture;
    resampleToRgb(picture, { x: 0, y: 0, width, height }, { width: columns, height: rows, data });
    const values = Float32Array.from({ length: rows * columns }, (_, i) => data[i * 3]!);
    const score = Math.max(...values);
    const map = { rows, columns, cell: 4, inputWidth: width, inputHeight: height, values };
    return { score, map, verdict: { result: score > 100 ? 'fail' : 'pass' } };
  },
};

test('a category is evaluated in all and per defect, against all good images', async () => {
  const dataset = await readDataset(await category('all'));
  assert.deepEqual(dataset.defects, ['dent', 'scratch']);
  assert.deepEqual(
    dataset.test.map(({ path, defect }) => `${defect}/${basename(path)}`),
    ['good/part1.png', 'good/part2.png', 'good/part10.png', 'dent/a.png', 'scratch/a.png', 'scratch/b.png'],
  );
  const steps: string[] = [];
  const evaluation = await evaluateModel(brightness, dataset, {
    onProgress: (done, total, file) => steps.push(`${done}/${total} ${file}`),
  });
  assert.equal(steps.length, 6);
  assert.equal(steps.at(-1), '6/6 scratch/b.png');

  const { scratch, dent } = evaluation.perDefect;
  assert.equal(scratch!.imageAuroc, 1);
  assert.ok(scratch!.pixelAuroc! > 0.999 && scratch!.aupro! > 0.99);
  assert.deepEqual([scratch!.images, scratch!.good, scratch!.defective], [5, 3, 2]);
  assert.deepEqual(scratch!.verdicts, { falseRejects: 0, misses: 0, invalid: 0 });

  assert.equal(dent!.imageAuroc, 0.5);
  assert.equal(dent!.pixelAuroc, 0.5);
  assert.deepEqual(dent!.verdicts, { falseRejects: 0, misses: 1, invalid: 0 });

  // Three defective images against three good ones: two always win, one always ties.
  assert.ok(Math.abs(evaluation.imageAuroc! - 2.5 / 3) < 1e-12);
  assert.deepEqual([evaluation.images, evaluation.good, evaluation.defective], [6, 3, 3]);
  assert.equal(evaluation.verdicts!.misses, 1);
  assert.deepEqual(evaluation.notes, []);
  assert.equal(evaluation.dataset, 'all');
  assert.equal(evaluation.scores.find(({ file }) => file === join('scratch', 'a.png'))?.score, 250);
  assert.deepEqual(JSON.parse(JSON.stringify(evaluation)).perDefect, evaluation.perDefect);
});

test('without good or without defective images the figures are null and the notes say why', async () => {
  const onlyGood = join(root, 'only-good');
  await addImage(onlyGood, 'good', '1', null);
  const good = await evaluateModel(brightness, await readDataset(onlyGood));
  assert.deepEqual([good.imageAuroc, good.pixelAuroc, good.aupro], [null, null, null]);
  assert.match(good.notes.join(), /no defective test images/);

  const onlyDefects = join(root, 'only-defects');
  await addImage(onlyDefects, 'scratch', '1', { x: 16, y: 16, size: 16 });
  const defects = await evaluateModel(brightness, await readDataset(onlyDefects));
  assert.equal(defects.imageAuroc, null);
  assert.ok(defects.pixelAuroc! > 0.99, 'its own pixels suffice for the pixel figures');
  assert.match(defects.notes.join(), /no good test images/);
});

test('a mask that marks nothing is counted for the image only, and noted', async () => {
  const folder = await category('empty-mask');
  await writePng(join(folder, 'ground_truth', 'dent', 'a_mask.png'), square(96, 64, null, 127, 0));
  const evaluation = await evaluateModel(brightness, await readDataset(folder));
  assert.equal(evaluation.perDefect.dent!.aupro, null);
  assert.equal(evaluation.perDefect.dent!.imageAuroc, 0.5);
  assert.match(evaluation.notes.join(), /dent\/a\.png marks no pixel/);
});

test('a score that is not finite stops the evaluation with the name of the image', async () => {
  const dataset = await readDataset(await category('not-finite'));
  const broken: Scorer = { score: async (picture) => ({ ...(await brightness.score(picture)), score: Number.NaN }) };
  await assert.rejects(evaluateModel(broken, dataset), { code: 'SG_RUNTIME', message: /part1\.png/ });
});

test('a scorer without verdicts is evaluated without counts', async () => {
  const dataset = await readDataset(await category('no-verdicts'));
  const plain: Scorer = {
    score: async (picture) => {
      const { score, map } = await brightness.score(picture);
      return { score, map };
    },
  };
  assert.equal((await evaluateModel(plain, dataset)).verdicts, null);
});

test('what is missing in a dataset is named, all at once', async () => {
  const folder = await category('missing');
  await rm(join(folder, 'ground_truth', 'dent'), { recursive: true });
  await rm(join(folder, 'ground_truth', 'scratch', 'b_mask.png'));
  await mkdir(join(folder, 'test', 'crack'), { recursive: true });
  await assert.rejects(readDataset(folder), (error: Error & { code?: string }) => {
    assert.equal(error.code, 'SG_DATASET_INVALID');
    assert.match(error.message, /ground_truth\/dent is missing/);
    assert.match(error.message, /test\/scratch\/b\.png has no mask b_mask\.png/);
    assert.match(error.message, /test\/crack holds no images/);
    return true;
  });
  await assert.rejects(readDataset(join(root, 'nowhere')), { code: 'SG_DATASET_INVALID', message: /"test"/ });
  await mkdir(join(root, 'empty', 'test', 'good'), { recursive: true });
  await assert.rejects(readDataset(join(root, 'empty')), { code: 'SG_DATASET_INVALID', message: /no images/ });
});

test('a mask of another size than its image is refused with both sizes', async () => {
  const path = join(root, 'mask.png');
  await writePng(path, square(20, 10, { x: 1, y: 1, size: 2 }, 127, 128));
  assert.equal(
    (await readMask(path, 20, 10)).reduce((sum, v) => sum + v, 0),
    4,
    'above 127 is defective, 127 is not',
  );
  await assert.rejects(readMask(path, 10, 20), { code: 'SG_DATASET_INVALID', message: /20×10.*10×20/ });
});

test('training reads train/good of a category, or the folder itself, and nothing else', async () => {
  const folder = await category('train');
  const image = square(8, 8, null, 1, 1);
  for (const name of ['3.png', '20.png']) await writePng(join(folder, 'train', 'good', name), image);
  assert.deepEqual(
    (await trainingImages(folder)).map((path) => basename(path)),
    ['3.png', '20.png'],
  );

  const plain = join(root, 'plain');
  await writePng(join(plain, 'x.png'), image);
  await writeFile(join(plain, 'readme.txt'), '');
  assert.deepEqual(
    (await trainingImages(plain)).map((path) => basename(path)),
    ['x.png'],
  );

  await mkdir(join(root, 'bare'));
  assert.deepEqual(await trainingImages(join(root, 'bare')), []);
  await rm(join(folder, 'train', 'good'), { recursive: true });
  await assert.rejects(trainingImages(folder), { code: 'SG_DATASET_INVALID', message: /train\/good/ });
});
