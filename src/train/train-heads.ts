import type { FieldGeometry, ModelFiles } from '../infer/contract.js';
import type { Random } from '../random.js';
import { ALIGNED_PARTS, weakened } from './augment.js';
import { backboneWeights } from './backbone-weights.js';
import { trainContext } from './context-training.js';
import type { TrainEvent } from './events.js';
import { type ExportOptions, exportModel } from './export.js';
import { exportTiles } from './export-tiles.js';
import { type HeldOut, measureHeldOut } from './held-out.js';
import { learnPositions } from './learn-positions.js';
import {
  FIELD_TERMS,
  FIELD_WEIGHTS,
  SCORE_SMOOTHING,
  SCORE_WEIGHTS,
  TERMS,
  type TrainedHeads,
} from './measure-scores.js';
import type { Raster } from './raster.js';
import type { Schedule } from './schedule.js';
import type { GoodImage } from './strange-images.js';

/** Settings that are one for all products. */
export const TRAINING = {
  batch: 8,
  learningRate: 2e-3,
  minutes: 5,
  /** Augmentation is as strong as it may be up to this many training images, and weaker in proportion beyond: they vary themselves. */
  augmentedImages: 40,
  /** Regions of more pixels have fewer folds: the statistics of each position are kept for each. */
  manyPixels: 512 * 512,
} as const;

/** What is particular to surfaces. */
const SURFACE = {
  /** A batch of pieces of a surface has about so many pixels, and as many pieces as other batches at most. */
  batchPixels: 8 * 256 * 256,
  leastBatch: 2,
} as const;

export interface TrainHeadsOptions {
  readonly training: readonly GoodImage[];
  readonly heldOut: readonly GoodImage[];
  /** What a model for a surface is trained with; null for one of parts, where position means something. */
  readonly surface: Surface | null;
  readonly random: Random;
  readonly threads: number;
  readonly schedule: Schedule;
  readonly emit: (event: TrainEvent) => void;
  readonly signal?: AbortSignal;
}

export interface Surface {
  readonly field: FieldGeometry;
  readonly calibrating: readonly GoodImage[];
}

/** Everything behind Local-Net: position, Global-Net, the distortion head, and the scales of the heads. */
export async function trainHeads(options: TrainHeadsOptions): Promise<TrainedHeads> {
  const { training, heldOut, surface, random, threads, schedule, emit, signal } = options;
  const { width, height } = training[0] as Raster;
  const backbone = backboneWeights();
  const folds = surface
    ? [heldOut, surface.calibrating, training]
    : [heldOut, ...split(training, foldsOf(width, height) - 1)];
  const count = folds.reduce((sum, images) => sum + images.length, 0);
  const what = surface ? 'what belongs on the surface' : 'what belongs where';
  emit({ type: 'phase', text: `learning ${what}: ${count} images of ${width} × ${height}` });
  const { all, without } = await learnPositions(backbone, { folds, threads, pooled: surface !== null, emit });
  const unseen = without[0]!;

  // Before the first step there is no model worth keeping.
  signal?.throwIfAborted();
  emit({ type: 'phase', text: 'training Global-Net and the distortion head' });
  const position = surface === null;
  const { weights, steps } = await trainContext({
    images: training,
    localNet: backbone,
    norm: unseen,
    position,
    batch: surface ? surfaceBatch(width, height) : TRAINING.batch,
    learningRate: TRAINING.learningRate,
    augmentation: weakened(ALIGNED_PARTS, Math.min(1, TRAINING.augmentedImages / countFiles(training))),
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
    position,
    form: 'likelihood',
  };
  const measured = { ...unmeasured, ...(await measureHeldOut(unmeasured, heldOut, threads)) };
  const filesWith = (norm: ExportOptions['norm']): ModelFiles =>
    surface ? exportTiles({ ...measured, norm }) : { model: exportModel({ ...measured, norm }) };
  const scored = folds.map((images, fold) => ({ images, files: filesWith(without[fold]!) }));
  return {
    files: filesWith(all),
    parts: { unseen: measured, all },
    steps,
    smoothing: SCORE_SMOOTHING,
    ...(surface
      ? { folds: scored.slice(0, 2), weights: FIELD_WEIGHTS, terms: FIELD_TERMS }
      : { folds: scored, weights: SCORE_WEIGHTS, terms: TERMS }),
  };
}

/** In so many folds good images are split, one of which is held out of the networks' training. */
function foldsOf(width: number, height: number): number {
  return width * height > TRAINING.manyPixels ? 2 : 5;
}

function surfaceBatch(width: number, height: number): number {
  const fitting = Math.floor(SURFACE.batchPixels / (width * height));
  return Math.max(SURFACE.leastBatch, Math.min(TRAINING.batch, fitting));
}

/** Parts of about equal length. */
function split<T>(items: readonly T[], parts: number): T[][] {
  return Array.from({ length: parts }, (_, part) =>
    items.slice(Math.floor((part * items.length) / parts), Math.floor(((part + 1) * items.length) / parts)),
  );
}

/** Of a surface, several pieces of one file are learnt from. */
function countFiles(images: readonly GoodImage[]): number {
  return new Set(images.map(({ file }) => file)).size;
}
