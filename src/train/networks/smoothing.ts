import type { Graph, Value } from '../graph.js';
import { add, convolution, multiply, scalar, subtract } from '../operators.js';
import type { Validity } from './validity.js';

/** Gaussian of half a cell, over 3 × 3 cells: 4 pixels of the region. */
const WEIGHTS = [0.1065, 0.787, 0.1065] as const;

/** Smoothing looks so many cells to each side. */
export const SMOOTHING_REACH = (WEIGHTS.length - 1) / 2;

/** Smooths a map [N, 1, h, w]; at the border the missing cells repeat the outermost ones that count. */
export function smoothed(g: Graph, map: Value, inside: Validity): Value {
  if ('value' in inside) return alongOne(g, alongOne(g, map, inside.value, 'row'), inside.value, 'column');
  const [n, c, h, w] = map.shape as [number, number, number, number];
  const padded = g.apply('Pad', [map, g.integers([0, 0, 1, 1, 0, 0, 1, 1])], [n, c, h + 2, w + 2], {
    attributes: { mode: 'edge' },
  });
  const kernel = WEIGHTS.flatMap((row) => WEIGHTS.map((column) => row * column));
  return convolution(g, padded, g.constant([1, 1, 3, 3], kernel));
}

/** Along one axis: a cell takes the weight of a neighbour that does not count upon itself. */
function alongOne(g: Graph, map: Value, inside: Value, axis: 'row' | 'column'): Value {
  const [before, own, behind] = WEIGHTS;
  const kernel = axis === 'row' ? [0, 0, 0, before, own, behind, 0, 0, 0] : [0, before, 0, 0, own, 0, 0, behind, 0];
  const weights = g.constant([1, 1, 3, 3], kernel);
  const summed = convolution(g, multiply(g, map, inside), weights, { pad: 1 });
  const lacking = subtract(g, scalar(g, 1), convolution(g, inside, weights, { pad: 1 }));
  return add(g, summed, multiply(g, map, lacking));
}
