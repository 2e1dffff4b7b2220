import { type Calibration, calibrate } from '../infer/calibration.js';
import type { Scoring } from '../infer/score.js';
import { Random } from '../random.js';
import { ALIGNED_PARTS, weakened } from './augment.js';
import { backboneWeights } from './backbone-weights.js';
import { trainContext } from './context-training.js';
import type { TrainEvent } from './events.js';
import { type ExportOptions, exportModel } from './export.js';
import { type GoodImages, readGoodImages } from './good-images.js';
import { type HeldOut, measureHeldOut } from './held-out.js';
import { learnPositions } from './learn-positions.js';
import {
  type ExportedParts,
  measureScores,
  SCORE_SMOOTHING,
  SCORE_WEIGHTS,
  TERMS,
  type TrainedHeads,
} from './measure-scores.js';
import { trainPaper } from './paper/train.js';
import { describePlacement, type PlacementChoice } from './placement.js';
import type { Raster } from './raster.js';
import { Schedule } from './schedule.js';
import { type GoodImage, warnOfPixels } from './strange-images.js';

/** `paper`: the method as it was published, patch by patch, to compare with (paper/settings.ts). */
export type TrainMethod = 'sideglance' | 'paper';

export interface TrainModelOptions {
  readonly method?: TrainMethod;
  /** A folder of good images, or an MVTec category, of which only `train/good` is read. */
  readonly images: string;
  readonly seed: number;
  /** How long to train: `steps` of the context phase, else `minutes` for everything. */
  readonly steps?: number;
  readonly minutes?: number;
  /** Side of a square with as many pixels as the region that the model will see. */
  readonly size: number;
  /** How parts lie in the images; they say so themselves by default. */
  readonly placement?: PlacementChoice;
  readonly threads: number;
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: TrainEvent) => void;
}

export interface TrainedModel {
  readonly model: Uint8Array;
  /** To export it again with other settings; null for the paper's method. */
  readonly parts: ExportedParts | null;
  readonly width: number;
  readonly height: number;
  readonly scoring: Scoring;
  readonly calibration: Calibration;
  /** To be closed when it is no longer needed. */
  readonly good: GoodImages;
  readonly steps: number;
  readonly seconds: number;
}

/** Settings that are one for all products. */
export const TRAINING = {
  batch: 8,
  learningRate: 2e-3,
  minutes: 5,
  /** Augmentation is as strong as it may be up to this many training images, and weaker in proportion beyond: they vary themselves. */
  augmentedImages: 40,
  /** Regions of more pixels have fewer folds: the statistics of each are kept. */
  manyPixels: 512 * 512,
} as const;

/** Trains a model from good images alone (docs/method.md). Writes nothing. */
export async function trainModel(options: TrainModelOptions): Promise<TrainedModel> {
  const { signal, placement } = options;
  const emit = options.onEvent ?? (() => undefined);
  const schedule = new Schedule({
    minutes: options.minutes ?? TRAINING.minutes,
    ...(options.steps === undefined ? {} : { steps: options.steps }),
    ...(signal ? { signal } : {}),
    onEvent: emit,
  });
  const random = new Random(options.seed);
  emit({ type: 'phase', text: `reading good images from ${options.images}` });
  const good = await readGoodImages(options.images, options.size, random, {
    ...(placement && { placement }),
    ...(signal && { signal }),
  });
  try {
    return await trainFrom(good, { options, schedule, random, emit });
  } catch (thrown) {
    good.close();
    throw thrown;
  }
}

interface TrainFromOptions {
  readonly options: TrainModelOptions;
  readonly schedule: Schedule;
  readonly random: Random;
  readonly emit: (event: TrainEvent) => void;
}

async function trainFrom(
  good: GoodImages,
  { options, schedule, random, emit }: TrainFromOptions,
): Promise<TrainedModel> {
  const { threads, signal, method = 'sideglance' } = options;
  emit({ type: 'phase', text: describePlacement(good.learnt) });
  for (const skipped of good.skipped) emit({ type: 'skipped', ...skipped });
  const { width, height, training, heldOut } = good;
  for (const warning of warnOfPixels([...training, ...heldOut])) emit({ type: 'warning', ...warning });
  const common = {
    training,
    heldOut,
    random,
    threads,
    schedule,
    emit,
    ...(signal ? { signal } : {}),
  };
  const {
    model,
    parts = null,
    steps,
    ...heads
  } = method === 'paper' ? await trainPaper(common) : await trainHeads(common);
  emit({ type: 'phase', text: 'scoring good images, each by a model that has not seen it' });
  const { scoring, scores, hottest } = await measureScores({ ...heads, width, height, threads, locate: good.locate });
  const calibration = calibrate(scores, hottest);
  emit({ type: 'calibrated', ...calibration });
  return { model, parts, width, height, scoring, calibration, good, steps, seconds: schedule.seconds };
}

interface TrainHeadsOptions {
  readonly training: readonly GoodImage[];
  readonly heldOut: readonly GoodImage[];
  readonly random: Random;
  readonly threads: number;
  readonly schedule: Schedule;
  readonly emit: (event: TrainEvent) => void;
  readonly signal?: AbortSignal;
}

/** Everything behind Local-Net: position, Global-Net, the distortion head, and the scales of the heads. */
async function trainHeads(options: TrainHeadsOptions): Promise<TrainedHeads> {
  const { training, heldOut, random, threads, schedule, emit, signal } = options;
  const { width, height } = training[0] as Raster;
  const backbone = backboneWeights();
  const folds = [heldOut, ...split(training, foldsOf(width, height) - 1)];
  const count = training.length + heldOut.length;
  emit({ type: 'phase', text: `learning what belongs where: ${count} images of ${width} × ${height}` });
  const { all, without } = await learnPositions(backbone, {
    folds,
    threads,
    emit,
  });
  const unseen = without[0]!;

  // Before the first step there is no model worth keeping.
  signal?.throwIfAborted();
  emit({ type: 'phase', text: 'training Global-Net and the distortion head' });
  const { weights, steps } = await trainContext({
    images: training,
    localNet: backbone,
    norm: unseen,
    batch: TRAINING.batch,
    learningRate: TRAINING.learningRate,
    augmentation: weakened(ALIGNED_PARTS, Math.min(1, TRAINING.augmentedImages / training.length)),
    random,
    threads,
    ...schedule.phase('context'),
  });

  emit({ type: 'phase', text: `measuring ${heldOut.length} held-out good images` });
  const unmeasured: Omit<ExportOptions, keyof HeldOut> = {
    weights: new Map([...backbone, ...weights]),
    width,
    height,
    norm: unseen,
    form: 'likelihood',
  };
  const measured = { ...unmeasured, ...(await measureHeldOut(unmeasured, heldOut, threads)) };
  const scored = folds.map((images, fold) => ({ images, model: exportModel({ ...measured, norm: without[fold]! }) }));
  return {
    model: exportModel({ ...measured, norm: all }),
    parts: { unseen: measured, all },
    steps,
    folds: scored,
    weights: SCORE_WEIGHTS,
    smoothing: SCORE_SMOOTHING,
    terms: TERMS,
  };
}

/** In so many folds good images are split, one of which is held out of the networks' training. */
function foldsOf(width: number, height: number): number {
  return width * height > TRAINING.manyPixels ? 2 : 5;
}

/** Parts of about equal length. */
function split<T>(items: readonly T[], parts: number): T[][] {
  return Array.from({ length: parts }, (_, part) =>
    items.slice(Math.floor((part * items.length) / parts), Math.floor(((part + 1) * items.length) / parts)),
  );
}
