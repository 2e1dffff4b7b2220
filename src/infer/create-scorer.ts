import type { FieldGeometry, ModelFiles } from './contract.js';
import type { LocateSettings } from './locate/locator.js';
import type { Provider, SessionOptions } from './ort/session.js';
import type { Scoring } from './score.js';
import type { RegionScorer } from './scored.js';
import { Scorer } from './scorer.js';
import { FieldScorer } from './tiling/field-scorer.js';
import { fitTiles } from './tiling/tile-sizes.js';

/** What a model is, for whoever runs it; a bundle's manifest says it. */
export interface ModelFacts {
  /** The input of a model that knows one size, else the regions that its scores hold for; in pixels of the model. */
  readonly region: { readonly width: number; readonly height: number };
  readonly stride: number;
  readonly scoring: Scoring;
  /** How a model that runs in tiles does so; it takes regions of any size then. */
  readonly field?: FieldGeometry;
}

export interface CreateScorerOptions
  extends ModelFacts,
    Pick<SessionOptions, 'providers' | 'providerOptions' | 'library' | 'threads'> {
  /** What messages call the model; `the model` when left out. */
  readonly name?: string;
  /** Finds the part first; null where parts lie in one place. */
  readonly locate: LocateSettings | null;
  /** How many regions, or tiles of them, each run takes; 1 when left out. */
  readonly batch?: (provider: Provider) => number;
}

/** @throws SideglanceError as `Scorer.create` and `FieldScorer.create` */
export function createScorer(files: ModelFiles, options: CreateScorerOptions): Promise<RegionScorer> {
  const { region, stride, field, locate, name = 'the model', batch = () => 1, ...runtime } = options;
  if (!field) return Scorer.create(files.model, { ...runtime, ...region, stride, locate, name, batch });
  const cells = { rows: Math.ceil(region.height / stride), columns: Math.ceil(region.width / stride) };
  const settings = { ...field, stride, tiles: fitTiles(cells, field.halo) };
  return FieldScorer.create(files, { ...runtime, settings, name, batch });
}
