import { SideglanceError } from '../errors.js';
import { smoothMap } from '../image/map.js';
import { type ByKind, DEFECT_KINDS } from '../kinds.js';
import { select } from '../select.js';
import type { HeadMaps } from './defects.js';

/** How a model's maps become the score of an image. */
export interface Scoring {
  /** Standard deviation of a Gaussian, in input pixels, that the score sees the maps through: one cell alone may be noise. */
  readonly smoothing: number;
  /** What each kind of evidence counts for in the score; in the map each counts for 1. */
  readonly weights: ByKind;
  /** The score is the sum of these: a small one for the worst spot, a larger one for how far the strangeness reaches. */
  readonly terms: ScoreTerm[];
}

/** (mean of so many hottest cells − centre) / spread */
export interface ScoreTerm {
  /** Where there is a share, at most so many. */
  readonly cells: number;
  /** Of the region's cells, for a model that takes regions of any size. */
  readonly share?: number;
  readonly centre: number;
  readonly spread: number;
}

/** The contribution of each kind of evidence, in each cell. */
export type EvidenceMaps = Omit<HeadMaps, 'score' | 'inputWidth' | 'inputHeight'>;

/** Means of the hottest cells of an image, one for each term. NaN where a map holds a NaN. */
export function hottestMeans(maps: EvidenceMaps, { smoothing, weights, terms }: Scoring): readonly number[] {
  const weighted = new Float32Array(maps.position.length);
  for (const kind of DEFECT_KINDS) {
    const [map, weight] = [maps[kind], weights[kind]];
    if (weight !== 0) for (let cell = 0; cell < weighted.length; cell += 1) weighted[cell]! += weight * map[cell]!;
  }
  const smoothed = smoothMap({ ...maps, values: weighted }, smoothing);
  if (smoothed.some(Number.isNaN)) return terms.map(() => Number.NaN);
  return terms.map((term) => meanOfHottest(smoothed, cellsOf(term, smoothed.length)));
}

/** Fewer hottest cells are not asked for: one alone may be a speck of dust. */
export const LEAST_CELLS = 2;

function cellsOf({ cells, share }: ScoreTerm, all: number): number {
  return share === undefined ? cells : Math.min(cells, Math.max(LEAST_CELLS, Math.round(share * all)));
}

/**
 * The score of an image, and the means of its hottest cells that it comes from.
 * @throws SideglanceError `SG_RUNTIME` where a map holds values that are not finite
 */
export function scoreMaps(
  maps: EvidenceMaps,
  scoring: Scoring,
  { name, provider }: { readonly name: string; readonly provider: string },
): { readonly score: number; readonly means: readonly number[] } {
  const means = hottestMeans(maps, scoring);
  const score = scoreOf(means, scoring.terms);
  if (Number.isFinite(score)) return { score, means };
  throw new SideglanceError(
    'SG_RUNTIME',
    `${name} gave values that are not finite (score ${score}) on ${provider}; ` +
      'run `sideglance doctor` and train the model again if it stays',
  );
}

/** The score of an image, from the means of its hottest cells. */
export function scoreOf(means: readonly number[], terms: readonly ScoreTerm[]): number {
  return terms.reduce((score, { centre, spread }, index) => score + (means[index]! - centre) / spread, 0);
}

/** Rearranges the values. */
function meanOfHottest(values: Float32Array, count: number): number {
  const start = Math.max(0, values.length - count);
  select(values, start);
  // In one order, so that equal maps give equal means to the last bit.
  const hottest = values.subarray(start).sort();
  return hottest.reduce((sum, value) => sum + value, 0) / hottest.length;
}

/** The index of the hottest cell. */
export function hottestCell(values: Float32Array): number {
  let hottest = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[hottest]!) hottest = i;
  return hottest;
}
