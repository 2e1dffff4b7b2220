import { ELEMENT_TYPES } from '../onnx/model.js';
import type { Graph, Operation, Value } from './graph.js';
import {
  add,
  concatenate,
  convolution,
  depthToSpace,
  divide,
  matmul,
  multiply,
  negate,
  neighbourhoodMean,
  pad,
  reshape,
  scalar,
  scale,
  sigmoid,
  slice,
  subtract,
  sumOver,
  transpose,
} from './operators.js';

/** Appends to the graph what an operation passes back to its inputs, given the gradient of its output. */
type Rule = (g: Graph, operation: Operation, gradient: Value, wanted: readonly boolean[]) => (Value | null)[];

/**
 * Reverse-mode differentiation: appends to `g` the gradient of the scalar `loss` with respect to each of `targets`,
 * in their order and shapes. Throws when an operator on the way has no rule, or a target does not reach the loss.
 */
export function gradients(g: Graph, loss: Value, targets: readonly Value[]): Value[] {
  const forward = [...g.operations];
  const active = new Set(targets.map((target) => target.name));
  for (const operation of forward) {
    if (operation.inputs.some((input) => active.has(input.name))) active.add(operation.output.name);
  }
  const received = new Map<string, Value>([[loss.name, g.constant(loss.shape, [1])]]);
  for (const operation of forward.reverse()) {
    const gradient = received.get(operation.output.name);
    if (!gradient || !active.has(operation.output.name)) continue;
    const rule = RULES[operation.type];
    if (!rule) throw new Error(`operator ${operation.type} has no gradient`);
    const wanted = operation.inputs.map((input) => active.has(input.name));
    const parts = rule(g, operation, gradient, wanted);
    operation.inputs.forEach((input, index) => {
      const part = parts[index];
      if (!wanted[index] || !part) return;
      const sum = received.get(input.name);
      received.set(input.name, sum ? add(g, sum, part) : part);
    });
  }
  return targets.map((target) => {
    const gradient = received.get(target.name);
    if (!gradient) throw new Error(`the loss does not depend on ${target.name}`);
    return gradient;
  });
}

/** Sums a gradient over the axes along which its input was broadcast. */
function unbroadcast(g: Graph, gradient: Value, shape: readonly number[]): Value {
  const extra = gradient.shape.length - shape.length;
  const axes = gradient.shape
    .map((_, axis) => axis)
    .filter((axis) => axis < extra || (shape[axis - extra] === 1 && gradient.shape[axis] !== 1));
  const summed = axes.length > 0 ? sumOver(g, gradient, axes) : gradient;
  return summed.shape.length === shape.length ? summed : reshape(g, summed, shape);
}

/** 1 where `x` > `bound`, else 0. */
function isAbove(g: Graph, x: Value, bound: number): Value {
  const above = g.apply('Greater', [x, scalar(g, bound)], x.shape);
  return g.apply('Cast', [above], x.shape, { attributes: { to: FLOAT } });
}

/**
 * Weight gradient of a convolution as im2col and one batched matrix product (native speeds: see docs/decisions.md).
 * Taps inside the hole are left out: their gradient is zero.
 */
function weightGradient(
  g: Graph,
  x: Value,
  weight: Value,
  gradient: Value,
  border: number,
  dilation: number,
  hole: number,
): Value {
  const [out, channels, size] = weight.shape as [number, number, number, number];
  const [n, , h, w] = gradient.shape as [number, number, number, number];
  const padded = border > 0 ? pad(g, x, border) : x;
  const first = (size - hole) / 2;
  const inHole = (tap: number) => hole > 0 && tap >= first && tap < first + hole;
  const taps: { row: number; column: number }[] = [];
  for (let row = 0; row < size; row += 1) {
    for (let column = 0; column < size; column += 1) {
      if (!(inHole(row) && inHole(column))) taps.push({ row, column });
    }
  }
  const columns = taps.map(({ row, column }) => {
    if (size === 1) return padded;
    const rows = slice(g, padded, 2, row * dilation, h);
    return slice(g, rows, 3, column * dilation, w);
  });
  const stacked = columns.length === 1 ? columns[0]! : concatenate(g, columns, 1);
  const matrix = reshape(g, stacked, [n, taps.length * channels, h * w]);
  const product = matmul(g, reshape(g, gradient, [n, out, h * w]), transpose(g, matrix, [0, 2, 1]));
  const summed = reshape(g, sumOver(g, product, [0]), [out, taps.length, channels]);
  const byTap = transpose(g, summed, [0, 2, 1]);
  if (taps.length === size * size) return reshape(g, byTap, [out, channels, size, size]);
  return reshape(
    g,
    spreadTaps(
      g,
      byTap,
      taps.map(({ row, column }) => row * size + column),
      size * size,
    ),
    [out, channels, size, size],
  );
}

/** Puts the gradients of the taps outside a hole back at their places; the hole's taps get zero. */
function spreadTaps(g: Graph, byTap: Value, places: readonly number[], total: number): Value {
  const [out, channels] = byTap.shape as [number, number, number];
  const zero = g.constant([out, channels, 1], new Float32Array(out * channels));
  const withZero = concatenate(g, [byTap, zero], 2);
  const order = Array.from({ length: total }, (_, tap) => {
    const index = places.indexOf(tap);
    return index < 0 ? places.length : index;
  });
  return g.apply('Gather', [withZero, g.integers(order)], [out, channels, total], { attributes: { axis: 2 } });
}

function inputGradient(g: Graph, weight: Value, gradient: Value, border: number, dilation: number): Value {
  const size = weight.shape[2]!;
  let flipped = weight;
  if (size > 1) {
    const inputs = [
      weight,
      g.integers([-1, -1]),
      g.integers([-size - 1, -size - 1]),
      g.integers([2, 3]),
      g.integers([-1, -1]),
    ];
    flipped = g.apply('Slice', inputs, weight.shape);
  }
  return convolution(g, gradient, transpose(g, flipped, [1, 0, 2, 3]), {
    pad: dilation * (size - 1) - border,
    dilation,
  });
}

/** `TensorProto.DataType.FLOAT`. */
const FLOAT = ELEMENT_TYPES.float32.code;

const RULES: Readonly<Record<string, Rule>> = {
  Add: (g, { inputs }, d) => inputs.map((input) => unbroadcast(g, d, input.shape)),
  Sub: (g, { inputs: [a, b] }, d) => [unbroadcast(g, d, a!.shape), unbroadcast(g, negate(g, d), b!.shape)],
  Mul: (g, { inputs: [a, b] }, d, [wantA, wantB]) => [
    wantA ? unbroadcast(g, multiply(g, d, b!), a!.shape) : null,
    wantB ? unbroadcast(g, multiply(g, d, a!), b!.shape) : null,
  ],
  Div: (g, { inputs: [a, b], output }, d, [wantA, wantB]) => {
    const quotient = divide(g, d, b!);
    return [
      wantA ? unbroadcast(g, quotient, a!.shape) : null,
      wantB ? unbroadcast(g, negate(g, multiply(g, quotient, output)), b!.shape) : null,
    ];
  },
  Relu: (g, { output }, d) => [multiply(g, d, isAbove(g, output, 0))],
  LeakyRelu: (g, { inputs: [x], attributes }, d) => {
    const alpha = (attributes.alpha as { value: number }).value;
    const slope = add(g, scale(g, isAbove(g, x!, 0), 1 - alpha), scalar(g, alpha));
    return [multiply(g, d, slope)];
  },
  Sigmoid: (g, { output }, d) => [multiply(g, d, subtract(g, output, multiply(g, output, output)))],
  Exp: (g, { output }, d) => [multiply(g, d, output)],
  Softplus: (g, { inputs: [x] }, d) => [multiply(g, d, sigmoid(g, x!))],
  Sqrt: (g, { output }, d) => [divide(g, scale(g, d, 0.5), output)],
  Neg: (g, _, d) => [negate(g, d)],
  Clip: (g, { inputs: [x], output }, d) => {
    const inside = g.apply('Equal', [x!, output], output.shape);
    return [multiply(g, d, g.apply('Cast', [inside], output.shape, { attributes: { to: FLOAT } }))];
  },
  ReduceSum: (g, { inputs: [x] }, d) => [g.apply('Expand', [d, g.integers(x!.shape)], x!.shape)],
  Reshape: (g, { inputs: [x] }, d) => [reshape(g, d, x!.shape)],
  Transpose: (g, { attributes }, d) => {
    const permutation = attributes.perm as readonly number[];
    return [
      transpose(
        g,
        d,
        permutation.map((_, axis) => permutation.indexOf(axis)),
      ),
    ];
  },
  Concat: (g, { inputs, attributes }, d) => {
    const axis = attributes.axis as number;
    let start = 0;
    return inputs.map((input) => {
      const length = input.shape[axis]!;
      start += length;
      return slice(g, d, axis, start - length, length);
    });
  },
  Slice: (g, { inputs: [x], output, note }, d) => {
    const { axis, start } = note as { axis: number; start: number };
    const before = x!.shape.map((_, index) => (index === axis ? start : 0));
    const after = x!.shape.map((side, index) => (index === axis ? side - start - output.shape[axis]! : 0));
    return [g.apply('Pad', [d, g.integers([...before, ...after])], x!.shape)];
  },
  MatMul: (g, { inputs: [a, b] }, d, [wantA, wantB]) => {
    const swap = (value: Value) => {
      const rank = value.shape.length;
      return transpose(g, value, [...Array(rank - 2).keys(), rank - 1, rank - 2]);
    };
    return [
      wantA ? unbroadcast(g, matmul(g, d, swap(b!)), a!.shape) : null,
      wantB ? unbroadcast(g, matmul(g, swap(a!), d), b!.shape) : null,
    ];
  },
  SpaceToDepth: (g, { attributes }, d) => [depthToSpace(g, d, attributes.blocksize as number)],
  AveragePool: (g, { attributes }, d) => {
    if ((attributes.strides as readonly number[])[0] !== 1) throw new Error('a mean over blocks has no gradient');
    return [neighbourhoodMean(g, d, (attributes.kernel_shape as readonly number[])[0]!)];
  },
  Conv: (g, { inputs: [x, weight], attributes, note }, d, [wantX, wantWeight]) => {
    const border = (attributes.pads as readonly number[])[0]!;
    const dilation = (attributes.dilations as readonly number[])[0]!;
    return [
      wantX ? inputGradient(g, weight!, d, border, dilation) : null,
      wantWeight ? weightGradient(g, x!, weight!, d, border, dilation, note.hole ?? 0) : null,
    ];
  },
};
