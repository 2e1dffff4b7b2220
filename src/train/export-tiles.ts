import { CONTEXT_INPUTS, FEATURES_OUTPUT, type FieldGeometry, INPUT_NAME, type ModelFiles } from '../infer/contract.js';
import { appendEvidence, EXPORTED_VALUES, type ExportOptions, named } from './export.js';
import { Graph, type Value } from './graph.js';
import { GLOBAL_NET, GLOBAL_REACH, globalNet, pixelStem } from './networks/global-net.js';
import { borderedLocalNet, LOCAL_NET } from './networks/local-net.js';
import { normalisedFeature } from './networks/normalise.js';
import { FrozenParameters } from './networks/parameters.js';
import { concatenate, slice, transpose, trim } from './operators.js';
import { pixelsFromBytes } from './preprocess.js';

/** What is particular to the files that `exportTiles` makes. */
export const TILE_GEOMETRY: Omit<FieldGeometry, 'scale'> = {
  border: LOCAL_NET.border,
  /** Z_l, and what Global-Net sees of the cell's own pixels. */
  channels: LOCAL_NET.features + GLOBAL_NET.stem,
  halo: GLOBAL_REACH,
};

export type TileExportOptions = Omit<ExportOptions, 'width' | 'height' | 'position'>;

/**
 * The two files of a model that is run in tiles of any size (`infer/contract.ts` says what they take and give). Local-Net,
 * 70 % of the work, sees 14 pixels beyond a cell, Global-Net 10 cells: run apart, Local-Net's tiles hardly overlap.
 */
export function exportTiles(options: TileExportOptions): ModelFiles {
  return { model: exportFeatures(options), context: exportContext(options) };
}

/** Operators have to know sizes, which leave no trace in the files. */
const ANY = 16;

/** `region` uint8 [N, 8h + 28, 8w + 28, 3] → `features` [N, h, w, 104]. */
function exportFeatures({ weights, norm, metadata }: TileExportOptions): Uint8Array {
  const { stride, border } = LOCAL_NET;
  const side = ANY * stride + 2 * border;
  const g = new Graph();
  const source = new FrozenParameters(weights);
  const pixels = pixelsFromBytes(g, g.input(INPUT_NAME, [1, side, side, 3], 'uint8', ['N', 'height', 'width', 3]));
  const local = normalisedFeature(g, borderedLocalNet(g, pixels, source), norm);
  const stem = pixelStem(g, trim(g, pixels, border, border), source);
  const features = transpose(g, concatenate(g, [local, stem], 1), [0, 2, 3, 1]);
  g.output(FEATURES_OUTPUT, features, ['N', 'rows', 'columns', TILE_GEOMETRY.channels]);
  return g.toModel('sideglance, features', metadata);
}

/** `features` [N, h, w, 104] and `inside` [N, 1, h, w] → the maps [N, h, w]. */
function exportContext(options: TileExportOptions): Uint8Array {
  const { channels } = TILE_GEOMETRY;
  const g = new Graph();
  const source = new FrozenParameters(options.weights);
  const given = g.input(CONTEXT_INPUTS.features, [1, ANY, ANY, channels], 'float32', [
    'N',
    'rows',
    'columns',
    channels,
  ]);
  const inside = { value: g.input(CONTEXT_INPUTS.inside, [1, 1, ANY, ANY], 'float32', ['N', 1, 'rows', 'columns']) };
  const planes = transpose(g, given, [0, 3, 1, 2]);
  const part = (start: number, length: number): Value => slice(g, planes, 1, start, length);
  const local = named(g, part(0, LOCAL_NET.features), EXPORTED_VALUES.local);
  const stem = part(LOCAL_NET.features, GLOBAL_NET.stem);
  const predicted = globalNet(g, local, { stem }, source, { position: false, inside });
  appendEvidence(g, { local, predicted, inside }, source, options, ['N', 'rows', 'columns']);
  return g.toModel('sideglance, context', options.metadata);
}
