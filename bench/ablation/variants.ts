import { type ByKind, byKind, DEFECT_KINDS, type DefectKind } from '../../src/kinds.js';
import { SHARES } from '../../src/train/export.js';
import {
  REACH,
  SCORE_SMOOTHING,
  SCORE_WEIGHTS,
  SPOTS,
  TERMS,
  type TermChoice,
} from '../../src/train/measure-scores.js';
import { POSITION, type PositionSettings } from '../../src/train/position/norm.js';

/** What belongs where, learnt again with other settings: a closed form, no network is trained. */
export const REFITS = {
  ownCovariance: { ...POSITION, neighbourhoodImages: 0 },
  noPosition: { ...POSITION, trusts: [0] },
} as const satisfies Record<string, PositionSettings>;

export type Refit = keyof typeof REFITS;

/** A trained model with one thing changed. */
export interface Variant {
  readonly name: string;
  /** Share of each kind of evidence in the map. */
  readonly shares: ByKind;
  /** What each part of the map counts for in the score. */
  readonly weights: ByKind;
  /** Shares of the hottest cells that make the terms of the score. */
  readonly terms: readonly TermChoice[];
  readonly scale: 'logarithmic' | 'linear';
  /** Gaussians, in pixels of the region: that the score sees the map through, and that the map itself is smoothed with. */
  readonly smoothing: number;
  readonly mapSmoothing: number;
  /** By which norms position is asked; null for those of the model. The networks keep what they were trained with. */
  readonly refit: Refit | null;
}

export const AS_IT_IS: Variant = {
  name: 'as it is',
  shares: SHARES,
  weights: SCORE_WEIGHTS,
  terms: TERMS,
  scale: 'logarithmic',
  smoothing: SCORE_SMOOTHING,
  mapSmoothing: 0,
  refit: null,
};

const EQUAL: ByKind = { position: 1, context: 1, distortion: 1 };

export const VARIANTS: readonly Variant[] = [
  AS_IT_IS,
  ...DEFECT_KINDS.map((name) => changed(`${name} alone`, { shares: alone(name), weights: EQUAL })),
  ...DEFECT_KINDS.map((name) => changed(`without ${name}`, { shares: without(name) })),
  changed(`score: spots only (${percent(SPOTS.share)})`, { terms: [SPOTS] }),
  changed(`score: reach only (${percent(REACH.share)})`, { terms: [REACH] }),
  changed('score: context and distortion count, too', { weights: EQUAL }),
  changed('linear scale', { scale: 'linear' }),
  changed('covariances without their neighbourhood', { refit: 'ownCovariance' }),
  changed('position not trusted', { refit: 'noPosition' }),
  changed('score: of the map as it is, not smoothed', { smoothing: 0 }),
  changed('map smoothed as the score is', { mapSmoothing: SCORE_SMOOTHING }),
];

function changed(name: string, changes: Partial<Variant>): Variant {
  return { ...AS_IT_IS, name, ...changes };
}

function alone(name: DefectKind): Variant['shares'] {
  return byKind((each) => (each === name ? 1 : 0));
}

/** The other shares grow in proportion, to 1 in sum. */
function without(name: DefectKind): Variant['shares'] {
  return byKind((each) => (each === name ? 0 : SHARES[each] / (1 - SHARES[name])));
}

function percent(share: number): string {
  return `${100 * share} %`;
}
