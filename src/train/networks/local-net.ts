import type { Graph, Value } from '../graph.js';
import { blockMean, concatenate, pad, trim } from '../operators.js';
import { convolved, depthwise, type InvertedResidual, invertedResidual, rectified } from './inverted-residual.js';
import type { ParameterSource } from './parameters.js';

/**
 * Local-Net L: the feature Z_l of every patch of an image in one pass (Wang et al. 2021, section 3.1). A patch is
 * `patch` × `patch` pixels around a cell of `stride` × `stride` pixels; nothing outside a patch reaches its feature.
 *
 * L takes over the layers of the teacher whose receptive field the patch covers, instead of imitating them: MobileNetV2
 * up to stride 8, seeing the region at twice its size. Its distillation error is zero by construction, and it costs
 * less than the networks that were distilled before it (docs/decisions.md, "Local-Net").
 */
export const LOCAL_NET = {
  patch: 35,
  stride: 8,
  /** Pixels of mirrored border. A patch begins `border` pixels before its cell. */
  border: 14,
  features: 56,
} as const;

/** Cells on every side of a cell whose patches overlap its patch: 8·k < 35 for k ≤ 4. */
export const OVERLAPPING_CELLS = Math.ceil(LOCAL_NET.patch / LOCAL_NET.stride) - 1;

/** The teacher's blocks up to its stride 8. */
export const LOCAL_BLOCKS: readonly InvertedResidual[] = [
  { expanded: 96, out: 24, stride: 2 },
  { expanded: 144, out: 24, stride: 1 },
  { expanded: 144, out: 32, stride: 2 },
  { expanded: 192, out: 32, stride: 1 },
  { expanded: 192, out: 32, stride: 1 },
];

const STEM = { first: 32, out: 16 } as const;

/** The block after which features of stride 2 (the teacher's tap s4 at twice the size) are taken. */
const FINE_BLOCK = 1;

/** The first of those features whose 4 × 4 mean lies at the centre of a patch. */
const FINE_START = 5;

/**
 * Z_l of every patch of a whole image, which is mirrored at its border: not yet normalised, [N, 56, H/8, W/8].
 *
 * @param pixels [N, 3, H, W] in −1…1, H and W multiples of 8
 */
export function localNet(g: Graph, pixels: Value, source: ParameterSource): Value {
  return borderedLocalNet(g, pad(g, pixels, LOCAL_NET.border, 'reflect'), source);
}

/**
 * Z_l of every patch but those that begin in the border, not yet normalised, [N, 56, H/8, W/8].
 *
 * No layer pads: the border is consumed on the way, so that every patch is treated alike. The first layer is the teacher's
 * 3 × 3 convolution of stride 2 behind a bilinear enlargement by two, as one 3 × 3 convolution (`backbone-weights.ts`).
 *
 * @param pixels [N, 3, H + 28, W + 28] in −1…1, H and W multiples of 8: with `LOCAL_NET.border` pixels on each side
 */
export function borderedLocalNet(g: Graph, pixels: Value, source: ParameterSource): Value {
  const stem = convolved(g, pixels, source, 'local.stem', STEM.first, 3);
  const moved = rectified(g, depthwise(g, rectified(g, stem), source, 'local.0.depthwise', 1));
  let trunk = convolved(g, moved, source, 'local.0.project', STEM.out, 1);
  let fine = trunk;
  LOCAL_BLOCKS.forEach((block, index) => {
    trunk = invertedResidual(g, trunk, source, `local.${index + 1}`, block);
    if (index === FINE_BLOCK) fine = trunk;
  });
  const centred = trim(g, fine, FINE_START, fine.shape[2]! - FINE_START - 2 * trunk.shape[2]!);
  return concatenate(g, [blockMean(g, centred, 4), blockMean(g, trunk, 2)], 1);
}
