import { hottestMeans, type Scoring, scoreOf } from '../../src/infer/score.js';
import { byKind, type DefectKind } from '../../src/kinds.js';
import type { HeadNorm } from '../../src/train/export.js';
import { headNorm } from '../../src/train/held-out.js';
import { rawTerms, scaledTerms } from '../../src/train/measure-scores.js';
import { smoothed } from '../accuracy/grid-scorer.js';
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
  readonly #size: MapSize;
  readonly #scales: Readonly<Record<DefectKind, HeadNorm>>;
  readonly #scoring: Scoring;

  /** @param heldOut of good images, by the model as it is without them */
  constructor(variant: Variant, size: MapSize, heldOut: readonly Readings[]) {
    this.#variant = variant;
    this.#size = size;
    const evidence = heldOut.map((readings) => this.#evidenceOf(readings));
    this.#scales = byKind((name) => headNorm(evidence.map((maps) => maps[name])));
    const raw: Scoring = {
      weights: variant.weights,
      terms: rawTerms(variant.terms, size.rows * size.columns),
    };
    const means = evidence.map((maps) => hottestMeans(this.#mapsOf(maps), raw));
    this.#scoring = { ...raw, terms: scaledTerms(raw.terms, variant.terms, means) };
  }

  compose(readings: Readings): { readonly score: number; readonly map: Float32Array } {
    const maps = this.#mapsOf(this.#evidenceOf(readings));
    return {
      score: scoreOf(hottestMeans(maps, this.#scoring), this.#scoring.terms),
      map: maps.position.map((value, cell) => value + maps.context[cell]! + maps.distortion[cell]!),
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
    const { shares, smoothing } = this.#variant;
    const { rows, columns } = this.#size;
    return byKind((kind) => {
      const { centre, spread } = this.#scales[kind];
      const map = evidence[kind].map((value) => (shares[kind] * (value - centre)) / spread);
      return smoothing ? smoothed(map, rows, columns) : map;
    });
  }
}
