import type { Graph, Value } from '../graph.js';
import { biasedConvolution } from '../networks/layers.js';
import type { ParameterSource } from '../networks/parameters.js';
import {
  add,
  concatenate,
  convolution,
  leakyRelu,
  matmul,
  multiply,
  reshape,
  spaceToDepth,
  sumOver,
} from '../operators.js';
import { largestOfBlocks, padded } from './layers.js';
import { PAPER } from './settings.js';

/**
 * Local-Net L (Wang et al. 2021, section 3.1): conv 3×3 → 128, pool, conv 5×5 → 256, pool, conv 2×2 → 256, conv 4×4 → 128,
 * none of them padded. Patches [N, 3, 33, 33] in −1…1 → Z_l [N, 128].
 */
export function paperLocalNet(g: Graph, patches: Value, source: ParameterSource): Value {
  const layer = (x: Value, name: string, out: number, size: number) =>
    biasedConvolution(g, x, source, `paper.local.${name}`, out, size);
  let x = largestOfBlocks(g, active(g, layer(patches, '1', 128, 3)));
  x = largestOfBlocks(g, active(g, layer(x, '2', 256, 5)));
  x = active(g, layer(x, '3', 256, 2));
  return reshape(g, layer(x, '4', PAPER.features, 4), [patches.shape[0]!, PAPER.features]);
}

/** Channels of the partial convolutions after the first, and whether they halve the map. */
const GLOBAL_LAYERS = [
  { out: 32, halves: true },
  { out: 32, halves: false },
  { out: 64, halves: true },
  { out: 64, halves: false },
  { out: 128, halves: true },
  { out: 128, halves: false },
  { out: 128, halves: false },
] as const;

/** Features and their mask M, 1 where a feature is valid: [N, C, h, w] and [N, 1, h, w]. */
interface Masked {
  readonly features: Value;
  readonly mask: Value;
}

/**
 * Global-Net G (section 3.2): Z_g = G(I, M_0) with partial convolutions, 7×7/2 → 16, pool, then `GLOBAL_LAYERS`, and the mean
 * of the last map over the patch (mask pooling).
 *
 * @param image [N, 3, 256, 256] in −1…1, or one image for all N masks
 * @param mask M_0, 0 in the patch and 1 elsewhere, [N, 1, 256, 256]
 * @param area share of the patch in each cell of the last map, sum 1, [N, 1, 8, 8]
 * @returns Z_g, [N, 128]
 */
export function paperGlobalNet(g: Graph, image: Value, mask: Value, area: Value, source: ParameterSource): Value {
  let x = partial(g, { features: image, mask }, source, '1', 16, 7, true);
  const pooledMask = poolMask(g, x.mask);
  x = { features: largestOfBlocks(g, multiply(g, x.features, x.mask)), mask: pooledMask };
  GLOBAL_LAYERS.forEach(({ out, halves }, index) => {
    x = partial(g, x, source, String(index + 2), out, 3, halves);
  });
  const pooled = sumOver(g, multiply(g, x.features, area), [2, 3]);
  return reshape(g, pooled, [mask.shape[0]!, PAPER.features]);
}

/** Classifier C (section 3.3), 256 → 128 → 2: the logit of "normal" against "distorted", [N, 1]. */
export function paperNormality(g: Graph, local: Value, global: Value, source: ParameterSource): Value {
  const n = PAPER.features;
  const dense = (x: Value, name: string, width: number, out: number) => {
    const weight = source.parameter(g, `paper.distortion.${name}.weight`, [width, out], width);
    const bias = source.parameter(g, `paper.distortion.${name}.bias`, [1, out], 0);
    return add(g, matmul(g, x, weight), bias);
  };
  const hidden = active(g, dense(concatenate(g, [local, global], 1), '1', 2 * n, n));
  const both = dense(hidden, '2', n, 2);
  const against = g.constant([2, 1], [1, -1]);
  return matmul(g, both, against);
}

/**
 * Partial convolution (Liu et al. 2018): x' = Wᵀ(X⊙M)·sum(1)/sum(M) + b where sum(M) > 0, else 0; then LeakyReLU.
 * Outside the image everything is masked.
 */
function partial(
  g: Graph,
  { features, mask }: Masked,
  source: ParameterSource,
  name: string,
  out: number,
  size: number,
  halves: boolean,
): Masked {
  const [n] = mask.shape as [number];
  const [, channels, h, w] = features.shape as [number, number, number, number];
  const border = (size - 1) / 2;
  const stride = halves ? 2 : 1;
  const shape = [n, 1, h / stride, w / stride];
  const seen = g.apply('Conv', [mask, g.constant([1, 1, size, size], new Float32Array(size ** 2).fill(1))], shape, {
    attributes: { kernel_shape: [size, size], strides: [stride, stride], pads: [border, border, border, border] },
  });
  const valid = g.apply('Min', [seen, g.constant([], [1])], shape);
  const counted = g.apply('Max', [seen, g.constant([], [1])], shape);
  const ratio = g.apply('Div', [multiply(g, valid, g.constant([], [size ** 2])), counted], shape);
  const kept = multiply(g, features, mask);
  const fanIn = channels * size ** 2;
  const key = `paper.global.${name}`;
  const summed = halves
    ? halving(g, kept, source, `${key}.weight`, out, size, fanIn)
    : convolution(g, kept, source.parameter(g, `${key}.weight`, [out, channels, size, size], fanIn), { pad: border });
  const bias = source.parameter(g, `${key}.bias`, [1, out, 1, 1], 0);
  const rescaled = add(g, multiply(g, summed, ratio), multiply(g, bias, valid));
  return { features: active(g, rescaled), mask: valid };
}

/**
 * A size × size convolution with stride 2 and padding (size − 1) / 2, as a convolution over blocks of 2 × 2: the kernel gets
 * a row and a column of zeros before its first ones.
 */
function halving(
  g: Graph,
  x: Value,
  source: ParameterSource,
  name: string,
  out: number,
  size: number,
  fanIn: number,
): Value {
  const channels = x.shape[1]!;
  const blocks = (size + 1) / 2;
  const weight = source.parameter(g, name, [out, 4 * channels, blocks, blocks], fanIn);
  const mask = new Float32Array(4 * channels * blocks ** 2);
  mask.forEach((_, index) => {
    const [row, column] = [Math.floor(index / blocks) % blocks, index % blocks];
    const place = Math.floor(index / (channels * blocks ** 2));
    mask[index] = 2 * row + (place >> 1) > 0 && 2 * column + (place & 1) > 0 ? 1 : 0;
  });
  const kernel = multiply(g, weight, g.constant([1, 4 * channels, blocks, blocks], mask));
  const before = (size + 1) / 2;
  return convolution(g, spaceToDepth(g, padded(g, x, before, before - 2), 2), kernel);
}

function poolMask(g: Graph, mask: Value): Value {
  const [n, c, h, w] = mask.shape as [number, number, number, number];
  return g.apply('MaxPool', [mask], [n, c, h / 2, w / 2], { attributes: { kernel_shape: [2, 2], strides: [2, 2] } });
}

function active(g: Graph, x: Value): Value {
  return leakyRelu(g, x, PAPER.slope);
}
