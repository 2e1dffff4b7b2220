import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { type RecalibrateOptions, recalibrate } from '../../src/calibrate/recalibrate.js';
import { writePng } from '../../src/image/save.js';
import { Inspector } from '../../src/infer/inspector.js';
import { openBundle, readManifest } from '../../src/model/open.js';
import { writeBrightnessBundle } from '../support/brightness-bundle.js';
import { writeGrey } from '../support/grey-images.js';
import { reliefOf, turnedPart } from '../support/turned-parts.js';

let folder: string;
let bundle: string;
/** 30 good parts of the levels 10 to 39: scores 10/255 to 39/255. */
let parts: string;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sideglance-recalibrate-'));
  parts = join(folder, 'parts');
  for (let i = 0; i < 30; i++) await writeGrey(join(parts, `${i}.png`), 10 + i);
});
beforeEach(async () => {
  bundle = join(folder, 'bundle');
  await writeBrightnessBundle(bundle);
});
after(() => rmSync(folder, { recursive: true, force: true }));

const run = (options: Partial<RecalibrateOptions> = {}) =>
  recalibrate({ model: bundle, images: parts, falseRejectRate: 0.05, threads: 1, ...options });

/** A folder of its own, with links to the parts and more images by their grey level. */
async function partsAnd(name: string, more: Readonly<Record<string, number | string>>): Promise<string> {
  const images = join(folder, name);
  mkdirSync(images, { recursive: true });
  for (const file of readdirSync(parts)) writeFileSync(join(images, file), readFileSync(join(parts, file)));
  for (const [file, level] of Object.entries(more)) {
    if (typeof level === 'number') await writeGrey(join(images, file), level);
    else writeFileSync(join(images, file), level);
  }
  return images;
}

function labelFile(name: string, labels: Readonly<Record<string, string>>): string {
  const path = join(folder, name);
  const lines = Object.entries(labels).map(([file, label]) => `${file},${label}`);
  writeFileSync(path, `file,label\n${lines.join('\n')}\n`);
  return path;
}

const scoresOf = (levels: readonly number[]) => levels.map((level) => level / 255);
const assertClose = (found: readonly number[], expected: readonly number[]) => {
  assert.equal(found.length, expected.length);
  for (const [i, value] of expected.entries()) assert.ok(Math.abs((found[i] as number) - value) < 1e-6);
};
const levels = Array.from({ length: 30 }, (_, i) => 10 + i);

/** Nothing of the bundle has changed, and nothing lies beside it. */
async function assertUntouched(): Promise<void> {
  assert.equal((await readManifest(bundle)).version, '1.0.0');
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.startsWith('bundle')),
    ['bundle'],
  );
}

describe('a recalibration', () => {
  it('keeps what finds the part, and leaves out images without one', async () => {
    const window = { width: 128, height: 128 };
    const locate = { search: 'everywhere', template: reliefOf(turnedPart()), window, minimumSimilarity: 0.4 } as const;
    await writeBrightnessBundle(bundle, { size: 128, locate });
    const images = join(folder, 'turned');
    for (let i = 0; i < 21; i++)
      await writePng(join(images, `${i}.png`), turnedPart({ turn: 0.3 * i, gain: 1 + 0.01 * i }));
    await writeGrey(join(images, 'empty.png'), 90, 128);
    const old = await openBundle(bundle);
    const result = await run({ images });
    assert.equal(result.good.length, 21);
    assert.deepEqual(
      result.skipped.map(({ error }) => error.code),
      ['SG_NO_PART'],
    );
    const written = await openBundle(bundle);
    assert.deepEqual(written.manifest.locate, { ...locate, template: 'template.png' });
    assert.deepEqual(written.template, old.template);
  });

  it('keeps the model and its golden samples, and replaces the scores', async () => {
    const old = await openBundle(bundle);
    const result = await run();
    const written = await openBundle(bundle);
    assert.deepEqual(Buffer.from(written.model), Buffer.from(old.model));
    assert.deepEqual(written.manifest.golden, old.manifest.golden);
    assert.deepEqual(written.manifest, result.manifest);
    const { version, calibration, trainedOn } = written.manifest;
    assert.equal(version, '1.0.1');
    assert.deepEqual(trainedOn, old.manifest.trainedOn);
    assertClose(calibration.scores, scoresOf(levels));
    // ⌈31 · 0.95⌉ = 30th of the hottest cells, which are the scores here.
    assertClose([calibration.mapThreshold, result.after.score], scoresOf([39, 39]));
    const { at, ...provenance } = calibration.recalibrated ?? assert.fail();
    assert.ok(Math.abs(Date.parse(at) - Date.now()) < 60_000);
    assert.deepEqual(provenance, {
      images: 30,
      source: 'parts',
      previous: 'brightness@1.0.0',
      combined: false,
      provider: 'cpu',
    });
    assert.equal(result.before.extrapolated, true);
    await (await Inspector.load(bundle, { threshold: { falseRejectRate: 0.05 } })).close();
  });

  it('writes elsewhere and by another version when told to, also over a bundle', async () => {
    const out = join(folder, 'other');
    await run({ out, version: '2.0.0-line.3' });
    await run({ out });
    assert.equal((await readManifest(out)).version, '1.0.1');
    await assertUntouched();
  });

  it('adds the new scores to the old ones when told to combine', async () => {
    const { manifest } = await run({ combine: true });
    assertClose(manifest.calibration.scores, [0, 0.01, 0.02, 0.03, ...scoresOf(levels)]);
    assert.deepEqual(
      [manifest.calibration.recalibrated?.combined, manifest.calibration.recalibrated?.images],
      [true, 30],
    );
  });

  it('says when the new scores are distributed otherwise than the old ones', async () => {
    assert.equal((await run()).difference.large, true);
    const again = await run();
    assert.deepEqual(again.difference, { distance: 0, pValue: 1, large: false });
    assert.equal(again.manifest.version, '1.0.2');
  });

  it('scores the region alone that it is given', async () => {
    const large = join(folder, 'large');
    for (let i = 0; i < 20; i++) await writeGrey(join(large, `${i}.png`), 50, 128);
    const { good } = await run({ images: large, region: { x: 32, y: 32, width: 64, height: 64 } });
    assertClose(
      good.map(({ score }) => score),
      scoresOf(new Array(20).fill(50)),
    );
    await assert.rejects(run({ images: large, region: { x: 100, y: 0, width: 64, height: 64 } }), {
      code: 'SG_REGION_OUTSIDE',
      message: /^none of the 20 images could be scored/,
    });
  });
});

describe('labels of a recalibration', () => {
  it('leave failed parts out of the good scores and count what the threshold catches', async () => {
    const images = await partsAnd('labelled', { 'bad-seen.png': 200, 'bad-missed.png': 20, 'good-rejected.png': 90 });
    const labels = labelFile('labels.csv', {
      'bad-seen.png': 'fail',
      'bad-missed.png': 'fail',
      'good-rejected.png': 'pass',
    });
    const { good, failed, manifest, after } = await run({ images, labels, assumeGood: true });
    assert.equal(good.length, 31);
    assertClose(manifest.calibration.scores, scoresOf([...levels, 90]));
    assert.deepEqual(
      failed.map(({ file, score }) => [file, score > after.score]),
      [
        [join(images, 'bad-missed.png'), false],
        [join(images, 'bad-seen.png'), true],
      ],
    );
  });

  it('may name images in sub-folders, of a data set for example', async () => {
    const images = join(folder, 'category');
    const names = Array.from({ length: 20 }, (_, i) => `test/good/${i}.png`);
    for (const name of names) await writeGrey(join(images, name), 30);
    await writeGrey(join(images, 'train', 'good', '0.png'), 30);
    const labels = labelFile('category.csv', Object.fromEntries(names.map((name) => [name, 'pass'])));
    assert.equal((await run({ images, labels })).good.length, 20);
  });

  it('must be there for every image unless the others are said to be good', async () => {
    const labels = labelFile('few.csv', { '0.png': 'pass', '1.png': 'fail' });
    await assert.rejects(run({ labels }), {
      code: 'SG_LABELS_INVALID',
      message: /^28 of 30 images have no label in .*--assume-good.*\n.*2\.png\n(.*\n){7}and 20 more$/,
    });
    await assertUntouched();
    assert.equal((await run({ labels, assumeGood: true })).good.length, 29);
  });

  it('must be of images that are there, and not contradict each other', async () => {
    const labels = join(folder, 'wrong.csv');
    writeFileSync(labels, '0.png,pass\nnone.png,fail\n0.png,fail\ngone.png,pass\n1.png,pass\n1.png,pass\n');
    await assert.rejects(run({ labels, assumeGood: true }), {
      code: 'SG_LABELS_INVALID',
      message:
        /\n.*wrong\.csv:2: there is no image .*none\.png\n.*wrong\.csv:3: 0\.png is labelled fail, but pass in line 1\n.*wrong\.csv:4: there is no image .*gone\.png$/,
    });
    await assertUntouched();
  });
});

describe('a recalibration is refused', () => {
  it('without images, and for a data set to train from', async () => {
    const empty = join(folder, 'empty');
    mkdirSync(empty);
    await assert.rejects(run({ images: empty }), { code: 'SG_DATASET_INVALID', message: /empty holds no images/ });
    const nothing = labelFile('nothing.csv', {});
    await assert.rejects(run({ images: empty, labels: nothing }), { code: 'SG_DATASET_INVALID' });
    await assert.rejects(run({ images: join(folder, 'nowhere') }), { code: 'SG_DATASET_INVALID' });
    mkdirSync(join(empty, 'train', 'good'), { recursive: true });
    await assert.rejects(run({ images: empty }), {
      code: 'SG_DATASET_INVALID',
      message: /empty is laid out as a data set to train from.*--labels/,
    });
  });

  it('for fewer than 20 good parts, also when images that cannot be read make them so few', async () => {
    const few = join(folder, 'few');
    for (let i = 0; i < 20; i++) await writeGrey(join(few, `${i}.png`), 30);
    writeFileSync(join(few, '7.png'), 'no picture');
    await assert.rejects(run({ images: few }), {
      code: 'SG_TOO_FEW_IMAGES',
      message: /few holds 19 images of good parts; .* at least 20.*1 could not be scored, .*7\.png/,
    });
    rmSync(join(few, '7.png'));
    await assert.rejects(run({ images: few }), { code: 'SG_TOO_FEW_IMAGES', message: /holds 19 images/ });
    await assertUntouched();
  });

  it('when no image can be read; single ones are named and left out', async () => {
    const images = await partsAnd('broken', { 'a.png': 'no picture' });
    const { skipped, good } = await run({ images });
    assert.deepEqual([good.length, skipped.length], [30, 1]);
    assert.match(skipped[0]?.error.message ?? '', /a\.png/);
    const corrupt = join(folder, 'corrupt');
    mkdirSync(corrupt);
    for (let i = 0; i < 20; i++) writeFileSync(join(corrupt, `${i}.png`), 'no picture');
    await assert.rejects(run({ images: corrupt }), {
      code: 'SG_IMAGE_UNREADABLE',
      message: /^none of the 20 images could be scored; the first one: .*0\.png/,
    });
  });

  it('for a version that is not later, a target that is no bundle, and a bundle that is none', async () => {
    for (const version of ['1.0.0', '0.9.0', 'newest']) {
      await assert.rejects(run({ version }), { code: 'SG_USAGE', message: /later than 1\.0\.0, such as 1\.0\.1/ });
    }
    await assert.rejects(run({ out: parts }), { code: 'SG_STORAGE' });
    await assert.rejects(run({ model: parts, out: bundle }), { code: 'SG_MODEL_UNREADABLE' });
    await assertUntouched();
  });

  it('when it is interrupted, and writes nothing', async () => {
    const controller = new AbortController();
    const out = join(folder, 'interrupted');
    const stop = (done: number) => {
      if (done === 5) controller.abort();
    };
    await assert.rejects(run({ out, signal: controller.signal, onProgress: stop }), { name: 'AbortError' });
    assert.equal(existsSync(out), false);
  });
});
