import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Random } from '../../src/random.js';
import { distilLocalNet } from '../../src/train/distil.js';
import { STUDENT_NET } from '../../src/train/networks/student-net.js';
import type { Raster } from '../../src/train/raster.js';
import { TeacherTargets } from '../../src/train/teacher/targets.js';

const SIDE = 64;
const random = new Random(11);

/** Blocks of random colours with noise: edges and texture at several scales. */
function colourful(): Raster {
  const colours = Array.from({ length: 64 * 3 }, () => random.below(256));
  const data = Uint8Array.from({ length: SIDE * SIDE * 3 }, (_, index) => {
    const pixel = Math.floor(index / 3);
    const block = Math.floor((pixel % SIDE) / 8) + 8 * Math.floor(pixel / SIDE / 8);
    return Math.max(0, Math.min(255, colours[block * 3 + (index % 3)]! + 10 * random.normal()));
  });
  return { width: SIDE, height: SIDE, data };
}

const images = Array.from({ length: 4 }, colourful);

function distil(steps: number, seed: number) {
  const losses: number[] = [];
  const weights = distilLocalNet({
    images,
    crop: SIDE,
    batch: 2,
    steps,
    seed,
    threads: 1,
    learningRate: 2e-3,
    onStep: (_, { knowledge }) => losses.push(knowledge as number),
  });
  return weights.then((found) => ({ found, losses }));
}

describe('distilling the teacher into Local-Net', () => {
  test('brings Local-Net nearer to the teacher', async () => {
    const { losses } = await distil(40, 1);
    const average = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    const [first, last] = [average(losses.slice(0, 8)), average(losses.slice(-8))];
    assert.ok(last < 0.9 * first, `the distillation error went from ${first} to ${last}`);
  });

  test('the same seed gives the same weights, another seed others', async () => {
    const name = 'local.6.weight';
    const [one, again, other] = await Promise.all([distil(2, 1), distil(2, 1), distil(2, 2)]);
    assert.deepEqual(one.found.get(name), again.found.get(name));
    assert.notDeepEqual(one.found.get(name), other.found.get(name));
  });

  test('targets are a feature for each cell, comparable between channels once standardised', async () => {
    const bytes = Uint8Array.from(images[0]!.data);
    const common = { batch: 1, height: SIDE, width: SIDE, images: bytes, threads: 1 };
    const raw = await TeacherTargets.load(common);
    await raw.run();
    const cells = (SIDE / STUDENT_NET.stride) ** 2;
    assert.equal(raw.features.length, raw.channels * cells);
    const mean = new Float32Array(raw.channels);
    raw.features.forEach((value, index) => {
      mean[Math.floor(index / cells)]! += value / cells;
    });
    const deviation = new Float32Array(raw.channels).fill(2);
    const standardised = await TeacherTargets.load({ ...common, standardisation: { mean, deviation } });
    await standardised.run();
    standardised.features.forEach((value, index) => {
      const wanted = (raw.features[index]! - mean[Math.floor(index / cells)]!) / 2;
      assert.ok(Math.abs(value - wanted) < 1e-4, `value ${index}: ${value} ≠ ${wanted}`);
    });
    await raw.close();
    await standardised.close();
  });
});
