import type { Box, Picture } from '../../types.js';
import { CoarseSearch } from './coarse-search.js';
import type { Pose } from './pose.js';
import { type Fit, Refiner } from './refine.js';
import { type Relief, ReliefMaker } from './relief.js';
import { shrinkPose, shrinkRelief } from './relief-grid.js';

export const LOCATOR = {
  /** Places of the coarse search that are looked at closer. */
  candidates: 8,
  coarseSteps: 5,
  /** Of these, so many are looked at in full resolution. */
  finalists: 2,
  fineSteps: 12,
} as const;

/** What a model needs to find its part. */
export interface LocateSettings {
  readonly template: Relief;
  /** Below, there is no part. */
  readonly minimumSimilarity: number;
}

/** Where the part was found. */
export interface Located {
  /** In pixels of the model's input. */
  readonly pose: Pose;
  /** Correlation with the template, both locally normalised: 1 for the same picture, about 0 for one without the part. */
  readonly similarity: number;
}

/**
 * Finds where a part lies in a region, by comparing reliefs with that of a template: a search over all places and turns
 * in low resolution, then Gauss-Newton steps on the best few of them. Light may change in strength and direction; size
 * and perspective may not. One core, no allocation that grows, not re-entrant.
 */
export class Locator {
  readonly #scaleX: number;
  readonly #scaleY: number;
  readonly #relief: ReliefMaker;
  readonly #search: CoarseSearch;
  readonly #coarse: Refiner;
  readonly #fine: Refiner;

  /**
   * @param template the relief of a part that lies as it should, usually the mean over many parts
   * @param input the size of the model's input, in whose pixels poses are
   */
  constructor(template: Relief, input: { readonly width: number; readonly height: number }) {
    this.#scaleX = input.width / template.width;
    this.#scaleY = input.height / template.height;
    this.#relief = new ReliefMaker(template);
    this.#search = new CoarseSearch(template);
    this.#coarse = new Refiner(shrinkRelief(template, this.#search.factor));
    this.#fine = new Refiner(template);
  }

  /** @throws SideglanceError as `resampleToRgb` */
  locate(picture: Picture, region: Box): Located {
    return this.find(this.#relief.make(picture, region));
  }

  /** The same for a relief of the template's size that is there already. */
  find(relief: Relief): Located {
    const { factor } = this.#search;
    const coarse = shrinkRelief(relief, factor);
    const fits = this.#search
      .search(coarse, LOCATOR.candidates)
      .map((candidate) => this.#coarse.refine(coarse, candidate, LOCATOR.coarseSteps))
      .sort(bySimilarity);
    const best = distinct(fits)
      .slice(0, LOCATOR.finalists)
      .map((fit) => this.#fine.refine(relief, shrinkPose(fit, coarse, relief, 1 / factor), LOCATOR.fineSteps))
      .sort(bySimilarity)[0] as Fit;
    const { turn, x, y, similarity } = best;
    return { pose: { turn, x: x * this.#scaleX, y: y * this.#scaleY }, similarity };
  }

  /** How well a relief fits where `pose`, in pixels of the model's input, says. */
  similarityAt(relief: Relief, { turn, x, y }: Pose): number {
    return this.#fine.similarityAt(relief, { turn, x: x / this.#scaleX, y: y / this.#scaleY });
  }
}

function bySimilarity(a: Fit, b: Fit): number {
  return b.similarity - a.similarity;
}

/** Without those that came to the same place as a better one before them. */
function distinct(fits: readonly Fit[]): Fit[] {
  const kept: Fit[] = [];
  for (const fit of fits) {
    const same = (one: Fit) =>
      Math.hypot(one.x - fit.x, one.y - fit.y) < 2 && Math.cos(one.turn - fit.turn) > Math.cos(0.1);
    if (!kept.some(same)) kept.push(fit);
  }
  return kept;
}
