import { batchSize, type InFlight } from './batch.js';
import type { FieldGeometry, ModelFiles } from './contract.js';
import type { LocateSettings } from './locate/locator.js';
import { type OpenGraph, openOnCpu } from './open-graph.js';
import type { Provider } from './ort/session.js';
import type { Scoring } from './score.js';
import type { RegionScorer } from './scored.js';
import { Scorer } from './scorer.js';
import { cover } from './tiling/cover.js';
import { FieldScorer } from './tiling/field-scorer.js';
import { cellsAlong } from './tiling/surface.js';
import { fitTiles, type TileSizes } from './tiling/tile-sizes.js';

/** What a model is, for whoever runs it; a bundle's manifest says it. */
export interface ModelFacts {
  /** The input of a model that knows one size, else the regions that its scores hold for; in pixels of the model. */
  readonly region: { readonly width: number; readonly height: number };
  readonly stride: number;
  readonly scoring: Scoring;
  /** How a model that runs in tiles does so; it takes regions of any size then. */
  readonly field?: FieldGeometry;
}

export interface CreateScorerOptions extends ModelFacts {
  /** What messages call the model; `the model` when left out. */
  readonly name?: string;
  /** Finds the part first; null where parts lie in one place. */
  readonly locate: LocateSettings | null;
  /** Where the model runs, and what loads its graphs there; the CPU, with so many `threads`, when left out. */
  readonly provider?: Provider;
  readonly open?: OpenGraph;
  readonly threads?: number;
  /** How many regions there are in a picture, which share batches on a GPU; 1 when left out. */
  readonly regions?: number;
  /** What a run may hold on a GPU; no limit when left out. */
  readonly gpuMemoryMb?: number;
}

/** @throws SideglanceError as `Scorer.create`, `FieldScorer.create` and `batchSize` */
export async function createScorer(files: ModelFiles, options: CreateScorerOptions): Promise<RegionScorer> {
  const { region, stride, scoring, field, locate, name = 'the model', provider = 'cpu', threads } = options;
  const { open = openOnCpu(threads), regions = 1, gpuMemoryMb } = options;
  const inFlight = inFlightOf(files, options);
  const tiles = field && tilesFor(options, field);
  const wanted = regions * (tiles ? tileCount(options, tiles) : 1);
  const batch = batchSize({ provider, wanted, inFlight, name, ...(gpuMemoryMb !== undefined && { gpuMemoryMb }) });
  const common = { scoring, name, open, batch };
  if (!field || !tiles) return Scorer.create(files.model, { ...common, ...region, stride, locate });
  return FieldScorer.create(files, { ...common, settings: { ...field, stride, tiles } });
}

/** What a run of a model holds when it takes one region, or one tile. */
export function inFlightOf(files: ModelFiles, facts: Pick<ModelFacts, 'region' | 'stride' | 'field'>): InFlight {
  const { region, stride, field } = facts;
  const modelBytes = files.model.byteLength + (files.context?.byteLength ?? 0);
  if (!field) return { pixels: region.width * region.height, cells: 0, modelBytes };
  const { features, context } = tilesFor(facts, field);
  const pixels = (cells: number) => cells * stride + 2 * field.border;
  return {
    pixels: pixels(features.rows) * pixels(features.columns),
    cells: context.rows * context.columns,
    modelBytes,
  };
}

function tilesFor({ region, stride }: Pick<ModelFacts, 'region' | 'stride'>, { halo }: FieldGeometry): TileSizes {
  return fitTiles({ rows: cellsAlong(region.height, stride), columns: cellsAlong(region.width, stride) }, halo);
}

/** Of a region. */
function tileCount({ region, stride }: Pick<ModelFacts, 'region' | 'stride'>, { features }: TileSizes): number {
  const along = (side: number, tile: number) => cover(cellsAlong(side, stride), tile, 0).length;
  return along(region.width, features.columns) * along(region.height, features.rows);
}
