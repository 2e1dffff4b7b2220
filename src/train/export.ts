import { HEAD_VALUES } from '../infer/contract.js';
import { type ByKind, byKind, DEFECT_KINDS, type DefectKind } from '../kinds.js';
import { Graph, type Value } from './graph.js';
import { type GlobalFeature, globalNet } from './networks/global-net.js';
import { type InconsistencyForm, inconsistency, normality } from './networks/heads.js';
import { LOCAL_NET, localNet } from './networks/local-net.js';
import { normalisedFeature } from './networks/normalise.js';
import { FrozenParameters, type ParameterSource, type Weights } from './networks/parameters.js';
import { everywhere, outermost, type Validity } from './networks/validity.js';
import {
  add,
  concatenate,
  convolution,
  exponential,
  maximum,
  meanOfChannels,
  multiply,
  negate,
  scalar,
  slice,
  square,
  subtract,
} from './operators.js';
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

/** What the heads ask. */
export interface Described {
  /** Z_l, normalised, [N, 56, h, w] */
  readonly local: Value;
  readonly predicted: GlobalFeature;
  /** Which cells lie in the image. */
  readonly inside: Validity;
}

const MAP_NAMES = ['score', ...DEFECT_KINDS] as const;

const [LOCAL, MEAN, VARIANCE, LOGIT] = HEAD_VALUES;

/** Names of values inside the exported graph that tests and the measuring of scales look at. */
export const EXPORTED_VALUES = {
  local: LOCAL,
  mean: MEAN,
  variance: VARIANCE,
  logit: LOGIT,
  evidence: (kind: DefectKind) => `evidence_${kind}`,
} as const;

/**
 * The model file that inspects: `region` uint8 [N, H, W, 3] → `score` and its parts `position`, `context`,
 * `distortion` [N, h, w]. Everything is inside: normalisation, both heads and their combination.
 */
export function exportModel(options: ExportOptions): Uint8Array {
  const { height, width, norm, position } = options;
  const g = new Graph();
  const source = new FrozenParameters(options.weights);
  const pixels = pixelsFromBytes(g, g.input('region', [1, height, width, 3], 'uint8', ['N', height, width, 3]));
  const local = named(g, normalisedFeature(g, localNet(g, pixels, source), norm), EXPORTED_VALUES.local);
  const predicted = globalNet(g, local, { pixels }, source, { position });
  const [, , rows, columns] = local.shape;
  const inside = everywhere(rows!, columns!);
  appendEvidence(g, { local, predicted, inside }, source, options, ['N', rows!, columns!]);
  return g.toModel('sideglance', options.metadata);
}

/**
 * Both heads, and from their evidence the maps that a model gives: `score` and its parts, [N, h, w].
 *
 * @param declared the maps' shape as the file has it
 */
export function appendEvidence(
  g: Graph,
  described: Described,
  source: ParameterSource,
  { leastVariance, form, scales, edgeScales }: Pick<ExportOptions, 'leastVariance' | 'form' | 'scales' | 'edgeScales'>,
  declared: readonly (number | string)[],
): void {
  const { local, predicted } = described;
  const mean = named(g, predicted.mean, EXPORTED_VALUES.mean);
  const floor = g.constant([1, LOCAL_NET.features, 1, 1], leastVariance);
  const variance = named(g, maximum(g, exponential(g, predicted.logVariance), floor), EXPORTED_VALUES.variance);
  const logit = named(g, normality(g, local, predicted, source), EXPORTED_VALUES.logit);
  const evidence: Readonly<Record<DefectKind, Value>> = {
    position: logarithm(g, meanOfChannels(g, square(g, local))),
    context: logarithm(g, inconsistency(g, local, mean, variance, form)),
    distortion: negate(g, logit),
  };
  const measured = byKind((kind) => named(g, evidence[kind], EXPORTED_VALUES.evidence(kind)));
  const own = weightedMaps(g, measured, scales);
  const maps = edgeScales ? chosen(g, own, weightedMaps(g, measured, edgeScales), outermost(g, described.inside)) : own;
  MAP_NAMES.forEach((name, index) => {
    g.output(name, squeezed(g, slice(g, maps, 1, index, 1)), declared);
  });
}

/** Evidence that grows without bound counts by its logarithm: a place twice as strange is no more than a step worse. */
function logarithm(g: Graph, x: Value): Value {
  return g.apply('Log', [add(g, x, scalar(g, 1e-6))], x.shape);
}

/** The maps in the order of `MAP_NAMES`, [N, 4, h, w], from the evidence: share · (evidence − centre) / spread, and their sum. One convolution does it all. */
function weightedMaps(
  g: Graph,
  evidence: Readonly<Record<DefectKind, Value>>,
  scales: Readonly<Record<DefectKind, HeadNorm>>,
): Value {
  const all = concatenate(
    g,
    DEFECT_KINDS.map((kind) => evidence[kind]),
    1,
  );
  const factors = MAP_NAMES.flatMap((name) =>
    DEFECT_KINDS.map((kind) => (name === 'score' || name === kind ? SHARES[kind] / scales[kind].spread : 0)),
  );
  const offsets = byKind((kind) => (-SHARES[kind] * scales[kind].centre) / scales[kind].spread);
  const bias = [
    DEFECT_KINDS.reduce((sum, kind) => sum + offsets[kind], 0),
    ...DEFECT_KINDS.map((kind) => offsets[kind]),
  ];
  const weighted = convolution(g, all, g.constant([MAP_NAMES.length, DEFECT_KINDS.length, 1, 1], factors));
  return add(g, weighted, g.constant([1, MAP_NAMES.length, 1, 1], bias));
}

/** `other` where `where` is 1, `own` where it is 0. */
function chosen(g: Graph, own: Value, other: Value, where: Value): Value {
  return add(g, own, multiply(g, subtract(g, other, own), where));
}

/** [N, 1, h, w] → [N, h, w] */
function squeezed(g: Graph, map: Value): Value {
  const [n, , h, w] = map.shape as [number, number, number, number];
  return g.apply('Squeeze', [map, g.integers([1])], [n, h, w]);
}

/** The same value under a name that a reader of the file can ask for. */
export function named(g: Graph, value: Value, name: string): Value {
  return g.apply('Identity', [value], value.shape, { name });
}
