import { float } from '../onnx/model.js';
import { elementCount, type Graph, type Value } from './graph.js';

/**
 * The operators that the networks and their gradients are made of: each checks shapes, appends one or a few ONNX
 * nodes and returns the result. Feature maps are NCHW. All convolutions have stride 1: a strided convolution whose
 * kernel is a multiple of its stride is `spaceToDepth` and a smaller kernel, which has the same arithmetic and a
 * gradient that is again a plain convolution.
 */

export interface ConvolutionOptions {
  /** Zero padding on every side, in cells. */
  readonly pad?: number;
  readonly dilation?: number;
  /** Side of the square of taps at the kernel's centre that are zero (a partial convolution's hole). Odd, or 0. */
  readonly hole?: number;
}

export function broadcastShape(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const left = a[axis - rank + a.length] ?? 1;
    const right = b[axis - rank + b.length] ?? 1;
    if (left !== right && left !== 1 && right !== 1) {
      throw new Error(`shapes [${a.join(', ')}] and [${b.join(', ')}] do not broadcast`);
    }
    return Math.max(left, right);
  });
}

function binary(type: 'Add' | 'Sub' | 'Mul' | 'Div' | 'Max') {
  return (g: Graph, a: Value, b: Value): Value => g.apply(type, [a, b], broadcastShape(a.shape, b.shape));
}

export const add = binary('Add');
export const subtract = binary('Sub');
export const multiply = binary('Mul');
export const divide = binary('Div');
/** Elementwise maximum; no gradient flows through it (used in exported graphs only). */
export const maximum = binary('Max');

function unary(type: string) {
  return (g: Graph, x: Value): Value => g.apply(type, [x], x.shape);
}

export const relu = unary('Relu');
export const sigmoid = unary('Sigmoid');
export const exponential = unary('Exp');
export const softplus = unary('Softplus');
export const squareRoot = unary('Sqrt');
export const negate = unary('Neg');

export function leakyRelu(g: Graph, x: Value, alpha: number): Value {
  return g.apply('LeakyRelu', [x], x.shape, { attributes: { alpha: float(alpha) } });
}

export function scalar(g: Graph, value: number): Value {
  return g.constant([], [value]);
}

export function scale(g: Graph, x: Value, factor: number): Value {
  return multiply(g, x, scalar(g, factor));
}

export function square(g: Graph, x: Value): Value {
  return multiply(g, x, x);
}

/** Values outside [low, high] are set to the bound; no gradient flows where the bound holds. */
export function clip(g: Graph, x: Value, low: number, high: number): Value {
  return g.apply('Clip', [x, scalar(g, low), scalar(g, high)], x.shape);
}

function reducedShape(shape: readonly number[], axes: readonly number[]): number[] {
  return shape.map((side, axis) => (axes.includes(axis) ? 1 : side));
}

/** Sum over the given axes, which stay with length 1. */
export function sumOver(g: Graph, x: Value, axes: readonly number[]): Value {
  return g.apply('ReduceSum', [x, g.integers(axes)], reducedShape(x.shape, axes), { attributes: { keepdims: 1 } });
}

/** Mean over the given axes, which stay with length 1. */
export function meanOver(g: Graph, x: Value, axes: readonly number[]): Value {
  const count = axes.reduce((product, axis) => product * x.shape[axis]!, 1);
  return scale(g, sumOver(g, x, axes), 1 / count);
}

/** Mean over the channels, [N, C, H, W] → [N, 1, H, W]: as a convolution four times as fast as a sum over an axis. */
export function meanOfChannels(g: Graph, x: Value): Value {
  const channels = x.shape[1] as number;
  return convolution(g, x, g.constant([1, channels, 1, 1], new Float32Array(channels).fill(1 / channels)));
}

/** Mean over everything, as a scalar of shape []. */
export function mean(g: Graph, x: Value): Value {
  return reshape(
    g,
    meanOver(
      g,
      x,
      x.shape.map((_, axis) => axis),
    ),
    [],
  );
}

export function reshape(g: Graph, x: Value, shape: readonly number[]): Value {
  if (elementCount(shape) !== elementCount(x.shape)) {
    throw new Error(`cannot reshape [${x.shape.join(', ')}] to [${shape.join(', ')}]`);
  }
  return g.apply('Reshape', [x, g.integers(shape)], shape);
}

export function transpose(g: Graph, x: Value, permutation: readonly number[]): Value {
  const shape = permutation.map((axis) => x.shape[axis]!);
  return g.apply('Transpose', [x], shape, { attributes: { perm: permutation } });
}

/** Concatenates along `axis`. */
export function concatenate(g: Graph, values: readonly Value[], axis: number): Value {
  const first = values[0];
  if (!first) throw new Error('nothing to concatenate');
  const length = values.reduce((sum, value) => sum + value.shape[axis]!, 0);
  const shape = first.shape.map((side, index) => (index === axis ? length : side));
  return g.apply('Concat', values, shape, { attributes: { axis } });
}

/** The part [start, start + length) along `axis`. */
export function slice(g: Graph, x: Value, axis: number, start: number, length: number): Value {
  const shape = x.shape.map((side, index) => (index === axis ? length : side));
  const inputs = [x, g.integers([start]), g.integers([start + length]), g.integers([axis]), g.integers([1])];
  return g.apply('Slice', inputs, shape, { note: { axis, start } });
}

/** Cells of rows and of columns, or of both alike. */
export type PerAxis = number | readonly [rows: number, columns: number];

/**
 * Takes `before` and `after` cells away from the ends of both spatial axes, whatever their lengths, and all but the first `channels`.
 * No gradient flows through it.
 */
export function trim(g: Graph, x: Value, before: PerAxis, after: PerAxis, channels = x.shape[1] as number): Value {
  const [n, , h, w] = x.shape as [number, number, number, number];
  const [first, last] = [perAxis(before), perAxis(after)];
  const ends = last.map((cells) => (cells === 0 ? Number.MAX_SAFE_INTEGER : -cells));
  const inputs = [x, g.integers([0, ...first]), g.integers([channels, ...ends]), g.integers([1, 2, 3])];
  return g.apply('Slice', inputs, [n, channels, h - first[0] - last[0], w - first[1] - last[1]]);
}

function perAxis(cells: PerAxis): readonly [number, number] {
  return typeof cells === 'number' ? [cells, cells] : cells;
}

/** Batched matrix product of [..., m, k] and [..., k, n]. */
export function matmul(g: Graph, a: Value, b: Value): Value {
  const [m, inner] = a.shape.slice(-2);
  const [depth, n] = b.shape.slice(-2);
  if (inner !== depth || m === undefined || n === undefined) {
    throw new Error(`cannot multiply [${a.shape.join(', ')}] by [${b.shape.join(', ')}]`);
  }
  return g.apply('MatMul', [a, b], [...broadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2)), m, n]);
}

/** Zero padding (or mirrored without the edge, `reflect`) of the two spatial axes. */
export function pad(g: Graph, x: Value, cells: number, mode: 'constant' | 'reflect' = 'constant'): Value {
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const shape = [n, c, h + 2 * cells, w + 2 * cells];
  return g.apply('Pad', [x, g.integers([0, 0, cells, cells, 0, 0, cells, cells])], shape, {
    attributes: { mode },
  });
}

/** Moves blocks of `block` × `block` cells into the channels: [N, C, H, W] → [N, C·block², H/block, W/block]. */
export function spaceToDepth(g: Graph, x: Value, block: number): Value {
  const [n, c, h, w] = x.shape as [number, number, number, number];
  if (h % block !== 0 || w % block !== 0) throw new Error(`${h}×${w} cells are not whole blocks of ${block}`);
  return g.apply('SpaceToDepth', [x], [n, c * block * block, h / block, w / block], {
    attributes: { blocksize: block },
  });
}

/** The inverse of `spaceToDepth` (ONNX mode DCR). */
export function depthToSpace(g: Graph, x: Value, block: number): Value {
  const [n, c, h, w] = x.shape as [number, number, number, number];
  return g.apply('DepthToSpace', [x], [n, c / (block * block), h * block, w * block], {
    attributes: { blocksize: block, mode: 'DCR' },
  });
}

/** Mean over a `size` × `size` neighbourhood, stride 1; cells outside count as zeros, so the operator is symmetric. */
export function neighbourhoodMean(g: Graph, x: Value, size: number): Value {
  const border = (size - 1) / 2;
  return g.apply('AveragePool', [x], x.shape, {
    attributes: {
      kernel_shape: [size, size],
      pads: [border, border, border, border],
      strides: [1, 1],
      count_include_pad: 1,
    },
  });
}

/**
 * Mean over blocks of `side` × `side` cells, the first of which begins `before` cells before the map; cells that the last
 * ones lack leave them out. No gradient flows through it.
 */
export function blockMean(g: Graph, x: Value, side: number, before = 0): Value {
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const blocks = (length: number) => Math.floor((length + before) / side);
  return g.apply('AveragePool', [x], [n, c, blocks(h), blocks(w)], {
    attributes: { kernel_shape: [side, side], strides: [side, side], pads: [before, before, 0, 0] },
  });
}

/** Bilinear enlargement by a whole factor; no gradient flows through it. */
export function enlarged(g: Graph, x: Value, factor: number): Value {
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const scales = g.constant([4], [1, 1, factor, factor]);
  const roi = g.constant([0], []);
  return g.apply('Resize', [x, roi, scales], [n, c, h * factor, w * factor], {
    attributes: { mode: 'linear', coordinate_transformation_mode: 'half_pixel' },
  });
}

/**
 * Convolution with stride 1: x [N, C, H, W], weight [O, C, K, K] → [N, O, H', W'], H' = H + 2·pad − dilation·(K − 1).
 * With a `hole` the centre taps take no part, whatever the weight holds there: the weight is masked first.
 */
export function convolution(g: Graph, x: Value, weight: Value, options: ConvolutionOptions = {}): Value {
  const { pad: border = 0, dilation = 1, hole = 0 } = options;
  const [n, channels, h, w] = x.shape as [number, number, number, number];
  const [out, expected, size] = weight.shape as [number, number, number, number];
  if (channels !== expected) throw new Error(`convolution: ${channels} channels meet a kernel for ${expected}`);
  const kernel = hole > 0 ? multiply(g, weight, g.constant([1, 1, size, size], holeMask(size, hole))) : weight;
  const shrink = 2 * border - dilation * (size - 1);
  return g.apply('Conv', [x, kernel], [n, out, h + shrink, w + shrink], {
    note: { hole },
    attributes: {
      kernel_shape: [size, size],
      pads: [border, border, border, border],
      dilations: [dilation, dilation],
      strides: [1, 1],
    },
  });
}

/** 1 for every tap of a size × size kernel outside the centred hole × hole square, else 0. */
export function holeMask(size: number, hole: number): Float32Array {
  const first = (size - hole) / 2;
  const last = first + hole - 1;
  const mask = new Float32Array(size * size).fill(1);
  for (let row = first; row <= last; row += 1) mask.fill(0, row * size + first, row * size + last + 1);
  return mask;
}
