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
import { describePlacement, type PlacementChoice } from './placement.js';
import { type PositionNorm, PositionStatistics, strangeness } from './position.js';
import type { Raster } from './raster.js';
import { Schedule } from './schedule.js';
import { type GoodImage, warnOfFeatures, warnOfPixels } from './strange-images.js';

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
  readonly width: number;
  readonly height: number;
  readonly topCells: number;
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
  lambdaS: 0.85,
  /** The score of an image is the mean of this share of its cells, and of at least 2. */
  topShare: 0.003,
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
  const cells = (width / LOCAL_NET.stride) * (height / LOCAL_NET.stride);
  const topCells = Math.max(2, Math.round(cells * TRAINING.topShare));
  const common = { training, heldOut, random, threads, schedule, emit, ...(signal ? { signal } : {}) };
  const { model, steps } = method === 'paper' ? await trainPaper(common) : await trainHeads(common);
  const calibration = calibrate(await scoreImages(model, { width, height }, heldOut, topCells, threads, good.locate));
  emit({ type: 'calibrated', ...calibration });
  return { model, width, height, topCells, calibration, good, steps, seconds: schedule.seconds };
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
async function trainHeads(options: TrainHeadsOptions): Promise<{ model: Uint8Array; steps: number }> {
  const { training, heldOut, random, threads, schedule, emit, signal } = options;
  const { width, height } = training[0] as Raster;
  const localNet = localNetWeights();
  emit({ type: 'phase', text: `learning where what belongs: ${training.length} images of ${width} × ${height}` });
  const norm = await learnPositions(localNet, options);
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

/** Z_l of so many bytes is kept, to look for images unlike the rest; images beyond are not looked at. */
const KEPT_BYTES = 512 * 2 ** 20;

/** Learns the norm, and warns of images that look as if they did not belong. */
async function learnPositions(
  weights: Weights,
  { training, heldOut, threads, emit }: TrainHeadsOptions,
): Promise<PositionNorm> {
  const { width, height } = training[0] as Raster;
  const { stride, features } = LOCAL_NET;
  const grid = { channels: features, rows: height / stride, columns: width / stride };
  const extractor = await FeatureExtractor.create({ weights, batch: 1, height, width, threads });
  const kept: { file: string; features: Float32Array; learntFrom: boolean }[] = [];
  const most = KEPT_BYTES / (4 * extractor.featuresLength);
  try {
    const featuresOf = async (image: GoodImage, learntFrom: boolean) => {
      extractor.image(0).set(image.data);
      await extractor.run();
      const result = Float32Array.from(extractor.feature(0));
      if (kept.length < most) kept.push({ file: image.file, features: result, learntFrom });
      return result;
    };
    const statistics = new PositionStatistics(grid);
    const seen: Float32Array[] = [];
    for (const image of heldOut) seen.push(await featuresOf(image, false));
    for (const image of training) statistics.add(await featuresOf(image, true));
    const norm = statistics.bestNorm(seen);
    const facts = kept.map((one) => ({
      file: one.file,
      learntFrom: one.learntFrom,
      feature: meanFeature(one.features, features),
      strangeness: strangeness(one.features, norm, grid, one.learntFrom ? training.length : 0),
    }));
    for (const warning of warnOfFeatures(facts)) emit({ type: 'warning', ...warning });
    return norm;
  } finally {
    await extractor.close();
  }
}

/** Mean over all patches, a value for each channel. */
function meanFeature(features: Float32Array, channels: number): Float32Array {
  const cells = features.length / channels;
  return Float32Array.from({ length: channels }, (_, c) => {
    let sum = 0;
    for (let cell = 0; cell < cells; cell += 1) sum += features[c * cells + cell]!;
    return sum / cells;
  });
}
