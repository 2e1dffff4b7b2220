import { type ByKind, byKind, type DefectKind } from '../kinds.js';
import { Graph, type Value } from './graph.js';
import { type GlobalFeature, globalNet } from './networks/global-net.js';
import { type InconsistencyForm, inconsistency, normality } from './networks/heads.js';
import { LOCAL_NET, localNet } from './networks/local-net.js';
import { normalisedFeature } from './networks/normalise.js';
import { FrozenParameters, type ParameterSource, type Weights } from './networks/parameters.js';
import { smoothed } from './networks/smoothing.js';
import { everywhere, outermost, type Validity } from './networks/validity.js';
import { add, exponential, maximum, meanOver, multiply, negate, scalar, scale, square, subtract } from './operators.js';
import type { PositionNorm } from './position/norm.js';
import { pixelsFromBytes } from './preprocess.js';

/** Maps a head's raw score to one in which good cells are near 0 and the strangest good ones near 1. */
export interface HeadNorm {
  readonly centre: number;
  readonly spread: number;
}

/**
 * The share of each kind of evidence in the map. `position` asks what belongs in the place, `context` is s_IAD, `distortion`
 * s_DAD (Wang et al. 2021, section 3.3). How the shares were chosen: docs/accuracy.md.
 */
export const SHARES: ByKind = { position: 0.375, context: 0.375, distortion: 0.25 };

export interface ExportOptions {
  readonly weights: Weights;
  readonly height: number;
  readonly width: number;
  readonly norm: PositionNorm;
  /** Whether Global-Net is told the cell's place. */
  readonly position: boolean;
  readonly form: InconsistencyForm;
  /** σ² of each feature is at least this, by what held-out good images show; 56 values. */
  readonly leastVariance: Float32Array;
  readonly scales: Readonly<Record<DefectKind, HeadNorm>>;
  /** The same for the outermost cells of the image, where it makes a difference; as all others when left out. */
  readonly edgeScales?: Readonly<Record<DefectKind, HeadNorm>>;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Names of values inside the exported graph that tests and the measuring of scales look at. */
export const EXPORTED_VALUES = {
  local: 'local_feature',
  mean: 'global_mean',
  variance: 'global_variance',
  logit: 'normality_logit',
  evidence: (kind: DefectKind) => `evidence_${kind}`,
} as const;

/**
 * The model file that inspects: `region` uint8 [N, H, W, 3] → `score` and its parts `position`, `context`,
 * `distortion` [N, h, w]. Everything is inside: normalisation, both heads, their combination and smoothing.
 */
export function exportModel(options: ExportOptions): Uint8Array {
  const { height, width, norm, position } = options;
  const g = new Graph();
  const source = new FrozenParameters(options.weights);
  const pixels = pixelsFromBytes(g, g.input('region', [1, height, width, 3], 'uint8', ['N', height, width, 3]));
  const local = named(g, normalisedFeature(g, localNet(g, pixels, source), norm), EXPORTED_VALUES.local);
  const predicted = globalNet(g, local, { pixels }, source, { position });
  const [, , rows, columns] = local.shape as [number, number, number, number];
  const inside = everywhere(rows, columns);
  appendEvidence(g, { local, predicted, inside }, source, options, ['N', rows, columns]);
  return g.toModel('sideglance', options.metadata);
}

export interface Described {
  /** Z_l, normalised, [N, 56, h, w]. */
  readonly local: Value;
  readonly predicted: GlobalFeature;
  /** The cells that lie in the image. */
  readonly inside: Validity;
}

/**
 * Both heads, and from their evidence the maps that a model gives: `score` and its parts, [N, h, w].
 * @param declared their shape as the file has it
 */
export function appendEvidence(
  g: Graph,
  { local, predicted, inside }: Described,
  source: ParameterSource,
  { leastVariance, form, scales, edgeScales }: Pick<ExportOptions, 'leastVariance' | 'form' | 'scales' | 'edgeScales'>,
  declared: readonly (number | string)[],
): void {
  const [, , rows, columns] = local.shape as [number, number, number, number];
  const mean = named(g, predicted.mean, EXPORTED_VALUES.mean);
  const floor = g.constant([1, LOCAL_NET.features, 1, 1], leastVariance);
  const variance = named(g, maximum(g, exponential(g, predicted.logVariance), floor), EXPORTED_VALUES.variance);
  const logit = named(g, normality(g, local, predicted, source), EXPORTED_VALUES.logit);
  const evidence: Readonly<Record<DefectKind, Value>> = {
    position: logarithm(g, meanOver(g, square(g, local), [1])),
    context: logarithm(g, inconsistency(g, local, mean, variance, form)),
    distortion: negate(g, logit),
  };
  const edge = edgeScales ? outermost(g, inside) : null;
  const parts = byKind((kind) => {
    const measured = named(g, evidence[kind], EXPORTED_VALUES.evidence(kind));
    const own = normalised(g, measured, scales[kind]);
    // At the edge (own + (other − own)·1), elsewhere (own + (other − own)·0).
    const fitting =
      edge && edgeScales
        ? add(g, own, multiply(g, subtract(g, normalised(g, measured, edgeScales[kind]), own), edge))
        : own;
    return smoothed(g, scale(g, fitting, SHARES[kind]), inside);
  });
  const score = add(g, add(g, parts.position, parts.context), parts.distortion);
  for (const [name, map] of Object.entries({ score, ...parts })) {
    const flat = g.apply('Squeeze', [map, g.integers([1])], [1, rows, columns]);
    g.output(name, flat, declared);
  }
}

/** Evidence that grows without bound counts by its logarithm: a place twice as strange is no more than a step worse. */
function logarithm(g: Graph, x: Value): Value {
  return g.apply('Log', [add(g, x, scalar(g, 1e-6))], x.shape);
}

function normalised(g: Graph, x: Value, { centre, spread }: HeadNorm): Value {
  return multiply(g, subtract(g, x, scalar(g, centre)), scalar(g, 1 / spread));
}

/** The same value under a name that a reader of the file can ask for. */
function named(g: Graph, value: Value, name: string): Value {
  return g.apply('Identity', [value], value.shape, { name });
}
