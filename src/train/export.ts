import { byKind, type DefectKind } from '../kinds.js';
import { Graph, type Value } from './graph.js';
import type { PositionNorms } from './learn-positions.js';
import { globalNet } from './networks/global-net.js';
import { type InconsistencyForm, inconsistency, normality } from './networks/heads.js';
import { LOCAL_NET, localNet } from './networks/local-net.js';
import { normalisedFeature } from './networks/normalise.js';
import { FrozenParameters, type Weights } from './networks/parameters.js';
import { wideNet } from './networks/wide-net.js';
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
import { pixelsFromBytes } from './preprocess.js';

/** Maps a head's raw score to one in which good cells are near 0 and the strangest good ones near 1. */
export interface HeadNorm {
  readonly centre: number;
  readonly spread: number;
}

/**
 * The evidence of which a map is made, with its kind and its share in the map. `position` and `surroundedPosition` ask
 * what belongs in the place, of the patch alone and of the patch with its surroundings; `context` is s_IAD, `distortion`
 * s_DAD (Wang et al. 2021, section 3.3). How the shares were chosen: docs/accuracy.md.
 */
export const EVIDENCE = {
  position: { kind: 'position', share: 0.3 },
  surroundedPosition: { kind: 'position', share: 0.2 },
  context: { kind: 'context', share: 0.3 },
  distortion: { kind: 'distortion', share: 0.2 },
} as const satisfies Record<string, { readonly kind: DefectKind; readonly share: number }>;

export type Evidence = keyof typeof EVIDENCE;

export const EVIDENCE_NAMES = Object.keys(EVIDENCE) as Evidence[]; // the keys of a constant

export function byEvidence<T>(of: (name: Evidence) => T): Record<Evidence, T> {
  return {
    position: of('position'),
    surroundedPosition: of('surroundedPosition'),
    context: of('context'),
    distortion: of('distortion'),
  };
}

export interface ExportOptions {
  readonly weights: Weights;
  readonly height: number;
  readonly width: number;
  readonly norms: PositionNorms;
  readonly form: InconsistencyForm;
  /** σ² of each feature is at least this, by what held-out good images show; 56 values. */
  readonly leastVariance: Float32Array;
  readonly scales: Readonly<Record<Evidence, HeadNorm>>;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Names of values inside the exported graph that tests and the measuring of scales look at. */
export const EXPORTED_VALUES = {
  local: 'local_feature',
  mean: 'global_mean',
  variance: 'global_variance',
  logit: 'normality_logit',
  evidence: (name: Evidence) => `evidence_${name}`,
} as const;

/** Gaussian of half a cell, over 3 × 3 cells: 4 pixels of the region. */
const SMOOTHING = [0.1065, 0.787, 0.1065] as const;

/**
 * The model file that inspects: `region` uint8 [N, H, W, 3] → `score` and its parts `position`, `context`,
 * `distortion` [N, h, w]. Everything is inside: normalisation, both heads, their combination and smoothing.
 */
export function exportModel(options: ExportOptions): Uint8Array {
  const { height, width, norms } = options;
  const g = new Graph();
  const source = new FrozenParameters(options.weights);
  const [rows, columns] = [height / LOCAL_NET.stride, width / LOCAL_NET.stride];
  const pixels = pixelsFromBytes(g, g.input('region', [1, height, width, 3], 'uint8', ['N', height, width, 3]));
  const { feature, trunk } = localNet(g, pixels, source);
  const local = named(g, normalisedFeature(g, feature, norms.local), EXPORTED_VALUES.local);
  const wide = normalisedFeature(g, wideNet(g, trunk, source), norms.wide);
  const predicted = globalNet(g, local, pixels, source);
  const mean = named(g, predicted.mean, EXPORTED_VALUES.mean);
  const floor = g.constant([1, LOCAL_NET.features, 1, 1], options.leastVariance);
  const variance = named(g, maximum(g, exponential(g, predicted.logVariance), floor), EXPORTED_VALUES.variance);
  const logit = named(g, normality(g, local, predicted, source), EXPORTED_VALUES.logit);
  const distance = (z: Value) => logarithm(g, meanOver(g, square(g, z), [1]));
  const evidence: Readonly<Record<Evidence, Value>> = {
    position: distance(local),
    surroundedPosition: distance(wide),
    context: logarithm(g, inconsistency(g, local, mean, variance, options.form)),
    distortion: negate(g, logit),
  };
  const weighted = (name: Evidence) => {
    const measured = named(g, evidence[name], EXPORTED_VALUES.evidence(name));
    return scale(g, normalised(g, measured, options.scales[name]), EVIDENCE[name].share);
  };
  const parts = byKind((kind) => {
    const own = EVIDENCE_NAMES.filter((name) => EVIDENCE[name].kind === kind).map(weighted);
    return smoothed(
      g,
      own.reduce((sum, each) => add(g, sum, each)),
    );
  });
  const score = add(g, add(g, parts.position, parts.context), parts.distortion);
  for (const [name, map] of Object.entries({ score, ...parts })) {
    const flat = g.apply('Squeeze', [map, g.integers([1])], [1, rows, columns]);
    g.output(name, flat, ['N', rows, columns]);
  }
  return g.toModel('sideglance', options.metadata);
}

/** Evidence that grows without bound counts by its logarithm: a place twice as strange is no more than a step worse. */
function logarithm(g: Graph, x: Value): Value {
  return g.apply('Log', [add(g, x, scalar(g, 1e-6))], x.shape);
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
