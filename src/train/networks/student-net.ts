import type { Graph, Value } from '../graph.js';
import { pad, relu, spaceToDepth } from '../operators.js';
import { biasedConvolution } from './layers.js';
import type { ParameterSource } from './parameters.js';

/**
 * Local-Net L: the feature Z_l of every patch of an image in one pass (Wang et al. 2021, section 3.1; layers of our
 * own, docs/method.md). A patch is `patch` × `patch` pixels around a cell of `stride` × `stride` pixels; nothing
 * outside a patch reaches its feature.
 */
export const STUDENT_NET = {
  patch: 30,
  stride: 8,
  /** Pixels of mirrored border, so that the cells tile the image exactly. */
  border: 11,
  features: 64,
  widths: [48, 96, 128, 192, 192] as readonly number[],
} as const;

/**
 * Pixels [N, 3, H, W] in −1…1, H and W multiples of 8 → Z_l [N, 64, H/8, W/8].
 * Layers: 4×4/2 → 48, 4×4/2 → 96, 3×3 → 128, 4×4/2 → 192, 1×1 → 192, 1×1 → 64, ReLU between.
 */
export function studentNet(g: Graph, pixels: Value, source: ParameterSource): Value {
  const [first, second, third, fourth, fifth] = STUDENT_NET.widths as [number, number, number, number, number];
  const layer = (x: Value, name: string, out: number, size: number) =>
    relu(g, biasedConvolution(g, x, source, name, out, size));
  let x = pad(g, pixels, STUDENT_NET.border, 'reflect');
  x = layer(spaceToDepth(g, x, 2), 'local.1', first, 2);
  x = layer(spaceToDepth(g, x, 2), 'local.2', second, 2);
  x = layer(x, 'local.3', third, 3);
  x = layer(spaceToDepth(g, x, 2), 'local.4', fourth, 2);
  x = layer(x, 'local.5', fifth, 1);
  return biasedConvolution(g, x, source, 'local.6', STUDENT_NET.features, 1);
}
