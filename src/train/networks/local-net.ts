import type { Graph, Value } from '../graph.js';
import { blockMean, concatenate, pad, trim } from '../operators.js';
import {
  type Branch,
  convolved,
  depthwise,
  type InvertedResidual,
  invertedResidual,
  relu6,
} from './inverted-residual.js';
import type { ParameterSource } from './parameters.js';

/**
 * Local-Net L: the feature Z_l of every patch of an image in one pass (Wang et al. 2021, section 3.1). A patch is
 * `patch` × `patch` pixels around a cell of `stride` × `stride` pixels; nothing outside a patch reaches its feature.
 *
 * L takes over the layers of the teacher whose receptive field the patch covers, instead of imitating them: MobileNetV2
 * up to stride 8, seeing the region at twice its size, without channels that hardly move. It costs less than the networks
 * that were distilled before it, and is nearer to the teacher (docs/decisions.md, "Training" and "Speed").
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

/**
 * The teacher's layers up to its stride 8, in multiples of 8 channels: the runtime computes in blocks (`infer/whole-blocks.ts`). The
 * widths are what is left of 32 and 96, 144, 144, 192, 192 without the channels that are constant (`live-channels.ts`) or hardly move.
 * Clipped are those that reach 6 (`teacher-channels.ts`), and the first layers.
 */
export const LOCAL_STEM = { width: 16 } as const;
export const LOCAL_BLOCKS: readonly InvertedResidual[] = [
  { branches: [clipped(16), free(16), free(16)], out: 24, stride: 2, pads: [0, 0] },
  { branches: [clipped(48), free(48)], out: 24, stride: 1, pads: [1, 1] },
  { branches: [clipped(16), free(96)], out: 32, stride: 2, pads: [1, 0] },
  { branches: [free(176)], out: 32, stride: 1, pads: [1, 1] },
  { branches: [free(176)], out: 32, stride: 1, pads: [1, 1] },
];

/** The block after which features of stride 2 (the teacher's tap s4 at twice the size) are taken, 24 channels, */
const FINE_BLOCK = 1;

/** as 4 × 4 means, the first of which begins so many cells before the map. The next but one lies at the centre of a patch. */
const FINE_BEFORE = 2;

/** The features of stride 4 at the end, 32 channels, as 2 × 2 means: likewise. They come first: whatever zeros fill up the others come last, and are cut off. */
const COARSE_BEFORE = 1;

/** Means that no patch belongs to, at the beginning and at the end of each axis. */
const SPOILT = { before: 2, after: 1 } as const;

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
 * The border is consumed on the way, so that every patch is treated alike. The first layers do not pad; later ones pad with
 * zeros where that keeps the map's size, which spoils cells at its rim that no patch needs: to cut them off layer by layer
 * would cost more than to compute them.
 * The first layer is the teacher's 3 × 3 convolution of stride 2 behind a bilinear enlargement by two, as one 3 × 3
 * convolution; the first block's expansion is one with the projection before it (`backbone-weights.ts`).
 *
 * @param pixels [N, 3, H + 28, W + 28] in −1…1, H and W multiples of 8: with `LOCAL_NET.border` pixels on each side
 */
export function borderedLocalNet(g: Graph, pixels: Value, source: ParameterSource): Value {
  const stem = relu6(g, convolved(g, pixels, source, 'local.stem', LOCAL_STEM.width, 3));
  let trunk = relu6(g, depthwise(g, stem, source, 'local.0.depthwise', 1, [0, 0]));
  let fine = trunk;
  LOCAL_BLOCKS.forEach((block, index) => {
    trunk = invertedResidual(g, trunk, source, `local.${index + 1}`, block);
    if (index === FINE_BLOCK) fine = trunk;
  });
  const means = concatenate(g, [blockMean(g, trunk, 2, COARSE_BEFORE), blockMean(g, fine, 4, FINE_BEFORE)], 1);
  return trim(g, means, SPOILT.before, SPOILT.after, LOCAL_NET.features);
}

function clipped(width: number): Branch {
  return { width, clipped: true };
}

function free(width: number): Branch {
  return { width, clipped: false };
}
