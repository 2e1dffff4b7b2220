import { Random } from '../../src/random.js';
import type { Value } from '../../src/train/graph.js';
import {
  concatenate,
  matmul,
  multiply,
  reshape,
  slice,
  squareRoot,
  subtract,
  sumOver,
  transpose,
} from '../../src/train/operators.js';
import type { Backbone } from './backbones.js';
import { PeerGraph } from './layers.js';

/** Matrices of more bytes take long to load: parts of the grid then share them, which is the same memory traffic, as no cache holds as much. */
const MOST_MATRIX_BYTES = 128e6;

/**
 * PaDiM (Defard et al. 2021) without the enlargement and smoothing of its map: channels drawn of all depths on the finest grid,
 * and the Mahalanobis distance from the Gaussian of each place.
 */
export function padim(backbone: Backbone): Uint8Array {
  const p = new PeerGraph();
  const { g } = p;
  const features = backbone.features(p);
  const side = features[0].shape[2] as number;
  const total = features.reduce((sum, { shape }) => sum + (shape[1] as number), 0);
  const drawn = new Random(1).permutation(total).slice(0, backbone.drawn);
  let before = 0;
  const chosen = features.map((feature) => {
    const channels = feature.shape[1] as number;
    const own = drawn.filter((channel) => channel >= before && channel < before + channels).map((one) => one - before);
    before += channels;
    const shape = [1, own.length, ...feature.shape.slice(2)];
    return p.resized(
      g.apply('Gather', [feature, g.integers([...own])], shape, { attributes: { axis: 1 } }),
      side,
      'nearest',
    );
  });
  const cells = side * side;
  const vectors = reshape(g, transpose(g, concatenate(g, chosen, 1), [0, 2, 3, 1]), [cells, 1, backbone.drawn]);
  const centred = subtract(g, vectors, p.weights([cells, 1, backbone.drawn], 1));
  const parts = Math.max(1, Math.ceil((4 * cells * backbone.drawn ** 2) / MOST_MATRIX_BYTES));
  const perPart = Math.ceil(cells / parts);
  const inverse = p.weights([perPart, backbone.drawn, backbone.drawn], backbone.drawn);
  const distances: Value[] = [];
  for (let from = 0; from < cells; from += perPart) {
    const count = Math.min(perPart, cells - from);
    const part = parts === 1 ? centred : slice(g, centred, 0, from, count);
    const matrices = count === perPart ? inverse : slice(g, inverse, 0, 0, count);
    distances.push(sumOver(g, multiply(g, matmul(g, part, matrices), part), [2]));
  }
  const squared = parts === 1 ? (distances[0] as Value) : concatenate(g, distances, 0);
  return p.model(reshape(g, squareRoot(g, squared), [1, 1, side, side]));
}
