/** What is not a part in a fixture under steady light: surfaces without parts, and light that changes. */
import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { writePng } from '../../src/image/save.js';
import { Inspector } from '../../src/infer/inspector.js';
import type { Manifest } from '../../src/model/manifest.js';
import { Random } from '../../src/random.js';
import { type TrainOptions, train } from '../../src/train/train.js';
import type { Picture, RegionResult } from '../../src/types.js';
import { turnedPart } from '../support/turned-parts.js';

const SIZE = 96;
const folder = mkdtempSync(join(tmpdir(), 'sideglance-unlike-'));
after(() => rm(folder, { recursive: true }));

async function trained(
  name: string,
  good: readonly Picture[],
  how: Partial<TrainOptions> = { size: SIZE },
): Promise<{ manifest: Manifest; inspector: Inspector }> {
  const images = join(folder, name);
  for (const [index, picture] of good.entries()) await writePng(join(images, `${index}.png`), picture);
  const out = join(folder, `${name}-bundle`);
  const manifest = await train({ images, out, seed: 1, steps: 2, threads: 1, ...how });
  return { manifest, inspector: await Inspector.load(out, { threshold: { falseRejectRate: 0.05 } }) };
}

async function inspect(inspector: Inspector, picture: Picture): Promise<RegionResult> {
  const box = { name: 'part', x: 0, y: 0, width: picture.width, height: picture.height };
  return (await inspector.inspectRegions(picture, [box])).regions[0] as RegionResult;
}

/** Of good and bad pictures, the share of pairs in which the bad one has the higher score. */
async function separation(inspector: Inspector, good: readonly Picture[], bad: readonly Picture[]): Promise<number> {
  const scores = async (pictures: readonly Picture[]) => {
    const results: number[] = [];
    for (const picture of pictures) results.push((await inspect(inspector, picture)).score);
    return results;
  };
  const [low, high] = [await scores(good), await scores(bad)];
  const won = low.flatMap((a) => high.map((b): number => (b > a ? 1 : 0)));
  return won.reduce((sum, value) => sum + value, 0) / won.length;
}

/** A woven cloth, each time another piece of it; `knot` is a spot where the threads are drawn together. */
function cloth(random: Random, { knot = false, width = SIZE, height = SIZE } = {}): Picture {
  const [shiftX, shiftY] = [random.between(0, 50), random.between(0, 50)];
  const [knotX, knotY] = [random.between(25, width - 25), random.between(25, height - 25)];
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    let [x, y] = [i % width, Math.floor(i / width)];
    if (knot) {
      const near = Math.exp(-((x - knotX) ** 2 + (y - knotY) ** 2) / (2 * 6 ** 2));
      x += near * (x - knotX);
      y += near * (y - knotY);
    }
    const [warp, weft] = [Math.sin(0.9 * (x + shiftX)), Math.sin(0.7 * (y + shiftY))];
    const grey = 120 + 35 * Math.max(warp, weft) + 10 * warp * weft + 6 * random.normal();
    data.fill(Math.min(255, Math.max(0, Math.round(grey))), 3 * i, 3 * i + 3);
  }
  return { width, height, stride: width * 3, format: 'RGB', data };
}

describe('a surface without parts', () => {
  test('is taken as it is, and its faults are found wherever they are', async () => {
    const random = new Random(5);
    const pieces = (count: number, knot = false) => Array.from({ length: count }, () => cloth(random, { knot }));
    const { manifest, inspector } = await trained('cloth', pieces(40));
    try {
      assert.equal(manifest.locate, undefined, 'there is no part to look for');
      const separated = await separation(inspector, pieces(20), pieces(20, true));
      assert.ok(separated > 0.95, `${separated} of the pairs are told apart`);
    } finally {
      await inspector.close();
    }
  });
});

describe('a surface that is trained as one', () => {
  test('has its faults found wherever they are, and its good pieces passed, with no word about position', async () => {
    const random = new Random(6);
    const sheet = { width: 168, height: 131 };
    const pieces = (count: number, knot = false) =>
      Array.from({ length: count }, () => cloth(random, { ...sheet, knot }));
    const { manifest, inspector } = await trained('sheet', pieces(40), { geometry: 'field', steps: 40 });
    try {
      assert.equal(manifest.geometry, 'field');
      assert.deepEqual(manifest.region, sheet);
      assert.equal(manifest.field?.scale, 1);
      const good = pieces(30);
      let rejected = 0;
      for (const picture of good) if ((await inspect(inspector, picture)).verdict.result === 'fail') rejected += 1;
      assert.ok(rejected <= 6, `${rejected} of 30 good pieces were rejected`);
      const separated = await separation(inspector, good, pieces(20, true));
      assert.ok(separated > 0.95, `${separated} of the pairs are told apart`);
    } finally {
      await inspector.close();
    }
  });

  test('is looked at in the scale that was asked for', async () => {
    const random = new Random(7);
    const sheet = { width: 240, height: 200 };
    const pieces = Array.from({ length: 20 }, () => cloth(random, sheet));
    const { manifest, inspector } = await trained('scaled', pieces, { geometry: 'field', scale: 2 });
    try {
      assert.deepEqual(manifest.region, { width: 120, height: 100 });
      const { map } = await inspect(inspector, cloth(random, sheet));
      assert.deepEqual([map.rows, map.columns], [13, 15]);
    } finally {
      await inspector.close();
    }
  });
});

describe('light that changes from one good part to the next', () => {
  test('raises no alarm as far as good images show it, and does not hide a fault', async () => {
    const random = new Random(9);
    const lit = (spot?: { x: number; y: number }) =>
      turnedPart({
        gain: random.between(0.8, 1.15),
        slope: random.between(-0.15, 0.15),
        x: 64 + random.between(-0.7, 0.7),
        y: 64 + random.between(-0.7, 0.7),
        ...(spot && { spot }),
      });
    const parts = (count: number, spot?: { x: number; y: number }) => Array.from({ length: count }, () => lit(spot));
    const { inspector } = await trained('light', parts(60));
    try {
      const good = parts(30);
      let rejected = 0;
      for (const picture of good) if ((await inspect(inspector, picture)).verdict.result === 'fail') rejected += 1;
      // 30 parts at 5 %: more than 6 come up once in 300 times, and more than twice the rate once in 20.
      assert.ok(rejected <= 6, `${rejected} of 30 good parts were rejected`);
      const separated = await separation(inspector, good, parts(10, { x: 8, y: -10 }));
      assert.ok(separated > 0.95, `${separated} of the pairs are told apart`);
    } finally {
      await inspector.close();
    }
  });
});
