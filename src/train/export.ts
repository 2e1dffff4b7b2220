import { Graph, type Value } from './graph.js';
import { globalNet } from './networks/global-net.js';
import { type InconsistencyForm, inconsistency, normality } from './networks/heads.js';
import { LOCAL_NET, localNet } from './networks/local-net.js';
import { normalisedFeature } from './networks/normalise.js';
import { FrozenParameters, type Weights } from './networks/parameters.js';
import {
  add,
  convolution,
  exponential,
  maximum,
  meanOver,
  multiply,
  negate,
  scalar,
  scale,
  square,
  subtract,
} from './operators.js';
import type { PositionNorm } from './position.js';
import { pixelsFromBytes } from './preprocess.js';

/** Maps a head's raw score to one in which good cells are near 0 and the strangest good ones near 1. */
export interface HeadNorm {
  readonly centre: number;
  readonly spread: number;
}

export interface ExportOptions {
  readonly weights: Weights;
  readonly height: number;
  readonly width: number;
  readonly norm: PositionNorm;
  readonly form: InconsistencyForm;
  /** σ² of each feature is at least this, by what held-out good images show; 56 values. */
  readonly leastVariance: Float32Array;
  readonly positionNorm: HeadNorm;
  readonly contextNorm: HeadNorm;
  readonly distortionNorm: HeadNorm;
  /** λ_s: s = λ_s·s_IAD + (1 − λ_s)·s_DAD, both normalised. */
  readonly lambdaS: number;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Names of values inside the exported graph that tests look at. */
export const EXPORTED_VALUES = {
  local: 'local_feature',
  mean: 'global_mean',
  variance: 'global_variance',
  logit: 'normality_logit',
  context: 'context_inconsistency',
  position: 'position_inconsistency',
  distortion: 'smoothed_distortion',
} as const;

/**
 * s_IAD = this share of what position alone expects, (1/n)‖Z_l‖² once Z_l is normalised there, and the rest of what the
 * context expects (docs/decisions.md, "Inconsistency").
 */
const POSITION_SHARE = 0.85;

/** Gaussian of half a cell, over 3 × 3 cells: 4 pixels of the region. */
const SMOOTHING = [0.1065, 0.787, 0.1065] as const;

/**
 * The model file that inspects: `region` uint8 [N, H, W, 3] → `score` and its parts `position`, `context`,
 * `distortion` [N, h, w]. Everything is inside: normalisation, both heads, their combination and smoothing.
 */
export function exportModel(options: ExportOptions): Uint8Array {
  const { height, width, norm } = options;
  const g = new Graph();
  const source = new FrozenParameters(options.weights);
  const [rows, columns] = [height / LOCAL_NET.stride, width / LOCAL_NET.stride];
  const pixels = pixelsFromBytes(g, g.input('region', [1, height, width, 3], 'uint8', ['N', height, width, 3]));
  const local = named(g, normalisedFeature(g, localNet(g, pixels, source), norm), EXPORTED_VALUES.local);
  const predicted = globalNet(g, local, pixels, source);
  const mean = named(g, predicted.mean, EXPORTED_VALUES.mean);
  const floor = g.constant([1, LOCAL_NET.features, 1, 1], options.leastVariance);
  const variance = named(g, maximum(g, exponential(g, predicted.logVariance), floor), EXPORTED_VALUES.variance);
  const context = named(g, inconsistency(g, local, mean, variance, options.form), EXPORTED_VALUES.context);
  const position = named(g, meanOver(g, square(g, local), [1]), EXPORTED_VALUES.position);
  const logit = named(g, normality(g, local, predicted, source), EXPORTED_VALUES.logit);
  const byPosition = scale(g, normalised(g, position, options.positionNorm), POSITION_SHARE);
  const byContext = scale(g, normalised(g, context, options.contextNorm), 1 - POSITION_SHARE);
  const byDistortion = smoothed(g, normalised(g, negate(g, logit), options.distortionNorm));
  const parts = {
    position: scale(g, smoothed(g, byPosition), options.lambdaS),
    context: scale(g, smoothed(g, byContext), options.lambdaS),
    distortion: scale(g, named(g, byDistortion, EXPORTED_VALUES.distortion), 1 - options.lambdaS),
  };
  const score = add(g, add(g, parts.position, parts.context), parts.distortion);
  for (const [name, map] of Object.entries({ score, ...parts })) {
    const flat = g.apply('Squeeze', [map, g.integers([1])], [1, rows, columns]);
    g.output(name, flat, ['N', rows, columns]);
  }
  return g.toModel('sideglance', options.metadata);
}

function normalised(g: Graph, x: Value, { centre, spread }: HeadNorm): Value {
  return multiply(g, subtract(g, x, scalar(g, centre)), scalar(g, 1 / spread));
}

/** Smooths a map [N, 1, h, w]; at the border the missing cells repeat the outermost ones. */
function smoothed(g: Graph, map: Value): Value {
  const [n, c, h, w] = map.shape as [number, number, number, number];
  const padded = g.apply('Pad', [map, g.integers([0, 0, 1, 1, 0, 0, 1, 1])], [n, c, h + 2, w + 2], {
    attributes: { mode: 'edge' },
  });
  const kernel = SMOOTHING.flatMap((row) => SMOOTHING.map((column) => row * column));
  return convolution(g, padded, g.constant([1, 1, 3, 3], kernel));
}

/** The same value under a name that a reader of the file can ask for. */
function named(g: Graph, value: Value, name: string): Value {
  return g.apply('Identity', [value], value.shape, { name });
}
