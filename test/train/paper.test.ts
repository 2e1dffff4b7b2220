import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { checkContract } from '../../src/infer/contract.js';
import { Session } from '../../src/infer/ort/session.js';
import { Random } from '../../src/random.js';
import { Graph } from '../../src/train/graph.js';
import { TrainedParameters, type Weights } from '../../src/train/networks/parameters.js';
import { exportPaperModel } from '../../src/train/paper/export.js';
import { largestOfBlocks } from '../../src/train/paper/layers.js';
import { paperGlobalNet, paperLocalNet, paperNormality } from '../../src/train/paper/networks.js';
import { maskPatch, patchArea } from '../../src/train/paper/patches.js';
import { PAPER, PATCH_STARTS } from '../../src/train/paper/settings.js';

const random = new Random(6);
const { size, patch, lastSide, features } = PAPER;

/** Weights of all three networks, with biases that show. */
function randomWeights(): Weights {
  const g = new Graph();
  const parameters = new TrainedParameters();
  const local = paperLocalNet(g, g.input('patches', [1, 3, patch, patch]), parameters);
  const mask = g.input('mask', [1, 1, size, size]);
  const area = g.input('area', [1, 1, lastSide, lastSide]);
  const global = paperGlobalNet(g, g.input('image', [1, 3, size, size]), mask, area, parameters);
  paperNormality(g, local, global, parameters);
  return parameters.weights(parameters.initialise(random).map((value) => value || 0.1 * random.normal()));
}

/** A value of a graph whose weights are fed, as in training. */
async function evaluate(build: (g: Graph, parameters: TrainedParameters) => void, weights: Weights, feeds: Feeds) {
  const g = new Graph();
  const parameters = new TrainedParameters();
  build(g, parameters);
  const vector = parameters.initialise(random, weights);
  g.input('weights', [vector.length]);
  const session = await Session.create(g.toModel('test'));
  try {
    const inputs = { ...feeds, weights: { shape: [vector.length], data: vector } };
    const outputs = await session.runOnce(
      Object.fromEntries(Object.entries(inputs).map(([name, each]) => [name, { type: 'float32' as const, ...each }])),
    );
    return outputs.result?.data as Float32Array;
  } finally {
    await session.close();
  }
}

type Feeds = Readonly<Record<string, { readonly shape: readonly number[]; readonly data: Float32Array }>>;

const noise = (...shape: number[]) => ({
  shape,
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal()),
});

describe('the published method', () => {
  const weights = randomWeights();

  test('largest of 2 × 2 cells, a last odd row and column left out', async () => {
    const x = noise(1, 2, 5, 7);
    const g = new Graph();
    g.output('result', largestOfBlocks(g, g.input('x', x.shape)));
    const session = await Session.create(g.toModel('test'));
    const result = (await session.runOnce({ x: { type: 'float32', ...x } })).result?.data as Float32Array;
    await session.close();
    assert.equal(result.length, 2 * 2 * 3);
    const at = (c: number, row: number, column: number) => x.data[(c * 5 + row) * 7 + column] as number;
    const wanted = Math.max(at(1, 2, 4), at(1, 2, 5), at(1, 3, 4), at(1, 3, 5));
    assert.ok(Math.abs((result[1 * 6 + 1 * 3 + 2] as number) - wanted) < 1e-6);
  });

  test('no leak: whatever a patch shows, Z_g of that patch stays exactly as it was', async () => {
    const [left, top] = [PATCH_STARTS[7] as number, PATCH_STARTS[12] as number];
    const mask = { shape: [1, 1, size, size], data: new Float32Array(size * size) };
    maskPatch(left, top, mask.data);
    const area = { shape: [1, 1, lastSide, lastSide], data: new Float32Array(lastSide ** 2) };
    patchArea(left, top, area.data);
    assert.ok(Math.abs(area.data.reduce((sum, share) => sum + share, 0) - 1) < 1e-6);
    const image = noise(1, 3, size, size);
    const globalOf = (data: Float32Array) =>
      evaluate(
        (g, parameters) => {
          const inputs = [g.input('image', image.shape), g.input('mask', mask.shape), g.input('area', area.shape)];
          g.output('result', paperGlobalNet(g, inputs[0]!, inputs[1]!, inputs[2]!, parameters));
        },
        weights,
        { image: { shape: image.shape, data }, mask, area },
      );
    const original = await globalOf(image.data);
    assert.equal(original.length, features);
    const changed = (x: number, y: number) => {
      const data = image.data.slice();
      data[y * size + x] = 9;
      return globalOf(data);
    };
    assert.deepEqual(await changed(left, top), original);
    assert.deepEqual(await changed(left + patch - 1, top + patch - 1), original);
    assert.notDeepEqual(await changed(left - 1, top), original, 'the pixel beside the patch is seen');
  });

  test('the model file keeps the contract, and sees what changes in one place there', async () => {
    const [height, width, stride] = [96, 128, 8];
    const norm = { centre: 0, spread: 1 };
    const model = exportPaperModel({
      weights,
      height,
      width,
      stride,
      contextNorm: norm,
      distortionNorm: norm,
    });
    const session = await Session.create(model, { threads: 2 });
    checkContract(session, { width, height, stride }, 'the model');
    const region = new Uint8Array(height * width * 3).fill(100);
    const run = async () => {
      const outputs = await session.runOnce({ region: { type: 'uint8', shape: [1, height, width, 3], data: region } });
      return (name: string) => outputs[name]?.data as Float32Array;
    };
    const before = (await run())('context');
    for (let y = 40; y < 48; y += 1) region.fill(250, (y * width + 96) * 3, (y * width + 104) * 3);
    const all = await run();
    const after = all('context');
    await session.close();
    all('score').forEach((score, cell) => {
      assert.equal(all('position')[cell], 0);
      assert.ok(Math.abs(score - after[cell]! - all('distortion')[cell]!) <= 1e-5 * Math.max(1, Math.abs(score)));
    });
    const difference = after.map((value, cell) => Math.abs(value - before[cell]!));
    const hottest = difference.indexOf(difference.reduce((a, b) => Math.max(a, b)));
    const [row, column] = [Math.floor(hottest / (width / stride)), hottest % (width / stride)];
    assert.ok(Math.abs(row - 5) <= 2 && Math.abs(column - 12) <= 2, `hottest at ${row}, ${column}`);
  });
});
