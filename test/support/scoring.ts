import type { Scoring } from '../../src/infer/score.js';

/** The score is the mean of so many hottest cells of the map. */
export function hottestCells(cells: number): Scoring {
  return {
    smoothing: 0,
    weights: { position: 1, context: 1, distortion: 1 },
    terms: [{ cells, centre: 0, spread: 1 }],
  };
}
