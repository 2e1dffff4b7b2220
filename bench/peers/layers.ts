import { Random } from '../../src/random.js';
import { Graph, type Value } from '../../src/train/graph.js';
import { relu } from '../../src/train/operators.js';
import { pixelsFromBytes } from '../../src/train/preprocess.js';

/** Side in pixels of the square region that every network sees. */
export const REGION = 256;

const DRAWN = 65_537;

export interface LayerOptions {
  readonly stride?: number;
  readonly pad?: number;
  readonly relu?: boolean;
}

/** A network under construction, with random weights: they cost the same time as trained ones. */
export class PeerGraph {
  readonly g = new Graph();
  /** The region, [1, 3, 256, 256]. */
  readonly pixels: Value;
  /** Uniform between −1 and 1; the weights of all layers are cut from it. */
  readonly #drawn: Float32Array;

  constructor() {
    const random = new Random(1);
    this.#drawn = Float32Array.from({ length: DRAWN }, () => 2 * random.uniform() - 1);

    this.pixels = pixelsFromBytes(this.g, this.g.input('region', [1, REGION, REGION, 3], 'uint8'));
  }

  /** Deviation √(2 / fanIn), as He et al. (2015) start with. */
  weights(shape: readonly number[], fanIn: number): Value {
    const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
    const scaled = this.#drawn.map((value) => value * Math.sqrt(6 / fanIn));
    for (let at = 0; at < data.length; at += DRAWN) data.set(scaled.subarray(0, data.length - at), at);
    return this.g.constant(shape, data);
  }

  /** A convolution with bias, batch normalisation folded into both. */
  convolution(x: Value, out: number, size: number, options: LayerOptions = {}): Value {
    const { stride = 1, pad = 0 } = options;
    const [n, channels, h, w] = x.shape as [number, number, number, number];
    const after = (side: number) => Math.floor((side + 2 * pad - size) / stride) + 1;
    const fanIn = channels * size * size;
    const inputs = [x, this.weights([out, channels, size, size], fanIn), this.weights([out], 100)];
    const y = this.g.apply('Conv', inputs, [n, out, after(h), after(w)], {
      attributes: { kernel_shape: [size, size], strides: [stride, stride], pads: [pad, pad, pad, pad] },
    });
    return options.relu === false ? y : relu(this.g, y);
  }

  pool(x: Value, kind: 'MaxPool' | 'AveragePool', size: number, stride: number, pad = 0): Value {
    const [n, c, h, w] = x.shape as [number, number, number, number];
    const after = (side: number) => Math.floor((side + 2 * pad - size) / stride) + 1;
    return this.g.apply(kind, [x], [n, c, after(h), after(w)], {
      attributes: { kernel_shape: [size, size], strides: [stride, stride], pads: [pad, pad, pad, pad] },
    });
  }

  resized(x: Value, side: number, mode: 'linear' | 'nearest'): Value {
    const [n, c, h, w] = x.shape as [number, number, number, number];
    if (h === side && w === side) return x;
    const none = this.g.constant([0], []);
    return this.g.apply('Resize', [x, none, none, this.g.integers([n, c, side, side])], [n, c, side, side], {
      attributes: {
        mode,
        coordinate_transformation_mode: mode === 'nearest' ? 'asymmetric' : 'half_pixel',
        ...(mode === 'nearest' && { nearest_mode: 'floor' }),
      },
    });
  }

  model(map: Value): Uint8Array {
    this.g.output('map', map);
    return this.g.toModel('peer');
  }
}
