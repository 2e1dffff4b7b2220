import { type Calibration, calibrate } from '../infer/calibration.js';
import { Random } from '../random.js';
import { ALIGNED_PARTS, augment, noiseTable, weakened } from './augment.js';
import { trainContext } from './context-training.js';
import type { TrainEvent } from './events.js';
import { type ExportOptions, exportModel } from './export.js';
import { FeatureExtractor } from './features.js';
import { type GoodImages, readGoodImages } from './good-images.js';
import { type HeldOut, measureHeldOut, scoreImages } from './held-out.js';
import { localNetWeights } from './local-net-weights.js';
import { LOCAL_NET } from './networks/local-net.js';
import type { Weights } from './networks/parameters.js';
import { type PositionNorm, PositionStatistics } from './position.js';
import type { Raster } from './raster.js';

export interface TrainModelOptions {
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
  /** Augmented copies of each training image in the position statistics, beside the image itself. */
  positionCopies: 0,
  /** Augmentation is as strong as it may be up to this many training images, and weaker in proportion beyond: they vary themselves. */
  augmentedImages: 40,
  /** Held-out images are multiplied by mild augmentation up to this many scores. */
  leastScores: 60,
  lambdaS: 0.75,
  /** The score of an image is the mean of this share of its cells, and of at least 2. */
  topShare: 0.003,
} as const;

/** Trains a model from good images alone (docs/method.md). Writes nothing. */
export async function trainModel(options: TrainModelOptions): Promise<TrainedModel> {
  const { threads } = options;
  const emit = options.onEvent ?? (() => undefined);
  const started = performance.now();
  const seconds = () => (performance.now() - started) / 1000;
  const random = new Random(options.seed);
  const noise = noiseTable(random);

  emit({ type: 'phase', text: `reading good images from ${options.images}` });
  const good = await readGoodImages(options.images, options.size, random, options.signal);
  for (const skipped of good.skipped) emit({ type: 'skipped', ...skipped });
  const { width, height } = good;
  const size = { width, height };
  const augmentation = weakened(ALIGNED_PARTS, Math.min(1, TRAINING.augmentedImages / good.training.length));
  const copy = (image: Raster): Raster => {
    const data = new Uint8Array(image.data.length);
    augment(image, augmentation, random, noise, data);
    return { ...size, data };
  };

  const localNet = localNetWeights();

  emit({ type: 'phase', text: `learning where what belongs: ${good.training.length} images of ${width} × ${height}` });
  const norm = await learnPositions(localNet, good, copy, threads);
  emit({ type: 'phase', text: `position is trusted by ${norm.trust}, shrinkage ${norm.shrinkage}` });

  // Before the first step there is no model worth keeping.
  options.signal?.throwIfAborted();
  emit({ type: 'phase', text: 'training Global-Net and the distortion head' });
  const contextStarted = seconds();
  const budget = (options.minutes ?? TRAINING.minutes) * 60;
  const progress = (step: number) => {
    if (options.signal?.aborted) return 1;
    return options.steps === undefined
      ? Math.min(1, (seconds() - contextStarted) / Math.max(1, budget - contextStarted))
      : step / options.steps;
  };
  const { weights, steps } = await trainContext({
    images: good.training,
    localNet,
    norm,
    batch: TRAINING.batch,
    learningRate: TRAINING.learningRate,
    augmentation,
    random,
    threads,
    progress,
    onStep: (step, losses) => {
      const done = Math.max(1e-3, progress(step));
      const secondsLeft = ((seconds() - contextStarted) * (1 - done)) / done;
      emit({ type: 'step', phase: 'context', step, progress: done, losses, secondsLeft });
    },
  });

  emit({ type: 'phase', text: `measuring ${good.heldOut.length} held-out good images` });
  const heldOut = multiplied(good.heldOut, copy);
  const unmeasured: Omit<ExportOptions, keyof HeldOut> = {
    weights: new Map([...localNet, ...weights]),
    ...size,
    norm,
    form: 'likelihood',
    lambdaS: TRAINING.lambdaS,
  };
  const measured = await measureHeldOut(unmeasured, heldOut, threads);
  const model = exportModel({ ...unmeasured, ...measured });
  const cells = (width / LOCAL_NET.stride) * (height / LOCAL_NET.stride);
  const topCells = Math.max(2, Math.round(cells * TRAINING.topShare));
  const results = await scoreImages(model, size, heldOut, topCells, threads);
  const calibration = calibrate(results);
  emit({ type: 'calibrated', ...calibration });
  return { model, ...size, topCells, calibration, good, steps, seconds: seconds() };
}

/** The images themselves first, then augmented copies in turn until there are enough for a distribution. */
function multiplied(images: readonly Raster[], copy: (image: Raster) => Raster): Raster[] {
  const all = [...images];
  while (all.length < TRAINING.leastScores) all.push(copy(images[all.length % images.length] as Raster));
  return all;
}

async function learnPositions(
  weights: Weights,
  good: GoodImages,
  copy: (image: Raster) => Raster,
  threads: number,
): Promise<PositionNorm> {
  const { width, height } = good;
  const extractor = await FeatureExtractor.create({ weights, batch: 1, height, width, threads });
  try {
    const featuresOf = async (image: Raster) => {
      extractor.image(0).set(image.data);
      await extractor.run();
      return extractor.feature(0);
    };
    const { stride, features } = LOCAL_NET;
    const statistics = new PositionStatistics({ channels: features, rows: height / stride, columns: width / stride });
    for (const image of good.training) {
      statistics.add(await featuresOf(image));
      for (let index = 0; index < TRAINING.positionCopies; index += 1) statistics.add(await featuresOf(copy(image)));
    }
    const heldOut: Float32Array[] = [];
    for (const image of good.heldOut) heldOut.push(Float32Array.from(await featuresOf(image)));
    return statistics.bestNorm(heldOut);
  } finally {
    await extractor.close();
  }
}
