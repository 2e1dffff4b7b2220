import type { Value } from '../../src/train/graph.js';
import { add, meanOfChannels, scale, slice, square, subtract } from '../../src/train/operators.js';
import { PeerGraph } from './layers.js';

/** Channels of the teacher's features. */
const FEATURES = 384;

/** Sides that the decoder's maps are enlarged to, each before a 4 × 4 convolution. */
const DECODER_SIDES = [3, 8, 15, 32, 63, 127] as const;

/** Side of the map: that of the patch description networks without padding. */
const SIDE = 56;

/**
 * EfficientAD (Batzner, Heckler, König, WACV 2024) without the enlargement of its map to the region: teacher, student with twice
 * the outputs, and autoencoder. Layers: tables 6 to 8 of the paper's appendix, as in anomalib 2 (`efficient_ad/torch_model.py`) and
 * nelson1425/EfficientAd (`common.py`); the paper counts 76 GFLOP for S.
 */
export function efficientAd(size: 'S' | 'M'): Uint8Array {
  const p = new PeerGraph();
  const describe = size === 'S' ? small : medium;
  const teacher = describe(p, FEATURES);
  const student = describe(p, 2 * FEATURES);
  const decoded = autoencoder(p);
  const { g } = p;
  const difference = (a: Value, first: number) =>
    meanOfChannels(g, square(g, subtract(g, a, slice(g, student, 1, first, FEATURES))));
  const map = add(g, scale(g, difference(teacher, 0), 0.5), scale(g, difference(decoded, FEATURES), 0.5));
  return p.model(map);
}

function small(p: PeerGraph, out: number): Value {
  let x = p.pool(p.convolution(p.pixels, 128, 4), 'AveragePool', 2, 2);
  x = p.pool(p.convolution(x, 256, 4), 'AveragePool', 2, 2);
  x = p.convolution(x, 256, 3);
  return p.convolution(x, out, 4, { relu: false });
}

function medium(p: PeerGraph, out: number): Value {
  let x = p.pool(p.convolution(p.pixels, 256, 4), 'AveragePool', 2, 2);
  x = p.pool(p.convolution(x, 512, 4), 'AveragePool', 2, 2);
  x = p.convolution(p.convolution(x, 512, 1), 512, 3);
  return p.convolution(p.convolution(x, out, 4), out, 1, { relu: false });
}

function autoencoder(p: PeerGraph): Value {
  let x = p.pixels;
  for (const out of [32, 32, 64, 64, 64]) x = p.convolution(x, out, 4, { stride: 2, pad: 1 });
  x = p.convolution(x, 64, 8, { relu: false });
  for (const side of DECODER_SIDES) x = p.convolution(p.resized(x, side, 'linear'), 64, 4, { pad: 2 });
  x = p.convolution(p.resized(x, SIDE, 'linear'), 64, 3, { pad: 1 });
  return p.convolution(x, FEATURES, 3, { pad: 1, relu: false });
}
