import type { ModelFiles } from '../../src/infer/contract.js';
import type { Scoring } from '../../src/infer/score.js';
import type { FieldSettings } from '../../src/infer/tiling/field-graphs.js';
import type { TileSizes } from '../../src/infer/tiling/tile-sizes.js';
import { Random } from '../../src/random.js';
import { backboneWeights } from '../../src/train/backbone-weights.js';
import { type ExportOptions, exportModel } from '../../src/train/export.js';
import { exportTiles, TILE_GEOMETRY } from '../../src/train/export-tiles.js';
import { Graph } from '../../src/train/graph.js';
import { globalNet } from '../../src/train/networks/global-net.js';
import { normality } from '../../src/train/networks/heads.js';
import { LOCAL_NET } from '../../src/train/networks/local-net.js';
import { TrainedParameters } from '../../src/train/networks/parameters.js';

/**
 * A `field` model whose Global-Net and heads were not trained but drawn at random, larger than training begins with: everything
 * that a cell can see has to show.
 */
export class RandomFieldModel {
  readonly #options: Omit<ExportOptions, 'width' | 'height'>;

  constructor(seed: number) {
    const random = new Random(seed);
    const { features } = LOCAL_NET;
    const g = new Graph();
    const parameters = new TrainedParameters();
    const pixels = g.input('pixels', [1, 3, 96, 96]);
    const local = g.input('local', [1, features, 12, 12]);
    const predicted = globalNet(g, local, { pixels }, parameters, { position: false });
    normality(g, local, predicted, parameters);
    const vector = parameters.initialise(random);
    for (const { offset, shape, fanIn } of parameters.places) {
      const length = shape.reduce((a, b) => a * b, 1);
      if (fanIn === 0) for (let i = 0; i < length; i++) vector[offset + i] = 0.1 * random.normal();
    }
    this.#options = {
      weights: new Map([...backboneWeights(), ...parameters.weights(vector)]),
      norm: {
        mean: Float32Array.from({ length: features }, () => 0.2 * random.normal()),
        whitening: Float32Array.from({ length: features ** 2 }, () => random.normal() / Math.sqrt(features)),
        factors: null,
        trust: 0,
      },
      position: false,
      form: 'likelihood',
      leastVariance: new Float32Array(features).fill(0.1),
      scales: {
        position: { centre: 0, spread: 1 },
        context: { centre: 0, spread: 1 },
        distortion: { centre: 0, spread: 1 },
      },
      edgeScales: {
        position: { centre: 1, spread: 2 },
        context: { centre: -1, spread: 0.5 },
        distortion: { centre: 0.3, spread: 3 },
      },
    };
  }

  /** For tiles. */
  files(): ModelFiles {
    return exportTiles(this.#options);
  }

  /** One graph for regions of this size, in pixels. */
  untiled(width: number, height: number): Uint8Array {
    return exportModel({ ...this.#options, width, height });
  }
}

export const FIELD_SCORING: Scoring = {
  smoothing: 4,
  weights: { position: 1, context: 1, distortion: 1 },
  terms: [{ cells: 12, share: 0.003, centre: 0, spread: 1 }],
};

export function fieldSettings(tiles: TileSizes, scale = 1): FieldSettings {
  return { ...TILE_GEOMETRY, scale, stride: LOCAL_NET.stride, tiles };
}
