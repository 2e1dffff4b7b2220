import type { Graph, Value } from '../graph.js';
import { add, clip, concatenate, convolution, neighbourhoodMean, relu, slice } from '../operators.js';
import { biasedBlockConvolution, biasedConvolution } from './layers.js';
import { LOCAL_NET, OVERLAPPING_CELLS } from './local-net.js';
import type { ParameterSource } from './parameters.js';
import { partialConvolution } from './partial-convolution.js';

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

export interface GlobalFeature {
  /** Predicted mean of Z_l, [N, 56, h, w]. */
  readonly mean: Value;
  /** Predicted log-variance of Z_l, [N, 56, h, w]. */
  readonly logVariance: Value;
}

/**
 * Global-Net G: what Z_l of each patch should be, judging by everything but the patch (Wang et al. 2021, section
 * 3.2: Z_g = G(I, M_0)), for all patches in one pass: every way in is a partial convolution with a hole over the patch.
 *
 * @param local Z_l, normalised, [N, 56, h, w]
 * @param pixels the region, [N, 3, 8h, 8w], −1…1
 */
export function globalNet(g: Graph, local: Value, pixels: Value, source: ParameterSource): GlobalFeature {
  const [, , rows, columns] = local.shape as [number, number, number, number];
  const { context, reduced } = GLOBAL_NET;
  const narrow = relu(g, biasedConvolution(g, local, source, 'global.narrow', reduced, 1));

  // Z_l of cells up to 4 away sees pixels of the patch: the nearest taps lie 5 away.
  const near = partialConvolution(g, narrow, source, 'global.near', context, {
    size: 3,
    hole: 1,
    dilation: OVERLAPPING_CELLS + 1,
  });

  // 3 × 3 means of those, 3 apart: the innermost taps, 6 cells away, cover cells 5 to 7. Means at the border lack cells.
  const far = partialConvolution(g, neighbourhoodMean(g, narrow, 3), source, 'global.far', context, {
    size: 7,
    hole: 3,
    dilation: 3,
    validity: interior(rows, columns),
  });

  // The stem's cells see just their own 8 × 8 pixels; a 35-pixel patch touches cells up to 2 away: the taps lie 3 away.
  const blocks = relu(g, biasedBlockConvolution(g, pixels, source, 'global.stem.1', GLOBAL_NET.stem, 4));
  const stem = relu(g, biasedBlockConvolution(g, blocks, source, 'global.stem.2', GLOBAL_NET.stem, 2));
  const fine = partialConvolution(g, stem, source, 'global.fine', context, { size: 3, hole: 1, dilation: 3 });

  const seen = relu(g, concatenate(g, [near, far, fine], 1));
  const encoding = positionEncoding(rows, columns);
  const position = g.constant(encoding.shape, encoding.data);
  const placeWeight = source.parameter(
    g,
    'global.position.weight',
    [GLOBAL_NET.hidden, encoding.shape[1], 1, 1],
    2 * encoding.shape[1],
  );
  const place = convolution(g, position, placeWeight);
  const joined = relu(g, add(g, biasedConvolution(g, seen, source, 'global.join', GLOBAL_NET.hidden, 1), place));
  const hidden = relu(g, biasedConvolution(g, joined, source, 'global.hidden', GLOBAL_NET.hidden, 1));
  const both = biasedConvolution(g, hidden, source, 'global.out', 2 * LOCAL_NET.features, 1);
  const [low, high] = GLOBAL_NET.logVarianceRange;
  return {
    mean: slice(g, both, 1, 0, LOCAL_NET.features),
    logVariance: clip(g, slice(g, both, 1, LOCAL_NET.features, LOCAL_NET.features), low, high),
  };
}

/** 1 for cells whose 3 × 3 neighbourhood lies inside the grid. */
function interior(rows: number, columns: number): Float32Array {
  return Float32Array.from({ length: rows * columns }, (_, index) => {
    const row = Math.floor(index / columns);
    const column = index % columns;
    return row > 0 && row < rows - 1 && column > 0 && column < columns - 1 ? 1 : 0;
  });
}

/** Sines and cosines of the cell's place, [1, 16, h, w]: the only way in which position enters G. */
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
