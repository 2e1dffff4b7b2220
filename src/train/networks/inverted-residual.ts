import { elementCount, type Graph, type Value } from '../graph.js';
import { add, clip, relu } from '../operators.js';
import type { ParameterSource } from './parameters.js';

/** Channels of a block between its expansion and its projection that are computed together. */
export interface Branch {
  readonly width: number;
  /** Whether its activations are ReLU6, as the teacher's are, and not ReLU: what never reaches 6 need not be clipped. */
  readonly clipped: boolean;
}

/** Sizes of an inverted residual block (Sandler et al. 2018, MobileNetV2, table 1). */
export interface InvertedResidual {
  /**
   * Channels after the expansion. No channel meets another one before the projection, which sums: branch by branch, less lies between
   * two layers, and stays in the cache.
   */
  readonly branches: readonly Branch[];
  readonly out: number;
  /** Of the depthwise layer: its stride, and zeros before the first and after the last cells. */
  readonly stride: 1 | 2;
  readonly pads: Pads;
}

type Pads = readonly [before: number, after: number];

/**
 * An inverted residual block of the teacher: expansion, depthwise 3 × 3, projection, and the shortcut at stride 1. Its layers are
 * called `<name>.<branch>.expand`, `depthwise` and `project`.
 */
export function invertedResidual(
  g: Graph,
  x: Value,
  source: ParameterSource,
  name: string,
  { branches, out, stride, pads }: InvertedResidual,
): Value {
  const shortcut = stride === 1 && x.shape[1] === out ? [x] : [];
  const parts = branches.map(({ width, clipped }, index) => {
    const activated = clipped ? relu6 : relu;
    const wide = activated(g, convolved(g, x, source, `${name}.${index}.expand`, width, 1));
    const moved = activated(g, depthwise(g, wide, source, `${name}.${index}.depthwise`, stride, pads));
    return convolved(g, moved, source, `${name}.${index}.project`, out, 1);
  });
  return [...shortcut, ...parts].reduce((sum, part) => add(g, part, sum));
}

/** A convolution without padding. */
export function convolved(g: Graph, x: Value, source: ParameterSource, name: string, out: number, size: number): Value {
  const [n, channels, h, w] = x.shape as [number, number, number, number];
  return fused(g, x, source, name, [out, channels, size, size], [n, out, h - size + 1, w - size + 1], {
    kernel_shape: [size, size],
  });
}

/** A 3 × 3 convolution of each channel by itself. */
export function depthwise(
  g: Graph,
  x: Value,
  source: ParameterSource,
  name: string,
  stride: 1 | 2,
  [before, after]: Pads,
): Value {
  const [n, channels, h, w] = x.shape as [number, number, number, number];
  const left = (side: number) => Math.floor((before + side + after - 3) / stride) + 1;
  return fused(g, x, source, name, [channels, 1, 3, 3], [n, channels, left(h), left(w)], {
    kernel_shape: [3, 3],
    strides: [stride, stride],
    pads: [before, before, after, after],
    group: channels,
  });
}

export function relu6(g: Graph, x: Value): Value {
  return clip(g, x, 0, 6);
}

/** A convolution with its bias in one operator: the teacher's layers are never trained, so no gradient has to pass. */
function fused(
  g: Graph,
  x: Value,
  source: ParameterSource,
  name: string,
  kernel: readonly number[],
  shape: readonly number[],
  attributes: Readonly<Record<string, number | readonly number[]>>,
): Value {
  const weight = source.parameter(g, `${name}.weight`, kernel, elementCount(kernel.slice(1)));
  const bias = source.parameter(g, `${name}.bias`, kernel.slice(0, 1), 0);
  return g.apply('Conv', [x, weight, bias], shape, { attributes });
}
