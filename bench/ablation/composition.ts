import { smoothMap } from '../../src/image/map.js';
import { hottestMeans, type Scoring, scoreOf } from '../../src/infer/score.js';
import { byKind, type DefectKind } from '../../src/kinds.js';
import type { HeadNorm } from '../../src/train/export.js';
import { headNorm } from '../../src/train/held-out.js';
import { rawTerms, scaledTerms } from '../../src/train/measure-scores.js';
import { LOCAL_NET } from '../../src/train/networks/local-net.js';
import type { EvidenceMaps, Readings } from './evidence.js';
import type { Variant } from './variants.js';

export interface MapSize {
  readonly rows: number;
  readonly columns: number;
}

/** The evidence of which the exported graph takes the logarithm; `distortion` is a logit. */
const LOGARITHMS: ReadonlySet<DefectKind> = new Set(['position', 'context']);

/**
 * How a variant makes map and score of the evidence: what the exported graph (`src/train/export.ts`) and the scorer
 * (`src/infer/score.ts`) do, with scales measured again on held-out good images.
 */
export class Composition {
  readonly #variant: Variant;
  readonly #grid: MapSize & { readonly cell: number };
  readonly #scales: Readonly<Record<DefectKind, HeadNorm>>;
  readonly #scoring: Scoring;

  /** @param heldOut of good images, by the model as it is without them */
  constructor(variant: Variant, size: MapSize, heldOut: readonly Readings[]) {
    this.#variant = variant;
    this.#grid = { ...size, cell: LOCAL_NET.stride };
    const evidence = heldOut.map((readings) => this.#evidenceOf(readings));
    this.#scales = byKind((name) => headNorm(evidence.map((maps) => maps[name])));
    const raw: Scoring = {
      smoothing: variant.smoothing,
      weights: variant.weights,
      terms: rawTerms(variant.terms, size.rows * size.columns),
    };
    const means = evidence.map((maps) => hottestMeans({ ...this.#grid, ...this.#mapsOf(maps) }, raw));
    this.#scoring = { ...raw, terms: scaledTerms(raw.terms, variant.terms, means) };
  }

  compose(readings: Readings): { readonly score: number; readonly map: Float32Array } {
    const maps = this.#mapsOf(this.#evidenceOf(readings));
    const values = maps.position.map((value, cell) => value + maps.context[cell]! + maps.distortion[cell]!);
    return {
      score: scoreOf(hottestMeans({ ...this.#grid, ...maps }, this.#scoring), this.#scoring.terms),
      map: smoothMap({ ...this.#grid, values }, this.#variant.mapSmoothing),
    };
  }

  #evidenceOf(readings: Readings): EvidenceMaps {
    const { refit, scale } = this.#variant;
    const maps = readings[refit ?? 'trained'];
    if (scale === 'logarithmic') return maps;
    return byKind((name) => (LOGARITHMS.has(name) ? maps[name].map(Math.exp) : maps[name]));
  }

  /** What each kind contributes to the map. */
  #mapsOf(evidence: EvidenceMaps): Readonly<Record<DefectKind, Float32Array>> {
    const { shares } = this.#variant;
    return byKind((kind) => {
      const { centre, spread } = this.#scales[kind];
      return evidence[kind].map((value) => (shares[kind] * (value - centre)) / spread);
    });
  }
}
