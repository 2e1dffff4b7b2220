import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { renderPart } from '../../src/capture/simulated/render.js';
import { writePng } from '../../src/image/save.js';
import { Inspector } from '../../src/infer/inspector.js';
import { Random } from '../../src/random.js';
import { type GoodImages, readGoodImages } from '../../src/train/good-images.js';
import { train } from '../../src/train/train.js';
import { turnedPart } from '../support/turned-parts.js';

const SIZE = 160;
const PARTS = 24;

/** The mean over all pairs of images of the correlation of their pixels. */
function likeness({ training }: GoodImages): number {
  const centred = training.map(({ data }) => {
    const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
    const values = Float64Array.from(data, (value) => value - mean);
    const norm = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
    return values.map((value) => value / norm);
  });
  let [sum, pairs] = [0, 0];
  centred.forEach((a, i) => {
    for (const b of centred.slice(i + 1)) {
      sum += a.reduce((total, value, at) => total + value * b[at]!, 0);
      pairs += 1;
    }
  });
  return sum / pairs;
}

describe('reading good images', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sideglance-good-'));
  const folderOf = (name: string) => join(folder, name);

  before(async () => {
    for (const placement of ['aligned', 'anywhere'] as const) {
      await mkdir(folderOf(placement));
      for (let index = 0; index < PARTS; index += 1) {
        const options = { seed: 31, index, width: 256, height: 256, format: 'RGB', placement } as const;
        await writePng(join(folderOf(placement), `${index}.png`), renderPart(options).picture);
      }
    }
  });
  after(() => rm(folder, { recursive: true }));

  test('parts in a fixture are seen to be aligned, and their play is taken back', async () => {
    const good = await readGoodImages(folderOf('aligned'), SIZE, new Random(1));
    assert.equal(good.learnt?.placement, 'aligned', JSON.stringify(good.learnt?.agreement));
    assert.equal(good.locate?.search, 'nearby', JSON.stringify(good.learnt?.agreement));
    const { asSeen, located } = good.learnt.agreement;
    assert.ok(located > asSeen + 0.1, JSON.stringify(good.learnt.agreement));
    const told = await readGoodImages(folderOf('aligned'), SIZE, new Random(1), { placement: 'aligned' });
    assert.deepEqual(told.learnt?.locate, good.locate);
    assert.deepEqual(told.training[0]?.data, good.training[0]?.data);
  });

  test('parts without play, and what is no part, are taken as they are', async () => {
    const still = folderOf('still');
    const noise = folderOf('noise');
    const random = new Random(4);
    for (let index = 0; index < 24; index += 1) {
      await writePng(
        join(still, `${index}.png`),
        turnedPart({ gain: random.between(0.9, 1.1), noise: { random, deviation: 4 } }),
      );
      await writePng(join(noise, `${index}.png`), turnedPart({ gain: 0, noise: { random, deviation: 100 } }));
    }
    for (const folder of [still, noise]) {
      const { locate, learnt } = await readGoodImages(folder, SIZE, new Random(1));
      assert.equal(locate, null, `${folder}: ${JSON.stringify(learnt?.agreement)}`);
    }
  });

  test('parts lying anywhere are seen to do so, and come in one pose', async () => {
    const good = await readGoodImages(folderOf('anywhere'), SIZE, new Random(1));
    assert.equal(good.learnt?.placement, 'anywhere', JSON.stringify(good.learnt?.agreement));
    assert.ok(good.locate && good.locate.minimumSimilarity > 0.2 && good.locate.minimumSimilarity < 0.5);
    // Of 256 pixels the plate takes 165 × 140: the model looks at that and a little around it.
    const [longer, shorter] = [good.locate.window.width, good.locate.window.height].sort((a, b) => b - a) as [
      number,
      number,
    ];
    assert.ok(longer > 165 && longer < 200 && shorter > 140 && shorter < 175, `${longer} × ${shorter}`);
    assert.deepEqual(good.skipped, []);
    const asSeen = await readGoodImages(folderOf('anywhere'), SIZE, new Random(1), { placement: 'aligned' });
    const [before, after] = [likeness(asSeen), likeness(good)];
    assert.ok(after > before + 0.1 && after > 0.5, `as seen: ${before}, in one pose: ${after}`);
  });

  test('what is told counts, whatever the images say', async () => {
    const good = await readGoodImages(folderOf('aligned'), SIZE, new Random(1), { placement: 'anywhere' });
    assert.ok(good.locate);
  });

  test('regions that lie in a file are the same ones', async () => {
    const held = await readGoodImages(folderOf('aligned'), SIZE, new Random(1), { placement: 'aligned' });
    const spilled = await readGoodImages(folderOf('aligned'), SIZE, new Random(1), {
      placement: 'aligned',
      memoryBytes: 1,
    });
    for (const [i, image] of held.training.entries()) {
      assert.equal(spilled.training[i]?.file, image.file);
      assert.deepEqual(spilled.training[i]?.data, image.data);
    }
    spilled.close();
    assert.throws(() => spilled.training[0]?.data, /closed/);
    held.close();
    assert.ok(held.training[0]?.data);
  });

  test('an abort ends the reading', async () => {
    const signal = AbortSignal.abort();
    await assert.rejects(readGoodImages(folderOf('aligned'), SIZE, new Random(1), { signal }), { name: 'AbortError' });
  });
});

test('a model of parts lying anywhere finds them, and its golden samples reproduce', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sideglance-anywhere-'));
  try {
    const random = new Random(3);
    const images = join(folder, 'good');
    const drawn = () =>
      turnedPart({
        size: 160,
        turn: random.between(-Math.PI, Math.PI),
        x: random.between(70, 90),
        y: random.between(70, 90),
        gain: random.between(0.9, 1.1),
      });
    for (let index = 0; index < 24; index += 1) await writePng(join(images, `${index}.png`), drawn());
    const out = join(folder, 'bundle');
    const told: string[] = [];
    const manifest = await train({
      ...{ images, out, seed: 1, steps: 2, size: 96, threads: 1 },
      onEvent: (event) => {
        if (event.type === 'phase') told.push(event.text);
      },
    });
    assert.equal(manifest.locate?.template, 'template.png');
    assert.ok(told.some((text) => /^parts lie anywhere and are found first: .* by 0\.\d+ as they are/.test(text)));
    // Loading reproduces the golden samples.
    const inspector = await Inspector.load(out, { threshold: { falseRejectRate: 0.01 } });
    try {
      const picture = drawn();
      const box = { name: 'part', x: 0, y: 0, width: 160, height: 160 };
      const { regions } = await inspector.inspectRegions(picture, [box]);
      assert.notEqual(regions[0]?.verdict.result, 'invalid');
    } finally {
      await inspector.close();
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});
