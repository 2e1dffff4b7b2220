import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { OUTPUT_NAMES } from '../../src/infer/contract.js';
import { Session } from '../../src/infer/ort/session.js';
import { Random } from '../../src/random.js';
import { EXPORTED_VALUES, exportModel } from '../../src/train/export.js';
import { exposeValues } from '../../src/train/expose.js';
import { Graph } from '../../src/train/graph.js';
import { globalNet } from '../../src/train/networks/global-net.js';
import { normality } from '../../src/train/networks/heads.js';
import { LOCAL_NET, localNet } from '../../src/train/networks/local-net.js';
import { TrainedParameters, type Weights } from '../../src/train/networks/parameters.js';
import type { PositionNorm } from '../../src/train/position/norm.js';
import { PatchwiseModel, pixelPlanes } from './patchwise.js';

const WIDTH = 104;
const HEIGHT = 96;
const [ROWS, COLUMNS] = [HEIGHT / LOCAL_NET.stride, WIDTH / LOCAL_NET.stride];
const CELLS = ROWS * COLUMNS;
const FEATURES = LOCAL_NET.features;

/** Corners, edges, and the middle. */
const PLACES: readonly (readonly [number, number])[] = [
  [0, 0],
  [0, 9],
  [1, COLUMNS - 2],
  [7, 8],
  [8, 0],
  [ROWS - 1, COLUMNS - 1],
  [ROWS - 2, 3],
  [5, COLUMNS - 1],
];

const random = new Random(3);

function randomWeights(): Weights {
  const g = new Graph();
  const parameters = new TrainedParameters();
  const pixels = g.input('pixels', [1, 3, HEIGHT, WIDTH]);
  const feature = localNet(g, pixels, parameters);
  normality(g, feature, globalNet(g, feature, { pixels }, parameters, { position: true }), parameters);
  const vector = parameters.initialise(random);
  // Biases start at zero; here they must show up.
  for (const { offset, shape, fanIn } of parameters.places) {
    const length = shape.reduce((a, b) => a * b, 1);
    if (fanIn === 0) for (let index = 0; index < length; index += 1) vector[offset + index] = 0.1 * random.normal();
  }
  return parameters.weights(vector);
}

/** A symmetric matrix for each cell, of numbers that 16 bits hold exactly, as the file does. */
function symmetric(features: number): Float32Array {
  const matrices = new Float32Array(features ** 2 * CELLS);
  for (let cell = 0; cell < CELLS; cell += 1) {
    for (let row = 0; row < features; row += 1) {
      for (let column = 0; column <= row; column += 1) {
        const value = (random.below(513) - 256) / 2048;
        matrices[(cell * features + row) * features + column] = value;
        matrices[(cell * features + column) * features + row] = value;
      }
    }
  }
  return matrices;
}

function randomNorm(features: number): PositionNorm {
  return {
    mean: Float32Array.from({ length: features * CELLS }, () => 0.2 * random.normal()),
    whitening: Float32Array.from({ length: features ** 2 }, () => random.normal() / Math.sqrt(features)),
    factors: symmetric(features),
    trust: 1,
  };
}

describe('the exported graph computes all patches in one pass', () => {
  const weights = randomWeights();
  const norm = randomNorm(FEATURES);
  const image = Uint8Array.from({ length: WIDTH * HEIGHT * 3 }, () => random.below(256));
  let session: Session;
  const runAll = async (region: Uint8Array) => {
    const outputs = await session.runOnce({
      region: { type: 'uint8', shape: [1, HEIGHT, WIDTH, 3], data: region },
    });
    return (name: string) => outputs[name]?.data as Float32Array;
  };
  const run = async (region: Uint8Array) => {
    const outputs = await runAll(region);
    return (name: string, row: number, column: number) => {
      const values = outputs(name);
      return Float32Array.from({ length: FEATURES }, (_, k) => values[k * CELLS + row * COLUMNS + column] as number);
    };
  };

  before(async () => {
    const model = exportModel({
      weights,
      height: HEIGHT,
      width: WIDTH,
      norm,
      position: true,
      form: 'likelihood',
      leastVariance: new Float32Array(FEATURES),
      scales: {
        position: { centre: 1, spread: 2 },
        context: { centre: 2, spread: 30 },
        distortion: { centre: -0.5, spread: 0.4 },
      },
    });
    const names = [EXPORTED_VALUES.local, EXPORTED_VALUES.mean, EXPORTED_VALUES.variance];
    session = await Session.create(exposeValues(model, names));
  });
  after(() => session.close());

  test('no leak: changing any pixels of a patch leaves its global feature exactly as it was', async () => {
    const original = await run(image);
    for (const [row, column] of PLACES) {
      const changed = Uint8Array.from(image);
      const [top, left] = [row * LOCAL_NET.stride - LOCAL_NET.border, column * LOCAL_NET.stride - LOCAL_NET.border];
      for (let y = Math.max(0, top); y < Math.min(HEIGHT, top + LOCAL_NET.patch); y += 1) {
        for (let x = Math.max(0, left); x < Math.min(WIDTH, left + LOCAL_NET.patch); x += 1) {
          for (let c = 0; c < 3; c += 1) changed[(y * WIDTH + x) * 3 + c] = 255 - changed[(y * WIDTH + x) * 3 + c]!;
        }
      }
      const result = await run(changed);
      for (const name of [EXPORTED_VALUES.mean, EXPORTED_VALUES.variance]) {
        assert.deepEqual(result(name, row, column), original(name, row, column), `${name} of cell ${row}, ${column}`);
      }
      assert.notDeepEqual(
        result(EXPORTED_VALUES.local, row, column),
        original(EXPORTED_VALUES.local, row, column),
        'the patch itself must have changed',
      );
    }
  });

  test('the score is the sum of what position, context and distortion contribute', async () => {
    const values = await runAll(image);
    const [score, ...parts] = OUTPUT_NAMES.map((name) => values(name));
    for (const [cell, whole] of score!.entries()) {
      const sum = parts.reduce((total, part) => total + part[cell]!, 0);
      const size = parts.reduce((total, part) => total + Math.abs(part[cell]!), 0);
      assert.ok(Math.abs(whole - sum) <= 1e-6 * size, `cell ${cell}: ${whole} ≠ ${sum}`);
    }
    for (const part of parts) assert.ok(new Set(part).size > CELLS / 2, 'each part says something');
  });

  test('dense = patchwise: Z_l and Z_g equal those of single patches with an explicit mask', async () => {
    const dense = await run(image);
    const reference = new PatchwiseModel(weights, pixelPlanes(image, HEIGHT, WIDTH), norm);
    const known = new Map<string, Float64Array>();
    const local = (row: number, column: number) => {
      const key = `${row},${column}`;
      const value = known.get(key) ?? reference.localFeature(row, column);
      known.set(key, value);
      return value;
    };
    for (const [row, column] of PLACES) {
      assertClose(dense(EXPORTED_VALUES.local, row, column), local(row, column), `Z_l of cell ${row}, ${column}`);
      const both = reference.globalFeature(row, column, local);
      assertClose(dense(EXPORTED_VALUES.mean, row, column), both.subarray(0, FEATURES), `μ of cell ${row}, ${column}`);
      const variance = both.subarray(FEATURES).map((value) => Math.exp(Math.max(-6, Math.min(4, value))));
      assertClose(dense(EXPORTED_VALUES.variance, row, column), variance, `σ² of cell ${row}, ${column}`);
    }
  });
});

function assertClose(actual: Float32Array, expected: Float64Array, what: string): void {
  expected.forEach((value, index) => {
    const difference = Math.abs((actual[index] as number) - value);
    assert.ok(
      difference <= 1e-4 * Math.max(1, Math.abs(value)),
      `${what}, feature ${index}: ${actual[index]} ≠ ${value}`,
    );
  });
}
