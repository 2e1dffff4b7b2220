import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Session, type Tensor } from '../../src/infer/ort/session.js';
import { Random } from '../../src/random.js';
import { gradients } from '../../src/train/gradients.js';
import { elementCount, Graph, type Value } from '../../src/train/graph.js';
import * as op from '../../src/train/operators.js';

type Build = (g: Graph, inputs: readonly Value[]) => Value;

interface Case {
  readonly name: string;
  readonly shapes: readonly (readonly number[])[];
  readonly build: Build;
  /** Inputs that must be positive (square root, division). */
  readonly positive?: boolean;
}

/** The shapes as the networks use them, small. */
const CASES: readonly Case[] = [
  {
    name: 'Add, broadcast over channels',
    shapes: [
      [2, 3, 2, 2],
      [1, 3, 1, 1],
    ],
    build: (g, [a, b]) => op.add(g, a!, b!),
  },
  {
    name: 'Sub, broadcast over the batch',
    shapes: [
      [2, 3],
      [1, 3],
    ],
    build: (g, [a, b]) => op.subtract(g, a!, b!),
  },
  { name: 'Mul, a value by itself', shapes: [[3, 2]], build: (g, [a]) => op.square(g, a!) },
  { name: 'Mul by a scalar', shapes: [[3, 2], []], build: (g, [a, b]) => op.multiply(g, a!, b!) },
  {
    name: 'Div',
    shapes: [
      [2, 3],
      [2, 1],
    ],
    positive: true,
    build: (g, [a, b]) => op.divide(g, a!, b!),
  },
  { name: 'Relu', shapes: [[4, 4]], build: (g, [a]) => op.relu(g, a!) },
  { name: 'LeakyRelu', shapes: [[4, 4]], build: (g, [a]) => op.leakyRelu(g, a!, 0.1) },
  { name: 'Sigmoid', shapes: [[4, 4]], build: (g, [a]) => op.sigmoid(g, a!) },
  { name: 'Exp', shapes: [[4, 4]], build: (g, [a]) => op.exponential(g, a!) },
  { name: 'Softplus', shapes: [[4, 4]], build: (g, [a]) => op.softplus(g, a!) },
  { name: 'Sqrt', shapes: [[4, 4]], positive: true, build: (g, [a]) => op.squareRoot(g, a!) },
  { name: 'Neg', shapes: [[4, 4]], build: (g, [a]) => op.negate(g, a!) },
  { name: 'Clip', shapes: [[4, 4]], build: (g, [a]) => op.clip(g, a!, -0.5, 0.5) },
  { name: 'ReduceSum', shapes: [[2, 3, 4]], build: (g, [a]) => op.sumOver(g, a!, [0, 2]) },
  { name: 'mean', shapes: [[2, 3]], build: (g, [a]) => op.mean(g, a!) },
  { name: 'Reshape', shapes: [[2, 6]], build: (g, [a]) => op.reshape(g, a!, [3, 4]) },
  { name: 'Transpose', shapes: [[2, 3, 4]], build: (g, [a]) => op.transpose(g, a!, [2, 0, 1]) },
  {
    name: 'Concat',
    shapes: [
      [2, 1, 3],
      [2, 2, 3],
    ],
    build: (g, [a, b]) => op.concatenate(g, [a!, b!], 1),
  },
  { name: 'Slice', shapes: [[2, 5, 3]], build: (g, [a]) => op.slice(g, a!, 1, 1, 3) },
  {
    name: 'MatMul, batched',
    shapes: [
      [2, 3, 4],
      [2, 4, 2],
    ],
    build: (g, [a, b]) => op.matmul(g, a!, b!),
  },
  { name: 'SpaceToDepth', shapes: [[2, 3, 4, 6]], build: (g, [a]) => op.spaceToDepth(g, a!, 2) },
  { name: 'AveragePool', shapes: [[1, 2, 5, 4]], build: (g, [a]) => op.neighbourhoodMean(g, a!, 3) },
  {
    name: 'Conv 1×1',
    shapes: [
      [2, 3, 4, 4],
      [5, 3, 1, 1],
    ],
    build: (g, [a, b]) => op.convolution(g, a!, b!),
  },
  {
    name: 'Conv 2×2',
    shapes: [
      [2, 3, 5, 4],
      [2, 3, 2, 2],
    ],
    build: (g, [a, b]) => op.convolution(g, a!, b!),
  },
  {
    name: 'Conv 3×3, padded',
    shapes: [
      [2, 2, 4, 5],
      [3, 2, 3, 3],
    ],
    build: (g, [a, b]) => op.convolution(g, a!, b!, { pad: 1 }),
  },
  {
    name: 'Conv 5×5 with a hole, dilated and padded',
    shapes: [
      [1, 2, 9, 8],
      [2, 2, 5, 5],
    ],
    build: (g, [a, b]) => op.convolution(g, a!, b!, { pad: 4, dilation: 2, hole: 3 }),
  },
];

describe('every operator has the gradient that finite differences show', () => {
  for (const { name, shapes, build, positive } of CASES) {
    test(name, async () => {
      const g = new Graph();
      const inputs = shapes.map((shape, index) => g.input(`in${index}`, shape));
      const result = build(g, inputs);
      const random = new Random(7);
      // A random projection of the result: its gradient tells every entry of the Jacobian apart.
      const projection = Float32Array.from({ length: elementCount(result.shape) }, () => random.between(-1, 1));
      const weighted = op.multiply(g, result, g.constant(result.shape, projection));
      const axes = result.shape.map((_, axis) => axis);
      const loss = axes.length > 0 ? op.reshape(g, op.sumOver(g, weighted, axes), []) : weighted;
      for (const [index, gradient] of gradients(g, loss, inputs).entries()) g.output(`d${index}`, gradient);
      g.output('loss', loss);
      const session = await Session.create(g.toModel(name));
      try {
        const values = shapes.map((shape) =>
          Float32Array.from({ length: elementCount(shape) }, () =>
            positive ? random.between(0.5, 2) : random.between(-1, 1),
          ),
        );
        const feeds = Object.fromEntries(
          values.map((data, index): [string, Tensor] => [
            `in${index}`,
            { type: 'float32', shape: shapes[index]!, data },
          ]),
        );
        const first = await session.runOnce(feeds);
        for (const [index, data] of values.entries()) {
          const analytic = first[`d${index}`]!.data as Float32Array;
          for (let at = 0; at < data.length; at += 1) {
            const kept = data[at]!;
            const width = 2e-2;
            data[at] = kept + width;
            const above = (await session.runOnce(feeds)).loss!.data[0] as number;
            data[at] = kept - width;
            const below = (await session.runOnce(feeds)).loss!.data[0] as number;
            data[at] = kept;
            // A kink within the step (Relu, Abs, Clip) makes the difference meaningless.
            if (/Relu|Abs|Clip/.test(name) && [0, -0.5, 0.5].some((kink) => Math.abs(kept - kink) < width)) continue;
            const numeric = (above - below) / (2 * width);
            assert.ok(
              Math.abs(numeric - analytic[at]!) < 2e-3 * Math.max(1, Math.abs(numeric)),
              `input ${index}, element ${at}: finite difference ${numeric}, gradient ${analytic[at]}`,
            );
          }
        }
      } finally {
        await session.close();
      }
    });
  }
});

test('a target that does not reach the loss is an error, not a silent zero', () => {
  const g = new Graph();
  const used = g.input('used', [2]);
  const unused = g.input('unused', [2]);
  assert.throws(() => gradients(g, op.mean(g, op.square(g, used)), [unused]), /does not depend on unused/);
});

test('an operator without a rule is named', () => {
  const g = new Graph();
  const x = g.input('x', [2]);
  assert.throws(() => gradients(g, op.mean(g, op.maximum(g, x, x)), [x]), /Max has no gradient/);
});
