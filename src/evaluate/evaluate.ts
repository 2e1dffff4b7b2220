import { basename, join } from 'node:path';
import { SideglanceError } from '../errors.js';
import { decodeImage } from '../image/decode.js';
import { upsampleMap } from '../image/map.js';
import type { AnomalyMap, Picture, Verdict } from '../types.js';
import { type Dataset, GOOD, readMask, type TestImage } from './dataset.js';
import { auroc } from './metrics.js';
import { PixelTally, pixelMetrics } from './pixel-metrics.js';

/** What a scorer says of a picture; the map covers all of it. The verdict, where there is a threshold, is counted too. */
export interface Scored {
  readonly score: number;
  readonly map: AnomalyMap;
  readonly verdict?: Verdict;
}

/** Whatever can be evaluated: a model, or a baseline. */
export interface Scorer<S extends Scored = Scored> {
  /** Scores a whole picture. */
  score(picture: Picture): Promise<S>;
}

/** What the verdicts would mean on the line. */
export interface VerdictCounts {
  /** Good images that do not pass, `invalid` ones included: they would be rejected. */
  readonly falseRejects: number;
  /** Defective images that pass. */
  readonly misses: number;
  /** Images of either kind that could not be judged. */
  readonly invalid: number;
}

export interface GroupMetrics {
  /** Area under the ROC curve over images, exact; null where good or defective images are missing. */
  readonly imageAuroc: number | null;
  readonly pixelAuroc: number | null;
  /** The most that binning can have moved `pixelAuroc`. */
  readonly pixelAurocError: number | null;
  /** Area under the per-region overlap up to 30 % false positive rate, normalised to 0…1. */
  readonly aupro: number | null;
  /** The same up to 5 %. */
  readonly aupro05: number | null;
  /** Test images: all of them, or those with this defect and all good ones. */
  readonly images: number;
  readonly good: number;
  readonly defective: number;
  /** Null where the scorer gives no verdicts. */
  readonly verdicts: VerdictCounts | null;
}

export interface ImageScore {
  /** Relative to the dataset. */
  readonly file: string;
  readonly defect: string;
  readonly score: number;
  readonly verdict: Verdict['result'] | null;
}

export interface Evaluation extends GroupMetrics {
  readonly dataset: string;
  /** Each defect against all good images. */
  readonly perDefect: Readonly<Record<string, GroupMetrics>>;
  /** Why a metric is null, and what else a reader of the figures should know. */
  readonly notes: readonly string[];
  /** Median time of one image from pixels to score and map. */
  readonly msPerImage: number;
  readonly scores: readonly ImageScore[];
}

/** A test image that has just been scored. Its pixels are not kept: whoever needs some of them takes them now. */
export interface EvaluatedImage<S extends Scored = Scored> {
  /** Relative to the dataset. */
  readonly file: string;
  readonly defect: string;
  readonly picture: Picture;
  /** 1 where a pixel is defective; null for a good image. */
  readonly mask: Uint8Array | null;
  readonly scored: S;
  /** The map at the resolution of the picture. */
  readonly pixelScores: Float32Array;
}

export interface EvaluateOptions<S extends Scored = Scored> {
  /** Called after each image. */
  readonly onProgress?: (done: number, total: number, file: string) => void;
  /** Called with each image; the next one waits for it. */
  readonly onImage?: (image: EvaluatedImage<S>) => Promise<void>;
}

/**
 * Scores all test images of a dataset and measures how well the scores separate good from defective, for images and
 * for pixels. Maps are compared with the ground truth at the image's own resolution. Holds one image at a time.
 * @throws SideglanceError `SG_IMAGE_UNREADABLE` and `SG_DATASET_INVALID` for a bad image or mask (a figure over a part
 *   of a dataset would be a different figure); `SG_RUNTIME` where a score is not finite.
 */
export async function evaluateModel<S extends Scored>(
  scorer: Scorer<S>,
  dataset: Dataset,
  options: EvaluateOptions<S> = {},
): Promise<Evaluation> {
  const all: ImageScore[] = [];
  const times: number[] = [];
  const notes: string[] = [];

  const addGroup = async (defect: string, tally: PixelTally): Promise<ImageScore[]> => {
    const group: ImageScore[] = [];
    for (const image of dataset.test.filter((one) => one.defect === defect)) {
      const { score, ms } = await scoreImage(scorer, image, tally, notes, options.onImage);
      group.push(score);
      times.push(ms);
      options.onProgress?.(all.length + group.length, dataset.test.length, score.file);
    }
    all.push(...group);
    return group;
  };

  const goodPixels = new PixelTally();
  const good = await addGroup(GOOD, goodPixels);
  const perDefect: Record<string, GroupMetrics> = {};
  const pixels = new PixelTally();
  const allDefective = new PixelTally();
  const defective: ImageScore[] = [];
  for (const defect of dataset.defects) {
    pixels.clear();
    const group = await addGroup(defect, pixels);
    perDefect[defect] = groupMetrics(good, group, [goodPixels, pixels]);
    allDefective.addAll(pixels);
    defective.push(...group);
  }

  if (good.length === 0) notes.push('there are no good test images: no image AUROC');
  if (defective.length === 0) notes.push('there are no defective test images: no AUROC and no AUPRO');
  return {
    dataset: dataset.name,
    ...groupMetrics(good, defective, [goodPixels, allDefective]),
    perDefect,
    notes,
    msPerImage: median(times),
    scores: all,
  };
}

async function scoreImage<S extends Scored>(
  scorer: Scorer<S>,
  image: TestImage,
  tally: PixelTally,
  notes: string[],
  onImage: EvaluateOptions<S>['onImage'],
): Promise<{ score: ImageScore; ms: number }> {
  const file = join(image.mask === null ? GOOD : image.defect, basename(image.path));
  const picture = await decodeImage(image.path);
  const { width, height } = picture;
  const started = performance.now();
  const scored = await scorer.score(picture);
  const { score, map, verdict } = scored;
  const ms = performance.now() - started;
  if (!Number.isFinite(score) || !map.values.every(Number.isFinite)) {
    throw new SideglanceError('SG_RUNTIME', `the score of ${image.path} is not finite; the model cannot be evaluated`);
  }
  const mask = image.mask === null ? null : await readMask(image.mask, width, height);
  if (mask !== null && !mask.includes(1))
    notes.push(`the mask of ${file} marks no pixel: it counts for the image only`);
  const pixelScores = upsampleMap(map, width, height);
  tally.add(pixelScores, mask, width, height);
  const { defect } = image;
  await onImage?.({ file, defect, picture, mask, scored, pixelScores });
  return { score: { file, defect, score, verdict: verdict?.result ?? null }, ms };
}

function groupMetrics(
  good: readonly ImageScore[],
  defective: readonly ImageScore[],
  tallies: readonly PixelTally[],
): GroupMetrics {
  const scoreOf = ({ score }: ImageScore): number => score;
  return {
    imageAuroc: auroc(good.map(scoreOf), defective.map(scoreOf)),
    ...pixelMetrics(tallies),
    images: good.length + defective.length,
    good: good.length,
    defective: defective.length,
    verdicts: verdictCounts(good, defective),
  };
}

function verdictCounts(good: readonly ImageScore[], defective: readonly ImageScore[]): VerdictCounts | null {
  if ([...good, ...defective].some(({ verdict }) => verdict === null)) return null;
  return {
    falseRejects: good.filter(({ verdict }) => verdict !== 'pass').length,
    misses: defective.filter(({ verdict }) => verdict === 'pass').length,
    invalid: [...good, ...defective].filter(({ verdict }) => verdict === 'invalid').length,
  };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}
