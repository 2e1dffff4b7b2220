import { decodeImage } from '../image/decode.js';
import type { FieldGeometry, ModelFiles } from '../infer/contract.js';
import { createScorer } from '../infer/create-scorer.js';
import type { LocateSettings } from '../infer/locate/locator.js';
import { LEAST_CELLS, type ScoreTerm, type Scoring, scoreOf } from '../infer/score.js';
import { scoreOne } from '../infer/scored.js';
import type { ByKind } from '../kinds.js';
import type { ExportOptions } from './export.js';
import { LOCAL_NET } from './networks/local-net.js';
import type { PositionNorm } from './position/norm.js';
import { pictureOf } from './raster.js';
import type { GoodImage } from './strange-images.js';

/** A term of the score: the mean of this share of the cells, the hottest ones, and what it counts for. */
export interface TermChoice {
  readonly share: number;
  /** Where regions may be large: no more cells than this. A defect does not grow with the region. */
  readonly mostCells?: number;
  readonly weight: number;
}

/** How strange the strangest spots of an image are: small defects. */
export const SPOTS: TermChoice = { share: 0.003, weight: 1 };
/** How far strangeness reaches: a part that is soiled or worn all over. */
export const REACH: TermChoice = { share: 0.2, weight: 0.5 };
export const TERMS: readonly TermChoice[] = [SPOTS, REACH];
/** For a surface: as many cells as `SPOTS` has of 512 × 512 pixels, however large the region. */
export const FIELD_TERMS: readonly TermChoice[] = [{ ...SPOTS, mostCells: 12 }];

/** Gaussian that the score sees the maps through, in pixels of the region: half a cell. The map itself is better without. */
export const SCORE_SMOOTHING = 4;

/** What each kind of evidence counts for in the score. Position tells good from bad parts best; the rest shows where. */
export const SCORE_WEIGHTS: ByKind = { position: 1, context: 0, distortion: 0 };

/** The same for a surface, where no place is special: docs/decisions.md, "Surfaces and large frames". */
export const FIELD_WEIGHTS: ByKind = { position: 0, context: 1, distortion: 1 };

/** Good images, with the model as it is without them. */
export interface Fold {
  readonly files: ModelFiles;
  readonly images: readonly GoodImage[];
}

/** What the files of a model are exported from. */
export interface ExportedParts {
  /** With the norm without the first fold, on whose images the scales were measured. */
  readonly unseen: ExportOptions;
  /** The norm of the model itself. */
  readonly all: PositionNorm;
}

/** A trained model, whose scores have not been measured yet. */
export interface TrainedHeads {
  readonly files: ModelFiles;
  readonly parts?: ExportedParts;
  /** The first normalises, the others calibrate; a single one has to do for both. */
  readonly folds: readonly Fold[];
  readonly steps: number;
  /** What each kind of evidence counts for in the score. */
  readonly weights: Scoring['weights'];
  readonly smoothing: Scoring['smoothing'];
  readonly terms: readonly TermChoice[];
}

export interface MeasureScoresOptions extends Omit<TrainedHeads, 'files' | 'parts' | 'steps'> {
  /** What is scored, in pixels of the model. */
  readonly width: number;
  readonly height: number;
  readonly threads: number;
  readonly locate: LocateSettings | null;
  /** How the model runs in tiles; null where its input is the whole region. */
  readonly field: FieldGeometry | null;
}

/** What good images say that the model, as it was then, had never seen. */
export interface MeasuredScores {
  readonly scoring: Scoring;
  /** Of the images that calibrate. */
  readonly scores: readonly number[];
  /** The hottest cell of each image that normalises. */
  readonly hottest: readonly number[];
}

/** What a manifest can hold: a fifth of a region of 12,000 × 12,000 pixels has fewer. */
const MOST_TERM_CELLS = 1_000_000;

/** More good images than this are not scored: they would say little more. */
const MOST_PER_FOLD = 500;

/**
 * Brings the terms of a model's score to one scale by the images of the first fold, and scores those of the others with
 * it, by the way of every inspection (cross-conformal prediction: Vovk 2015).
 */
export async function measureScores({
  folds,
  weights,
  smoothing,
  terms: choices,
  ...options
}: MeasureScoresOptions): Promise<MeasuredScores> {
  const cells = (options.width / LOCAL_NET.stride) * (options.height / LOCAL_NET.stride);
  const raw = options.field ? rawFieldTerms(choices) : rawTerms(choices, cells);
  const seen: Scored[][] = [];
  for (const fold of folds) seen.push(await scoreFold(fold, { smoothing, weights, terms: raw }, options));
  const normalising = seen[0]!;
  const calibrating = seen.length > 1 ? seen.slice(1).flat() : normalising;
  const terms = scaledTerms(
    raw,
    choices,
    normalising.map(({ means }) => means),
  );
  return {
    scoring: { smoothing, weights, terms },
    scores: calibrating.map(({ means }) => scoreOf(means, terms)),
    hottest: normalising.map(({ hottest }) => hottest),
  };
}

interface Scored {
  /** Of the hottest cells, for each term. */
  readonly means: readonly number[];
  readonly hottest: number;
}

async function scoreFold(
  { files, images }: Fold,
  scoring: Scoring,
  { width, height, threads, locate, field }: Omit<MeasureScoresOptions, 'folds' | 'weights' | 'smoothing' | 'terms'>,
): Promise<Scored[]> {
  const facts = { region: { width, height }, stride: LOCAL_NET.stride, scoring, ...(field && { field }) };
  const scorer = await createScorer(files, { ...facts, threads, locate });
  try {
    const results: Scored[] = [];
    for (const image of oneOfEachFile(images).slice(0, MOST_PER_FOLD)) {
      const picture = locate || field ? await decodeImage(image.file) : pictureOf(image);
      const whole = { x: 0, y: 0, width: picture.width, height: picture.height };
      const { means, maps } = await scoreOne(scorer, picture, whole);
      results.push({ means, hottest: maps.score.reduce((a, b) => Math.max(a, b)) });
    }
    return results;
  } finally {
    await scorer.close();
  }
}

/** Of a surface, several pieces of one file are learnt from. */
function oneOfEachFile(images: readonly GoodImage[]): GoodImage[] {
  return [...new Map(images.map((image) => [image.file, image])).values()];
}

/** The terms of a score before they are brought to one scale. */
export function rawTerms(choices: readonly TermChoice[], cells: number): ScoreTerm[] {
  return choices.map(({ share }) => ({
    cells: Math.max(LEAST_CELLS, Math.round(share * cells)),
    centre: 0,
    spread: 1,
  }));
}

/** The same where regions may have any size. */
function rawFieldTerms(choices: readonly TermChoice[]): ScoreTerm[] {
  return choices.map(({ share, mostCells = MOST_TERM_CELLS }) => ({ cells: mostCells, share, centre: 0, spread: 1 }));
}

/**
 * Brings the terms to one scale, and weighs them.
 *
 * @param means of the hottest cells of each good image, for each term
 */
export function scaledTerms(
  raw: readonly ScoreTerm[],
  choices: readonly TermChoice[],
  means: readonly (readonly number[])[],
): ScoreTerm[] {
  return raw.map((term, index) => {
    const { centre, deviation } = momentsOf(means.map((one) => one[index]!));
    return { ...term, centre, spread: Math.max(1e-3, deviation) / choices[index]!.weight };
  });
}

function momentsOf(values: readonly number[]): { centre: number; deviation: number } {
  const mean = (of: readonly number[]) => of.reduce((sum, value) => sum + value, 0) / of.length;
  const centre = mean(values);
  return { centre, deviation: Math.sqrt(mean(values.map((value) => (value - centre) ** 2))) };
}
