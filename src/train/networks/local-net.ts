import { elementCount, type Graph, type Value } from '../graph.js';
import { add, blockMean, clip, concatenate, pad, slice } from '../operators.js';
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

/** Inverted residual blocks, in order: channels after expansion and after projection, stride of the depthwise layer. */
export const LOCAL_BLOCKS = [
  { expanded: 96, out: 24, stride: 2 },
  { expanded: 144, out: 24, stride: 1 },
  { expanded: 144, out: 32, stride: 2 },
  { expanded: 192, out: 32, stride: 1 },
  { expanded: 192, out: 32, stride: 1 },
] as const;

const STEM = { first: 32, out: 16 } as const;

/** The block after which features of stride 2 (the teacher's tap s4 at twice the size) are taken. */
const FINE_BLOCK = 1;

/** The first of those features whose 4 × 4 mean lies at the centre of a patch. */
const FINE_START = 5;

/**
 * Pixels [N, 3, H, W] in −1…1, H and W multiples of 8 → Z_l [N, 56, H/8, W/8], not yet normalised.
 *
 * No layer pads: the mirrored border of the image is consumed on the way, so that every patch is treated alike.
 * The first layer is the teacher's 3 × 3 convolution of stride 2 behind a bilinear enlargement by two, as one 3 × 3
 * convolution (`local-net-weights.ts`).
 */
export function localNet(g: Graph, pixels: Value, source: ParameterSource): Value {
  const [, , height, width] = pixels.shape as [number, number, number, number];
  let x = rectified(g, convolved(g, pad(g, pixels, LOCAL_NET.border, 'reflect'), source, 'local.stem', STEM.first, 3));
  x = rectified(g, depthwise(g, x, source, 'local.0.depthwise', 1));
  x = convolved(g, x, source, 'local.0.project', STEM.out, 1);
  let fine = x;
  LOCAL_BLOCKS.forEach(({ expanded, out, stride }, index) => {
    const name = `local.${index + 1}`;
    const wide = rectified(g, convolved(g, x, source, `${name}.expand`, expanded, 1));
    const moved = rectified(g, depthwise(g, wide, source, `${name}.depthwise`, stride));
    const projected = convolved(g, moved, source, `${name}.project`, out, 1);
    x = stride === 1 ? add(g, projected, inner(g, x)) : projected;
    if (index === FINE_BLOCK) fine = x;
  });
  const centred = slice(g, slice(g, fine, 2, FINE_START, height / 2), 3, FINE_START, width / 2);
  return concatenate(g, [blockMean(g, centred, 4), blockMean(g, x, 2)], 1);
}

function convolved(g: Graph, x: Value, source: ParameterSource, name: string, out: number, size: number): Value {
  const [n, channels, h, w] = x.shape as [number, number, number, number];
  return fused(g, x, source, name, [out, channels, size, size], [n, out, h - size + 1, w - size + 1], {
    kernel_shape: [size, size],
  });
}

function depthwise(g: Graph, x: Value, source: ParameterSource, name: string, stride: number): Value {
  const [n, channels, h, w] = x.shape as [number, number, number, number];
  const after = (side: number) => Math.floor((side - 3) / stride) + 1;
  return fused(g, x, source, name, [channels, 1, 3, 3], [n, channels, after(h), after(w)], {
    kernel_shape: [3, 3],
    strides: [stride, stride],
    group: channels,
  });
}

/** A convolution with its bias in one operator: Local-Net is never trained, so no gradient has to pass. */
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

/** ReLU6 */
function rectified(g: Graph, x: Value): Value {
  return clip(g, x, 0, 6);
}

/** Without the outermost cell on each side: what a 3 × 3 layer without padding leaves. */
function inner(g: Graph, x: Value): Value {
  const [, , h, w] = x.shape as [number, number, number, number];
  return slice(g, slice(g, x, 2, 1, h - 2), 3, 1, w - 2);
}
