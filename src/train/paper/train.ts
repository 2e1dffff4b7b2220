import { Session } from '../../infer/ort/session.js';
import type { Random } from '../../random.js';
import type { TrainEvent } from '../events.js';
import { headNorm } from '../held-out.js';
import { SPOTS, type TrainedHeads } from '../measure-scores.js';
import { LOCAL_NET } from '../networks/local-net.js';
import type { Raster } from '../raster.js';
import type { Schedule } from '../schedule.js';
import type { GoodImage } from '../strange-images.js';
import { trainPaperContext } from './context.js';
import { distilPaperLocalNet } from './distil.js';
import { exportPaperModel, type PaperExportOptions } from './export.js';
import { squared } from './patches.js';
import { PAPER } from './settings.js';

export interface TrainPaperOptions {
  readonly training: readonly Raster[];
  readonly heldOut: readonly GoodImage[];
  readonly random: Random;
  readonly threads: number;
  readonly schedule: Schedule;
  readonly emit: (event: TrainEvent) => void;
  readonly signal?: AbortSignal;
}

/** Held-out images that the scales of the heads are measured on: a pass takes seconds. */
const NORMALISING_IMAGES = 16;

/** Trains the method as it was published: `settings.ts`. */
export async function trainPaper(options: TrainPaperOptions): Promise<TrainedHeads> {
  const { training, heldOut, random, threads, schedule, emit } = options;
  const { width, height } = training[0] as Raster;
  const images = training.map(squared);
  emit({ type: 'phase', text: 'distilling Local-Net from the teacher' });
  const distillation = schedule.phase('distil', PAPER.distillation.share);
  const localNet = await distilPaperLocalNet({ images, random, threads, ...distillation });
  // Before the first step of the second phase there is no model worth keeping.
  options.signal?.throwIfAborted();
  emit({ type: 'phase', text: 'training Global-Net and the classifier, a patch of each image at a time' });
  const { weights, steps } = await trainPaperContext({
    images,
    random,
    threads,
    localNet,
    ...schedule.phase('context'),
  });
  emit({ type: 'phase', text: 'measuring held-out good images' });
  const unmeasured: PaperExportOptions = {
    weights: new Map([...localNet, ...weights]),
    width,
    height,
    stride: LOCAL_NET.stride,
    contextNorm: { centre: 0, spread: 1 },
    distortionNorm: { centre: 0, spread: 1 },
  };
  const norms = await measure(exportPaperModel(unmeasured), heldOut.slice(0, NORMALISING_IMAGES), threads);
  const model = exportPaperModel({ ...unmeasured, ...norms });
  return {
    files: { model },
    folds: [{ files: { model }, images: heldOut }],
    steps,
    weights: { position: 0, context: 1, distortion: 1 },
    smoothing: 0,
    terms: [SPOTS],
  };
}

async function measure(model: Uint8Array, images: readonly Raster[], threads: number) {
  const session = await Session.create(model, { threads });
  const [strange, distorted]: [Float32Array[], Float32Array[]] = [[], []];
  // The file gives the weighted parts of the score; a norm is of the values before.
  const unweighted = (map: Float32Array, weight: number) => map.map((value) => value / weight);
  try {
    for (const { width, height, data } of images) {
      const outputs = await session.runOnce({ region: { type: 'uint8', shape: [1, height, width, 3], data } });
      strange.push(unweighted(outputs.context?.data as Float32Array, PAPER.lambdaS));
      distorted.push(unweighted(outputs.distortion?.data as Float32Array, 1 - PAPER.lambdaS));
    }
  } finally {
    await session.close();
  }
  return { contextNorm: headNorm(strange), distortionNorm: headNorm(distorted) };
}
