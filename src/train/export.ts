import { HEAD_VALUES } from '../infer/contract.js';
import { type ByKind, byKind, DEFECT_KINDS, type DefectKind } from '../kinds.js';
import { Graph, type Value } from './graph.js';
import { type GlobalFeature, globalNet } from './networks/global-net.js';
import { type InconsistencyForm, inconsistency, normality } from './networks/heads.js';
import { LOCAL_NET, localNet } from './networks/local-net.js';
import { normalisedFeature } from './networks/normalise.js';
import { FrozenParameters, type ParameterSource, type Weights } from './networks/parameters.js';
import {
  add,
  concatenate,
  convolution,
  exponential,
  maximum,
  meanOfChannels,
  negate,
  scalar,
  slice,
  square,
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
  readonly metadata?: Readonly<Record<string, string>>;
}

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
  appendEvidence(g, local, predicted, source, options, ['N', rows!, columns!]);
  return g.toModel('sideglance', options.metadata);
}

/**
 * Both heads, and from their evidence the maps that a model gives: `score` and its parts, [N, h, w].
 *
 * @param local Z_l, normalised, [N, 56, h, w]
 * @param declared the maps' shape as the file has it
 */
export function appendEvidence(
  g: Graph,
  local: Value,
  predicted: GlobalFeature,
  source: ParameterSource,
  { leastVariance, form, scales }: Pick<ExportOptions, 'leastVariance' | 'form' | 'scales'>,
  declared: readonly (number | string)[],
): void {
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
  const maps = weightedMaps(g, measured, scales);
  for (const [name, map] of Object.entries(maps)) g.output(name, squeezed(g, map), declared);
}

/** Evidence that grows without bound counts by its logarithm: a place twice as strange is no more than a step worse. */
function logarithm(g: Graph, x: Value): Value {
  return g.apply('Log', [add(g, x, scalar(g, 1e-6))], x.shape);
}

/** The maps from the evidence, [N, 1, h, w] each: share · (evidence − centre) / spread, and their sum. One convolution does it all. */
function weightedMaps(
  g: Graph,
  evidence: Readonly<Record<DefectKind, Value>>,
  scales: Readonly<Record<DefectKind, HeadNorm>>,
): Readonly<Record<'score' | DefectKind, Value>> {
  const all = concatenate(
    g,
    DEFECT_KINDS.map((kind) => evidence[kind]),
    1,
  );
  const names = ['score', ...DEFECT_KINDS] as const;
  const factors = names.flatMap((name) =>
    DEFECT_KINDS.map((kind) => (name === 'score' || name === kind ? SHARES[kind] / scales[kind].spread : 0)),
  );
  const offsets = byKind((kind) => (-SHARES[kind] * scales[kind].centre) / scales[kind].spread);
  const bias = [
    DEFECT_KINDS.reduce((sum, kind) => sum + offsets[kind], 0),
    ...DEFECT_KINDS.map((kind) => offsets[kind]),
  ];
  const weighted = convolution(g, all, g.constant([names.length, DEFECT_KINDS.length, 1, 1], factors));
  const maps = add(g, weighted, g.constant([1, names.length, 1, 1], bias));
  const [score, ...parts] = names.map((_, index) => slice(g, maps, 1, index, 1));
  return { score: score as Value, ...byKind((kind) => parts[DEFECT_KINDS.indexOf(kind)] as Value) };
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
