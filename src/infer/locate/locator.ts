import type { Box, Picture } from '../../types.js';
import { CoarseSearch } from './coarse-search.js';
import type { Pose } from './pose.js';
import { type Fit, Refiner } from './refine.js';
import { type Relief, ReliefMaker } from './relief.js';
import { shrinkPose, shrinkRelief } from './relief-grid.js';

export const LOCATOR = {
  /** Places of the coarse search that are looked at closer, and how often each. */
  candidates: 8,
  coarseSteps: 5,
  /** The best of these are looked at in half the resolution, */
  finalists: 2,
  middleSteps: 8,
  /** and the better one of them in full. */
  fineSteps: 6,
} as const;

/** What a model needs to find its part. */
export interface LocateSettings {
  readonly template: Relief;
  /** Sides, in template pixels, of the window around the template's centre that the model looks at. */
  readonly window: { readonly width: number; readonly height: number };
  /** Below, there is no part. */
  readonly minimumSimilarity: number;
}

/** Where the part was found. */
export interface Located {
  readonly pose: Pose;
  /** Correlation with the template, both locally normalised: 1 for the same picture, about 0 for one without the part. */
  readonly similarity: number;
}

/**
 * Finds where a part lies in a region, by comparing reliefs with that of a template: a search over all places and turns
 * in low resolution, then Gauss-Newton steps on the best few of them, in steps of resolution. Light may change in
 * strength and direction; size and perspective may not. One core, no allocation that grows, not re-entrant.
 */
export class Locator {
  readonly #relief: ReliefMaker;
  readonly #search: CoarseSearch;
  /** Relief pixels to one of the middle resolution. */
  readonly #half: number;
  readonly #coarse: Refiner;
  readonly #middle: Refiner;
  readonly #fine: Refiner;

  /** @param template the relief of a part that lies as it should, usually the mean over many parts */
  constructor(template: Relief) {
    this.#relief = new ReliefMaker(template);
    this.#search = new CoarseSearch(template);
    this.#coarse = new Refiner(shrinkRelief(template, this.#search.factor));
    this.#half = this.#search.factor > 2 ? 2 : 1;
    this.#middle = new Refiner(shrinkRelief(template, this.#half));
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
    const middle = shrinkRelief(relief, this.#half);
    const fits = this.#search
      .search(coarse, LOCATOR.candidates)
      .map((candidate) => this.#coarse.refine(coarse, candidate, LOCATOR.coarseSteps))
      .sort(bySimilarity);
    const best = distinct(fits)
      .slice(0, LOCATOR.finalists)
      .map((fit) =>
        this.#middle.refine(middle, shrinkPose(fit, coarse, middle, this.#half / factor), LOCATOR.middleSteps),
      )
      .sort(bySimilarity)[0] as Fit;
    const from = shrinkPose(best, middle, relief, 1 / this.#half);
    const { similarity, ...pose } = this.#fine.refine(relief, from, LOCATOR.fineSteps);
    return { pose, similarity };
  }

  /** How well a relief fits at just this pose. */
  similarityAt(relief: Relief, pose: Pose): number {
    return this.#fine.similarityAt(relief, pose);
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
