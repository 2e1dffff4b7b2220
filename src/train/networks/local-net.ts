import type { Graph, Value } from '../graph.js';
import { add, convolution, pad, relu, spaceToDepth } from '../operators.js';
import type { ParameterSource } from './parameters.js';

/**
 * Local-Net L: the feature Z_l of every patch of an image in one pass (Wang et al. 2021, section 3.1; layers of our
 * own, docs/method.md). A patch is `patch` × `patch` pixels around a cell of `stride` × `stride` pixels; nothing
 * outside a patch reaches its feature.
 */
export const LOCAL_NET = {
  patch: 30,
  stride: 8,
  /** Pixels of mirrored border, so that the cells tile the image exactly. */
  border: 11,
  features: 64,
  widths: [48, 96, 128, 192, 192] as readonly number[],
} as const;

/** Cells on every side of a cell whose patches overlap its patch: 8·k < 30 for k ≤ 3. */
export const OVERLAPPING_CELLS = Math.ceil(LOCAL_NET.patch / LOCAL_NET.stride) - 1;

/** One convolution with bias. Names of the weights: `<name>.weight`, `<name>.bias`. */
export function biasedConvolution(
  g: Graph,
  x: Value,
  source: ParameterSource,
  name: string,
  out: number,
  size: number,
): Value {
  const channels = x.shape[1]!;
  const weight = source.parameter(g, `${name}.weight`, [out, channels, size, size], channels * size * size);
  const bias = source.parameter(g, `${name}.bias`, [1, out, 1, 1], 0);
  return add(g, convolution(g, x, weight), bias);
}

/**
 * Pixels [N, 3, H, W] in −1…1, H and W multiples of 8 → Z_l [N, 64, H/8, W/8].
 * Layers: 4×4/2 → 48, 4×4/2 → 96, 3×3 → 128, 4×4/2 → 192, 1×1 → 192, 1×1 → 64, ReLU between.
 */
export function localNet(g: Graph, pixels: Value, source: ParameterSource): Value {
  const [first, second, third, fourth, fifth] = LOCAL_NET.widths as [number, number, number, number, number];
  const layer = (x: Value, name: string, out: number, size: number) =>
    relu(g, biasedConvolution(g, x, source, name, out, size));
  let x = pad(g, pixels, LOCAL_NET.border, 'reflect');
  x = layer(spaceToDepth(g, x, 2), 'local.1', first, 2);
  x = layer(spaceToDepth(g, x, 2), 'local.2', second, 2);
  x = layer(x, 'local.3', third, 3);
  x = layer(spaceToDepth(g, x, 2), 'local.4', fourth, 2);
  x = layer(x, 'local.5', fifth, 1);
  return biasedConvolution(g, x, source, 'local.6', LOCAL_NET.features, 1);
}
