import type { Random } from '../random.js';
import type { AugmentationLimits } from './augment.js';
import { LOCAL_NET } from './networks/local-net.js';
import type { Weights } from './networks/parameters.js';
import { contextGraph } from './objectives.js';
import { cosineDecay } from './optimiser.js';
import type { PositionNorm } from './position/norm.js';
import type { Raster } from './raster.js';
import { SAMPLE_POOL, SamplePool } from './sample-pool.js';
import { Stepper } from './stepper.js';

export interface ContextTrainingOptions {
  readonly images: readonly Raster[];
  readonly localNet: Weights;
  readonly norm: PositionNorm;
  /** Whether Global-Net is told the cell's place. */
  readonly position: boolean;
  readonly batch: number;
  readonly learningRate: number;
  readonly augmentation: AugmentationLimits;
  readonly random: Random;
  readonly threads: number;
  /** 0…1; asked before every step, training ends at 1. */
  readonly progress: (step: number) => number;
  readonly onStep: (step: number, losses: Readonly<Record<string, number>>) => void;
}

/** Share of each batch for which G sees the image with its pseudo-defects (context corruption). */
const CORRUPTED_SHARE = 0.5;

/** Trains Global-Net and the distortion head on good images. Resolves with their weights and the steps taken. */
export async function trainContext(options: ContextTrainingOptions): Promise<{ weights: Weights; steps: number }> {
  const { images, batch, random, threads } = options;
  const { width, height } = images[0] as Raster;
  const [rows, columns] = [height / LOCAL_NET.stride, width / LOCAL_NET.stride];
  const cells = rows * columns;
  const pool = await SamplePool.create(options);
  const graph = contextGraph(batch, height, width, options);
  const length = LOCAL_NET.features * cells;
  const context = new Uint8Array(batch * height * width * 3);
  const contextLocal = new Float32Array(batch * length);
  const cleanLocal = new Float32Array(batch * length);
  const judgedLocal = new Float32Array(batch * length);
  const labels = new Float32Array(batch * cells);
  const counts = new Float32Array(batch * cells);
  const features = (data: Float32Array) =>
    ({ type: 'float32', shape: [batch, LOCAL_NET.features, rows, columns], data }) as const;
  const perCell = (data: Float32Array) => ({ type: 'float32', shape: [batch, 1, rows, columns], data }) as const;
  const stepper = await Stepper.create({
    model: graph.model,
    weights: graph.parameters.initialise(random),
    feeds: {
      context: { type: 'uint8', shape: [batch, height, width, 3], data: context },
      contextLocal: features(contextLocal),
      cleanLocal: features(cleanLocal),
      judgedLocal: features(judgedLocal),
      labels: perCell(labels),
      counts: perCell(counts),
    },
    losses: graph.losses.length,
    threads,
  });
  try {
    for (let made = 0; made < batch; made += SAMPLE_POOL.batch) await pool.renew();
    for (let progress = options.progress(0); progress < 1; progress = options.progress(stepper.steps)) {
      await pool.renew();
      for (let index = 0; index < batch; index += 1) {
        const sample = pool.draw();
        const seen = random.chance(CORRUPTED_SHARE) ? sample.marked : sample.clean;
        context.set(seen.pixels, index * seen.pixels.length);
        contextLocal.set(seen.local, index * length);
        cleanLocal.set(sample.clean.local, index * length);
        judgedLocal.set(sample.marked.local, index * length);
        labels.set(sample.labels, index * cells);
        counts.set(sample.counts, index * cells);
      }
      const losses = await stepper.step(options.learningRate * cosineDecay(progress));
      options.onStep(stepper.steps, Object.fromEntries(graph.losses.map((name, at) => [name, losses[at] as number])));
    }
    return { weights: graph.parameters.weights(stepper.weights), steps: stepper.steps };
  } finally {
    await stepper.close();
    await pool.close();
  }
}
