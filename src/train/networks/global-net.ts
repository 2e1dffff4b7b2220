import type { Graph, Value } from '../graph.js';
import { add, clip, concatenate, convolution, neighbourhoodMean, relu, slice } from '../operators.js';
import { biasedBlockConvolution, biasedConvolution } from './layers.js';
import { LOCAL_NET, OVERLAPPING_CELLS } from './local-net.js';
import type { ParameterSource } from './parameters.js';
import { partialConvolution } from './partial-convolution.js';
import { everywhere, interior, type Validity } from './validity.js';

/** Layer sizes of Global-Net; holes follow from the patch (see the comments at their use). */
export const GLOBAL_NET = {
  reduced: 32,
  context: 48,
  hidden: 128,
  stem: 48,
  /** Sines and cosines per axis. */
  frequencies: [0.5, 1, 2, 4] as readonly number[],
  logVarianceRange: [-6, 4] as readonly [number, number],
} as const;

/** Z_l of cells up to 4 away sees pixels of the patch: the nearest taps lie 5 away. */
const NEAR = { size: 3, hole: 1, dilation: OVERLAPPING_CELLS + 1 } as const;

/** 3 × 3 means of those, 3 apart: the innermost taps, 6 cells away, cover cells 5 to 7. */
const FAR = { size: 7, hole: 3, dilation: 3, mean: 3 } as const;

/** The stem's cells see just their own 8 × 8 pixels; a 35-pixel patch touches cells up to 2 away: the taps lie 3 away. */
const FINE = { size: 3, hole: 1, dilation: 3 } as const;

/** Global-Net looks so many cells to each side. */
export const GLOBAL_REACH = Math.max(reachOf(NEAR), reachOf(FAR) + (FAR.mean - 1) / 2, reachOf(FINE));

export interface GlobalFeature {
  /** Predicted mean of Z_l, [N, 56, h, w]. */
  readonly mean: Value;
  /** Predicted log-variance of Z_l, [N, 56, h, w]. */
  readonly logVariance: Value;
}

export interface GlobalNetOptions {
  /** Whether G is told the cell's place in the image. */
  readonly position: boolean;
  /** The cells that lie in the image; all of the grid when left out. */
  readonly inside?: Validity;
}

/** What Global-Net sees of the image: its pixels [N, 3, 8h, 8w] in −1…1, or what `pixelStem` made of them. */
export type Seen = { readonly pixels: Value } | { readonly stem: Value };

/** What Global-Net makes of the pixels of each cell, [N, 48, h, w]. */
export function pixelStem(g: Graph, pixels: Value, source: ParameterSource): Value {
  const blocks = relu(g, biasedBlockConvolution(g, pixels, source, 'global.stem.1', GLOBAL_NET.stem, 4));
  return relu(g, biasedBlockConvolution(g, blocks, source, 'global.stem.2', GLOBAL_NET.stem, 2));
}

/**
 * Global-Net G: what Z_l of each patch should be, judging by everything but the patch (Wang et al. 2021, section
 * 3.2: Z_g = G(I, M_0)), for all patches in one pass: every way in is a partial convolution with a hole over the patch.
 *
 * @param local Z_l, normalised, [N, 56, h, w]
 */
export function globalNet(
  g: Graph,
  local: Value,
  image: Seen,
  source: ParameterSource,
  { position, inside: given }: GlobalNetOptions,
): GlobalFeature {
  const [, , rows, columns] = local.shape as [number, number, number, number];
  const { context, reduced } = GLOBAL_NET;
  const inside = given ?? everywhere(rows, columns);
  const narrow = relu(g, biasedConvolution(g, local, source, 'global.narrow', reduced, 1));
  const near = partialConvolution(g, narrow, source, 'global.near', context, { ...NEAR, validity: inside });
  // Means at the border lack cells.
  const means = neighbourhoodMean(g, narrow, FAR.mean);
  const far = partialConvolution(g, means, source, 'global.far', context, { ...FAR, validity: interior(g, inside) });
  const stem = 'stem' in image ? image.stem : pixelStem(g, image.pixels, source);
  const fine = partialConvolution(g, stem, source, 'global.fine', context, { ...FINE, validity: inside });

  const seen = relu(g, concatenate(g, [near, far, fine], 1));
  const place = position ? placeOf(g, rows, columns, source) : null;
  const summed = biasedConvolution(g, seen, source, 'global.join', GLOBAL_NET.hidden, 1);
  const joined = relu(g, place ? add(g, summed, place) : summed);
  const hidden = relu(g, biasedConvolution(g, joined, source, 'global.hidden', GLOBAL_NET.hidden, 1));
  const both = biasedConvolution(g, hidden, source, 'global.out', 2 * LOCAL_NET.features, 1);
  const [low, high] = GLOBAL_NET.logVarianceRange;
  return {
    mean: slice(g, both, 1, 0, LOCAL_NET.features),
    logVariance: clip(g, slice(g, both, 1, LOCAL_NET.features, LOCAL_NET.features), low, high),
  };
}

function reachOf({ size, dilation }: { readonly size: number; readonly dilation: number }): number {
  return (dilation * (size - 1)) / 2;
}

/** What the place of each cell contributes, [1, 128, h, w]: the only way in which position enters G. */
function placeOf(g: Graph, rows: number, columns: number, source: ParameterSource): Value {
  const { shape, data } = positionEncoding(rows, columns);
  const encoded = g.constant(shape, data);
  const [, channels] = shape;
  const weight = source.parameter(g, 'global.position.weight', [GLOBAL_NET.hidden, channels, 1, 1], 2 * channels);
  return convolution(g, encoded, weight);
}

/** Sines and cosines of the cell's place, [1, 16, h, w]. */
function positionEncoding(rows: number, columns: number): { shape: [1, number, number, number]; data: Float32Array } {
  const { frequencies } = GLOBAL_NET;
  const channels = 4 * frequencies.length;
  const data = new Float32Array(channels * rows * columns);
  frequencies.forEach((frequency, index) => {
    for (let row = 0; row < rows; row += 1) {
      for (let column = 0; column < columns; column += 1) {
        const angles = [(row + 0.5) / rows, (column + 0.5) / columns].map((at) => 2 * Math.PI * frequency * at);
        const values = angles.flatMap((angle) => [Math.sin(angle), Math.cos(angle)]);
        values.forEach((value, wave) => {
          data[((index * 4 + wave) * rows + row) * columns + column] = value;
        });
      }
    }
  });
  return { shape: [1, channels, rows, columns], data };
}
