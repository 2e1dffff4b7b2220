import { decodeImage } from '../image/decode.js';
import type { LocateSettings } from '../infer/locate/locator.js';
import type { ScoreTerm, Scoring } from '../infer/score.js';
import { Scorer } from '../infer/scorer.js';
import { LOCAL_NET } from './networks/local-net.js';
import { pictureOf } from './raster.js';
import type { GoodImage } from './strange-images.js';

/**
 * The score of an image says how strange its strangest spots are, and how far strangeness reaches: a small defect shows in
 * the first share of its cells, a part that is soiled or worn all over in the second.
 */
export const TOP_SHARES = { spotsAndReach: [0.003, 0.1], spots: [0.003] } as const;

/** Fewer hottest cells are not asked for: one alone may be a speck of dust. */
const LEAST_CELLS = 2;

/** A trained model, whose scores have not been measured yet. */
export interface TrainedHeads {
  readonly model: Uint8Array;
  readonly steps: number;
  /** What each kind of evidence counts for in the score. */
  readonly weights: Scoring['weights'];
  /** Shares of the hottest cells that make the terms of the score. */
  readonly shares: readonly number[];
}

export interface MeasureScoresOptions extends Pick<TrainedHeads, 'model' | 'weights' | 'shares'> {
  readonly width: number;
  readonly height: number;
  /** Good images that the model was not trained from, at least two. */
  readonly images: readonly GoodImage[];
  readonly threads: number;
  readonly locate: LocateSettings | null;
}

export interface MeasuredScores {
  readonly scoring: Scoring;
  /** Score and hottest cell of each image. */
  readonly good: readonly { readonly score: number; readonly hottest: number }[];
}

/** Brings the terms of a model's score to one scale, and scores the images by the way of every inspection. */
export async function measureScores(options: MeasureScoresOptions): Promise<MeasuredScores> {
  const cells = (options.width / LOCAL_NET.stride) * (options.height / LOCAL_NET.stride);
  const measured: { term: ScoreTerm; values: number[]; hottest: number[] }[] = [];
  for (const share of options.shares) {
    const raw = { cells: Math.max(LEAST_CELLS, Math.round(share * cells)), centre: 0, spread: 1 };
    const { values, hottest } = await scoresOf(options, raw);
    const centre = meanOf(values);
    const variance = meanOf(values.map((value) => (value - centre) ** 2));
    measured.push({ term: { ...raw, centre, spread: Math.max(1e-3, Math.sqrt(variance)) }, values, hottest });
  }
  return {
    scoring: { weights: options.weights, terms: measured.map(({ term }) => term) },
    good: options.images.map((_, index) => ({
      score: measured.reduce((sum, { term, values }) => sum + (values[index]! - term.centre) / term.spread, 0),
      hottest: measured[0]!.hottest[index]!,
    })),
  };
}

async function scoresOf(
  { model, width, height, images, weights, threads, locate }: MeasureScoresOptions,
  term: ScoreTerm,
): Promise<{ values: number[]; hottest: number[] }> {
  const scoring = { weights, terms: [term] };
  const scorer = await Scorer.create(model, { width, height, stride: LOCAL_NET.stride, scoring, threads, locate });
  try {
    const values: number[] = [];
    const hottest: number[] = [];
    for (const image of images) {
      const picture = locate ? await decodeImage(image.file) : pictureOf(image);
      const { score, maps } = await scorer.score(picture, { x: 0, y: 0, width: picture.width, height: picture.height });
      values.push(score);
      hottest.push(maps.score.reduce((a, b) => Math.max(a, b)));
    }
    return { values, hottest };
  } finally {
    await scorer.close();
  }
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
