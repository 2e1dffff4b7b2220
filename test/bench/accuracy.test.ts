import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { CellGaussians } from '../../bench/accuracy/cell-gaussians.js';
import { type CellKey, type Figures, FiguresSchema, keptOrMeasured } from '../../bench/accuracy/cells.js';
import { greedyCoreset, projected } from '../../bench/accuracy/coreset.js';
import { smoothed } from '../../bench/accuracy/grid-scorer.js';
import { NearestNeighbour } from '../../bench/accuracy/nearest-neighbour.js';
import { readOptions } from '../../bench/accuracy/options.js';
import { accuracyTable, type Measured } from '../../bench/accuracy/report.js';
import { TeacherGrid } from '../../bench/accuracy/teacher-grid.js';
import { SideglanceError } from '../../src/errors.js';
import { Random } from '../../src/random.js';

function assertNear(actual: ArrayLike<number>, expected: readonly number[], tolerance = 1e-5): void {
  assert.equal(actual.length, expected.length);
  expected.forEach((value, i) => {
    assert.ok(Math.abs(actual[i]! - value) < tolerance, `${actual[i]} is not ${value}`);
  });
}

test('PaDiM: the Mahalanobis distance counts the covariance of the channels at each cell', () => {
  // Two channels of two cells. Over all of it each channel has the mean 0 and the variance 1.
  // Cell 0: (1, 1), (−1, −1), (1, 1), (−1, −1). Cell 1: (1, −1), (−1, 1), (1, −1), (−1, 1).
  const images = [1, -1, 1, -1].map((sign) => Float32Array.of(sign, sign, sign, -sign));
  const gaussians = new CellGaussians(images, 2, 0.5);
  // Σ = 4/3 · [[1, ±1], [±1, 1]] + 0.5 · I: variance 8/3 + 0.5 along the line of the cell, 0.5 across it.
  const [along, across] = [Math.sqrt(2 / (8 / 3 + 0.5)), Math.sqrt(2 / 0.5)];
  assertNear(gaussians.distances(Float32Array.of(1, 1, 1, 1)), [along, across]);
  assertNear(gaussians.distances(Float32Array.of(1, -1, -1, 1)), [across, along]);
  assertNear(gaussians.distances(new Float32Array(4)), [0, 0]);
});

test('PaDiM: channels count alike, whatever their scale', () => {
  const random = new Random(1);
  const images = Array.from({ length: 12 }, () => Float32Array.from({ length: 6 }, () => random.normal()));
  const scale = (features: Float32Array) => features.map((value, i) => (i < 3 ? value : 100 * value + 7));
  const plain = new CellGaussians(images, 2, 0.01);
  const scaled = new CellGaussians(images.map(scale), 2, 0.01);
  const probe = Float32Array.of(1, 2, -1, 0.5, -2, 0);
  assertNear(scaled.distances(scale(probe)), [...plain.distances(probe)], 1e-3);
});

test('PatchCore: the distance of a cell is that to the nearest vector of the bank', async () => {
  const bank = { dimensions: 2, data: Float32Array.of(0, 0, 10, 0, 3, 4) };
  const nearest = await NearestNeighbour.create(bank, 4, 1);
  try {
    // Channels first: the cells are (0, 0), (6, 8), (10, 1) and (−3, −4).
    const features = Float32Array.of(0, 6, 10, -3, 0, 8, 1, -4);
    assertNear(await nearest.distances(features), [0, 5, 1, 5]);
  } finally {
    await nearest.close();
  }
});

test('PatchCore: the greedy coreset takes the farthest point each time', () => {
  // A crowd around the origin, and two points far away.
  const points = [0, 0, 0.1, 0, 0, 0.1, 9, 0, 0.1, 0.1, 0, 5];
  const chosen = greedyCoreset({ dimensions: 2, data: Float32Array.from(points) }, 4, 0);
  assert.deepEqual([...chosen], [0, 3, 5, 4]);
});

test('PatchCore: the coreset of few points is all of them, each once, equal ones too', () => {
  const chosen = greedyCoreset({ dimensions: 1, data: Float32Array.of(2, 2, 7) }, 10, 1);
  assert.deepEqual([...chosen].sort(), [0, 1, 2]);
});

test('PatchCore: the random projection keeps distances about as they are, and short vectors as such', () => {
  const random = new Random(2);
  const data = Float32Array.from({ length: 200 * 128 }, () => random.normal());
  const short = projected({ dimensions: 128, data }, 32, random);
  const squares = (values: Float32Array) => values.reduce((sum, value) => sum + value * value, 0);
  assert.equal(short.data.length, 200 * 32);
  assert.ok(Math.abs(squares(short.data) / squares(data) - 1) < 0.1);
  const vectors = { dimensions: 4, data: data.subarray(0, 8) };
  assert.equal(projected(vectors, 32, random), vectors);
});

test('the map is smoothed with its edges repeated', () => {
  assertNear(smoothed(new Float32Array(12).fill(2), 3, 4), Array(12).fill(2));
  const corner = smoothed(Float32Array.of(1, 0, 0, 0, 0, 0, 0, 0, 0), 3, 3);
  assertNear(corner.subarray(0, 2), [0.8935 ** 2, 0.8935 * 0.1065]);
});

test('the teacher grid has the taps asked for on cells of 8 pixels, and sees where an image changes', async () => {
  const [width, height] = [64, 32];
  const grid = await TeacherGrid.create({ taps: ['s4', 's8', 's16'], width, height, threads: 1 });
  try {
    assert.deepEqual([grid.channels, grid.rows, grid.columns], [24 + 32 + 96, 4, 8]);
    const image = new Uint8Array(height * width * 3).fill(90);
    const plain = Float32Array.from(await grid.featuresOf(image));
    for (let y = 0; y < 8; y += 1) image.fill(255, (y * width + 56) * 3, (y * width + 64) * 3);
    const changed = await grid.featuresOf(image);
    // In s4 the change stays around its cell, the last of the first row.
    const moved = Array.from({ length: grid.cells }, (_, cell) => Math.abs(changed[cell]! - plain[cell]!));
    assert.ok(moved[7]! > 0.01);
    assert.ok(moved.every((value, cell) => (cell % 8 >= 5 && cell < 24) || value < 1e-5));
  } finally {
    await grid.close();
  }
});

const FIGURES: Figures = {
  ...{ imageAuroc: 1, pixelAuroc: 0.98, aupro: null, aupro05: 0.7 },
  perDefect: { hole: { imageAuroc: 1, pixelAuroc: 0.98, aupro: null, aupro05: 0.7 } },
  ...{ trainingSeconds: 3, msPerImage: 20, modelBytes: 1000 },
  machine: { node: 'v20', arch: 'x64', cpu: 'any', cores: 2 },
  notes: [],
};

test('a cell is measured once, and again when a setting changes; a failure is not kept', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sideglance-cells-'));
  try {
    const key: CellKey = {
      ...{ method: 'padim', category: 'nut', images: [20, 9], seed: 1, size: 256, minutes: null },
      settings: { revision: 1 },
    };
    let measured = 0;
    const measure = async (): Promise<Figures> => {
      measured += 1;
      return FIGURES;
    };
    await assert.rejects(
      keptOrMeasured(folder, key, FiguresSchema, () => Promise.reject(new Error('no memory'))),
      /no memory/,
    );
    assert.deepEqual(await keptOrMeasured(folder, key, FiguresSchema, measure), { figures: FIGURES, kept: false });
    assert.deepEqual(await keptOrMeasured(folder, key, FiguresSchema, measure), { figures: FIGURES, kept: true });
    assert.equal(measured, 1);
    const changes: Partial<CellKey>[] = [{ seed: 2 }, { size: 128 }, { minutes: 5 }, { settings: { revision: 2 } }];
    for (const change of changes) {
      assert.equal((await keptOrMeasured(folder, { ...key, ...change }, FiguresSchema, measure)).kept, false);
    }
    assert.equal(measured, 1 + changes.length);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('the table has means and deviations over the seeds, the least of times, and nothing where a cell is missing', () => {
  const options = {
    folder: '',
    methods: ['padim', 'paper'],
    once: ['paper'],
    categories: ['nut', 'ring'],
    minutes: 5,
    size: 256,
    seeds: [1, 2],
    out: '',
  };
  const cellOf = (category: string, seed: number, pixelAuroc: number): Measured => {
    return { method: 'padim', category, seed, figures: { ...FIGURES, pixelAuroc, msPerImage: 19 + seed } };
  };
  const cells = [cellOf('nut', 1, 0.9), cellOf('nut', 2, 0.8), cellOf('ring', 1, 0.7), cellOf('ring', 2, 0.6)];
  const whole = accuracyTable(options, cells);
  assert.match(
    whole,
    /\| padim \| nut \| 1.0000 ± 0.0000 \| 0.8500 ± 0.0707 \| – \| 0.7000 ± 0.0000 \| 3 \| 20 \| 0.0 \|/,
  );
  assert.match(whole, /\| padim \| \*\*mean\*\* \| 1.0000 ± 0.0000 \| 0.7500 ± 0.0707 \|/);
  assert.match(whole, /\| paper \| nut \| – \| – \|/);
  const once = accuracyTable(options, [...cells, { ...cellOf('nut', 1, 0.4), method: 'paper' }]);
  assert.match(once, /\| paper \| nut \| 1.0000 \| 0.4000 \|/);
  const broken = accuracyTable(options, cells.slice(0, 3));
  assert.match(broken, /\| padim \| nut \| 1.0000 ± 0.0000 \| 0.8500 ± 0.0707 \|/);
  assert.match(broken, /\| padim \| ring \| – \| – \|/);
  assert.match(broken, /\| padim \| \*\*mean\*\* \| – \| – \|/);
});

test('wrong arguments are refused with one message', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sideglance-accuracy-'));
  const refused = (args: string[], message: RegExp) =>
    assert.rejects(readOptions(args, ['padim']), (thrown) => {
      assert.ok(thrown instanceof SideglanceError);
      assert.match(thrown.message, message);
      return true;
    });
  try {
    await refused([], /one FOLDER/);
    await refused([folder, '--speed', '9'], /--speed/);
    await refused([folder, '--methods', 'magic'], /magic, but there are only padim/);
    await refused([folder, '--methods', 'padim', '--once', 'paper'], /--once/);
    await refused([folder], /holds no category/);
    await refused([join(folder, 'nowhere')], /cannot be read/);
  } finally {
    await rm(folder, { recursive: true });
  }
});
