import { elementCount, type Graph, type Value } from '../graph.js';
import { add, clip } from '../operators.js';
import type { ParameterSource } from './parameters.js';

/** Sizes of an inverted residual block (Sandler et al. 2018, MobileNetV2, table 1). */
export interface InvertedResidual {
  /** Channels after the expansion. */
  readonly expanded: number;
  readonly out: number;
  /** Of the depthwise layer: its stride, and zeros before the first and after the last cells. */
  readonly stride: 1 | 2;
  readonly pads: Pads;
}

type Pads = readonly [before: number, after: number];

/** An inverted residual block of the teacher: expansion, depthwise 3 × 3, projection, and the shortcut at stride 1. */
export function invertedResidual(
  g: Graph,
  x: Value,
  source: ParameterSource,
  name: string,
  { expanded, out, stride, pads }: InvertedResidual,
): Value {
  const wide = rectified(g, convolved(g, x, source, `${name}.expand`, expanded, 1));
  const moved = rectified(g, depthwise(g, wide, source, `${name}.depthwise`, stride, pads));
  const projected = convolved(g, moved, source, `${name}.project`, out, 1);
  return stride === 1 && x.shape[1] === out ? add(g, projected, x) : projected;
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

/** ReLU6 */
export function rectified(g: Graph, x: Value): Value {
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
