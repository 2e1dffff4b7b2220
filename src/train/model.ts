import { type Calibration, calibrate } from '../infer/calibration.js';
import { Random } from '../random.js';
import { ALIGNED_PARTS, weakened } from './augment.js';
import { trainContext } from './context-training.js';
import type { TrainEvent } from './events.js';
import { type ExportOptions, exportModel } from './export.js';
import { FeatureExtractor } from './features.js';
import { type GoodImages, readGoodImages } from './good-images.js';
import { type HeldOut, measureHeldOut, scoreImages } from './held-out.js';
import { localNetWeights } from './local-net-weights.js';
import { LOCAL_NET } from './networks/local-net.js';
import type { Weights } from './networks/parameters.js';
import { trainPaper } from './paper/train.js';
import { type PositionNorm, PositionStatistics } from './position.js';
import type { Raster } from './raster.js';
import { Schedule } from './schedule.js';

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
  readonly threads: number;
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: TrainEvent) => void;
}

export interface TrainedModel {
  readonly model: Uint8Array;
  readonly width: number;
  readonly height: number;
  readonly topCells: number;
  readonly calibration: Calibration;
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
  lambdaS: 0.85,
  /** The score of an image is the mean of this share of its cells, and of at least 2. */
  topShare: 0.003,
} as const;

/** Trains a model from good images alone (docs/method.md). Writes nothing. */
export async function trainModel(options: TrainModelOptions): Promise<TrainedModel> {
  const { threads, signal, method = 'sideglance' } = options;
  const emit = options.onEvent ?? (() => undefined);
  const schedule = new Schedule({
    minutes: options.minutes ?? TRAINING.minutes,
    ...(options.steps === undefined ? {} : { steps: options.steps }),
    ...(signal ? { signal } : {}),
    onEvent: emit,
  });
  const random = new Random(options.seed);
  emit({ type: 'phase', text: `reading good images from ${options.images}` });
  const good = await readGoodImages(options.images, options.size, random, signal);
  for (const skipped of good.skipped) emit({ type: 'skipped', ...skipped });
  const { width, height, training, heldOut } = good;
  const cells = (width / LOCAL_NET.stride) * (height / LOCAL_NET.stride);
  const topCells = Math.max(2, Math.round(cells * TRAINING.topShare));
  const common = { training, heldOut, random, threads, schedule, emit, ...(signal ? { signal } : {}) };
  const { model, steps } = method === 'paper' ? await trainPaper(common) : await trainHeads(common);
  const calibration = calibrate(await scoreImages(model, { width, height }, heldOut, topCells, threads));
  emit({ type: 'calibrated', ...calibration });
  return { model, width, height, topCells, calibration, good, steps, seconds: schedule.seconds };
}

interface TrainHeadsOptions {
  readonly training: readonly Raster[];
  readonly heldOut: readonly Raster[];
  readonly random: Random;
  readonly threads: number;
  readonly schedule: Schedule;
  readonly emit: (event: TrainEvent) => void;
  readonly signal?: AbortSignal;
}

/** Everything behind Local-Net: position, Global-Net, the distortion head, and the scales of the heads. */
async function trainHeads(options: TrainHeadsOptions): Promise<{ model: Uint8Array; steps: number }> {
  const { training, heldOut, random, threads, schedule, emit, signal } = options;
  const { width, height } = training[0] as Raster;
  const localNet = localNetWeights();
  emit({ type: 'phase', text: `learning where what belongs: ${training.length} images of ${width} × ${height}` });
  const norm = await learnPositions(localNet, training, heldOut, threads);
  emit({ type: 'phase', text: `position is trusted by ${norm.trust}, shrinkage ${norm.shrinkage}` });

  // Before the first step there is no model worth keeping.
  signal?.throwIfAborted();
  emit({ type: 'phase', text: 'training Global-Net and the distortion head' });
  const { weights, steps } = await trainContext({
    images: training,
    localNet,
    norm,
    batch: TRAINING.batch,
    learningRate: TRAINING.learningRate,
    augmentation: weakened(ALIGNED_PARTS, Math.min(1, TRAINING.augmentedImages / training.length)),
    random,
    threads,
    ...schedule.phase('context'),
  });

  emit({ type: 'phase', text: `measuring ${heldOut.length} held-out good images` });
  const unmeasured: Omit<ExportOptions, keyof HeldOut> = {
    weights: new Map([...localNet, ...weights]),
    width,
    height,
    norm,
    form: 'likelihood',
    lambdaS: TRAINING.lambdaS,
  };
  const measured = await measureHeldOut(unmeasured, heldOut, threads);
  return { model: exportModel({ ...unmeasured, ...measured }), steps };
}

async function learnPositions(
  weights: Weights,
  training: readonly Raster[],
  heldOut: readonly Raster[],
  threads: number,
): Promise<PositionNorm> {
  const { width, height } = training[0] as Raster;
  const extractor = await FeatureExtractor.create({ weights, batch: 1, height, width, threads });
  try {
    const featuresOf = async (image: Raster) => {
      extractor.image(0).set(image.data);
      await extractor.run();
      return extractor.feature(0);
    };
    const { stride, features } = LOCAL_NET;
    const statistics = new PositionStatistics({ channels: features, rows: height / stride, columns: width / stride });
    for (const image of training) statistics.add(await featuresOf(image));
    const seen: Float32Array[] = [];
    for (const image of heldOut) seen.push(Float32Array.from(await featuresOf(image)));
    return statistics.bestNorm(seen);
  } finally {
    await extractor.close();
  }
}
