import type { Pieces } from '../../pieces.js';
import type { Box, Picture } from '../../types.js';
import { CoarseSearch } from './coarse-search.js';
import { type Pose, uprightPose } from './pose.js';
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
  /** How far a part may lie from where it should, in shares of the longer side and in radians, to be found nearby. */
  reach: 0.06,
  turnReach: 0.12,
} as const;

/** `everywhere`: the part lies anywhere, at any turn; `nearby`: where the template has it, give or take the play of a fixture. */
export const SEARCHES = ['everywhere', 'nearby'] as const;
export type Search = (typeof SEARCHES)[number];

/** What a model needs to find its part. */
export interface LocateSettings {
  readonly search: Search;
  readonly template: Relief;
  /** Sides, in template pixels, of the window around the template's centre that the model looks at. */
  readonly window: { readonly width: number; readonly height: number };
  /** Below, it is not found. */
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
 * in low resolution, then Gauss-Newton steps on the best few of them, in steps of resolution; nearby, the steps alone. Light may
 * change in strength and direction; size and perspective may not. One core, no allocation that grows, one picture at a time.
 */
export class Locator {
  readonly #relief: ReliefMaker;
  /** Null where the part is looked for nearby. */
  readonly #search: CoarseSearch | null;
  /** Relief pixels to one of the middle resolution. */
  readonly #half: number;
  readonly #coarse: Refiner | null;
  readonly #middle: Refiner;
  readonly #fine: Refiner;

  /** @param template the relief of a part that lies as it should, usually the mean over many parts */
  constructor(template: Relief, search: Search) {
    this.#relief = new ReliefMaker(template);
    this.#search = search === 'everywhere' ? new CoarseSearch(template) : null;
    this.#coarse = this.#search && new Refiner(shrinkRelief(template, this.#search.factor));
    this.#half = (this.#search?.factor ?? 3) > 2 ? 2 : 1;
    this.#middle = new Refiner(shrinkRelief(template, this.#half));
    this.#fine = new Refiner(template);
  }

  /** @throws SideglanceError as `resampleToRgb` */
  *locate(picture: Picture, region: Box): Pieces<Located> {
    const relief = this.#relief.make(picture, region);
    yield;
    return yield* this.find(relief);
  }

  /** The same for a relief of the template's size that is there already. */
  *find(relief: Relief): Pieces<Located> {
    const middle = shrinkRelief(relief, this.#half);
    const fits: Fit[] = [];
    for (const place of yield* this.#placesIn(relief, middle)) {
      yield;
      fits.push(this.#middle.refine(middle, place, LOCATOR.middleSteps));
    }
    const best = fits.sort(bySimilarity)[0] as Fit;
    yield;
    const from = shrinkPose(best, middle, relief, 1 / this.#half);
    const { similarity, ...pose } = this.#fine.refine(relief, from, LOCATOR.fineSteps);
    if (this.#search || isNear(pose, relief)) return { pose, similarity };
    const upright = uprightPose(relief);
    return { pose: upright, similarity: this.similarityAt(relief, upright) };
  }

  /** How well a relief fits at just this pose. */
  similarityAt(relief: Relief, pose: Pose): number {
    return this.#fine.similarityAt(relief, pose);
  }

  /** Where to look closer, in pixels of the middle resolution. */
  *#placesIn(relief: Relief, middle: Relief): Pieces<Pose[]> {
    if (!this.#search || !this.#coarse) return [uprightPose(middle)];
    const { factor } = this.#search;
    const refiner = this.#coarse;
    const coarse = shrinkRelief(relief, factor);
    const candidates = this.#search.search(coarse, LOCATOR.candidates);
    yield;
    const fits = candidates.map((candidate) => refiner.refine(coarse, candidate, LOCATOR.coarseSteps));
    yield;
    return distinct(fits.sort(bySimilarity))
      .slice(0, LOCATOR.finalists)
      .map((fit) => shrinkPose(fit, coarse, middle, this.#half / factor));
  }
}

/** Whether a pose can be the play of a fixture. */
function isNear({ turn, x, y }: Pose, { width, height }: Relief): boolean {
  const shift = Math.hypot(x - width / 2, y - height / 2);
  return shift <= LOCATOR.reach * Math.max(width, height) && Math.abs(turn) <= LOCATOR.turnReach;
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
