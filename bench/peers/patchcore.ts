import type { Value } from '../../src/train/graph.js';
import {
  add,
  concatenate,
  matmul,
  relu,
  reshape,
  scale,
  square,
  squareRoot,
  sumOver,
  transpose,
} from '../../src/train/operators.js';
import type { Backbone } from './backbones.js';
import { PeerGraph } from './layers.js';

/** Good images that a memory bank is made of: 3629 of the 15 categories of MVTec AD, on average. */
const IMAGES = 242;

/** Vectors of the bank that are compared at a time: the products of one part stay in the cache. */
const PER_PART = 1024;

/**
 * PatchCore (Roth et al. 2022) without the enlargement and smoothing of its map, and without the weight by the neighbour's
 * neighbours: means over 3 × 3 places of the second and third depth, and the distance to the nearest vector of a memory bank that
 * holds `share` of all patches of the good images, as matrix products.
 */
export function patchCore(backbone: Backbone, share: number): Uint8Array {
  const p = new PeerGraph();
  const { g } = p;
  const [, second, third] = backbone.features(p);
  const side = second.shape[2] as number;
  const cells = side * side;
  const own = p.pool(second, 'AveragePool', 3, 1, 1);
  const deeper = p.pool(third, 'AveragePool', 3, 1, 1);
  const rest = backbone.dimensions - (own.shape[1] as number);
  const both = concatenate(g, [own, p.resized(shortened(p, deeper, rest), side, 'linear')], 1);
  const vectors = reshape(g, transpose(g, both, [0, 2, 3, 1]), [cells, backbone.dimensions]);

  // |x − b|² = |x|² + (|b|² − 2·b·x): the bracket is one product with a 1 behind each x.
  const ones = g.constant([cells, 1], new Float32Array(cells).fill(1));
  const extended = concatenate(g, [vectors, ones], 1);
  const bank = Math.round(share * IMAGES * cells);
  let least: Value | null = null;
  for (let from = 0; from < bank; from += PER_PART) {
    const count = Math.min(PER_PART, bank - from);
    const products = matmul(g, extended, p.weights([backbone.dimensions + 1, count], backbone.dimensions));
    const nearest = g.apply('ReduceMin', [products], [cells, 1], { attributes: { axes: [1], keepdims: 1 } });
    least = least ? g.apply('Min', [least, nearest], [cells, 1]) : nearest;
  }
  const squared = add(g, least as Value, sumOver(g, square(g, vectors), [1]));
  return p.model(reshape(g, squareRoot(g, relu(g, squared)), [1, 1, side, side]));
}

/** Means over neighbouring channels, where there are more than the vectors have room for. */
function shortened(p: PeerGraph, x: Value, channels: number): Value {
  const [n, have, h, w] = x.shape as [number, number, number, number];
  if (have === channels) return x;
  const each = have / channels;
  const grouped = reshape(p.g, x, [n, channels, each, h * w]);
  return reshape(p.g, scale(p.g, sumOver(p.g, grouped, [2]), 1 / each), [n, channels, h, w]);
}
