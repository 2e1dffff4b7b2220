import type { Random } from '../random.js';
import { type AugmentationLimits, augment, noiseTable } from './augment.js';
import { cosineDecay } from './distil.js';
import { FeatureExtractor } from './features.js';
import { LOCAL_NET } from './networks/local-net.js';
import type { Weights } from './networks/parameters.js';
import { contextGraph } from './objectives.js';
import type { PositionNorm } from './position.js';
import { drawPseudoDefects, labelCells } from './pseudo-defects.js';
import type { Raster } from './raster.js';
import { Stepper } from './stepper.js';

export interface ContextTrainingOptions {
  readonly images: readonly Raster[];
  readonly localNet: Weights;
  readonly norm: PositionNorm;
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
  // Images 0…batch−1 of the extractor are clean, batch…2·batch−1 the same with pseudo-defects.
  const extractor = await FeatureExtractor.create({
    weights: options.localNet,
    batch: 2 * batch,
    height,
    width,
    norm: options.norm,
    threads,
  });
  const graph = contextGraph(batch, height, width);
  const featureShape = [batch, LOCAL_NET.features, rows, columns];
  const length = batch * extractor.featuresLength;
  const context = new Uint8Array(batch * extractor.imageBytes);
  const contextLocal = new Float32Array(length);
  const labels = new Float32Array(batch * cells);
  const counts = new Float32Array(batch * cells);
  const stepper = await Stepper.create({
    model: graph.model,
    weights: graph.parameters.initialise(random),
    feeds: {
      context: { type: 'uint8', shape: [batch, height, width, 3], data: context },
      contextLocal: { type: 'float32', shape: featureShape, data: contextLocal },
      cleanLocal: { type: 'float32', shape: featureShape, data: extractor.features.subarray(0, length) },
      judgedLocal: { type: 'float32', shape: featureShape, data: extractor.features.subarray(length) },
      labels: { type: 'float32', shape: [batch, 1, rows, columns], data: labels },
      counts: { type: 'float32', shape: [batch, 1, rows, columns], data: counts },
    },
    losses: graph.losses.length,
    threads,
  });
  const noise = noiseTable(random);
  const margin = Math.floor((LOCAL_NET.patch - LOCAL_NET.stride) / 2);
  try {
    for (let progress = options.progress(0); progress < 1; progress = options.progress(stepper.steps)) {
      for (let index = 0; index < batch; index += 1) {
        const clean = extractor.image(index);
        const marked = extractor.image(batch + index);
        augment(random.pick(images), options.augmentation, random, noise, clean);
        drawPseudoDefects({ width, height, data: clean }, random.pick(images), random, marked);
        labelCells(clean, marked, width, height, LOCAL_NET.stride, margin, {
          labels: labels.subarray(index * cells, (index + 1) * cells),
          counts: counts.subarray(index * cells, (index + 1) * cells),
        });
      }
      await extractor.run();
      for (let index = 0; index < batch; index += 1) {
        const seen = random.chance(CORRUPTED_SHARE) ? batch + index : index;
        context.set(extractor.image(seen), index * extractor.imageBytes);
        contextLocal.set(extractor.feature(seen), index * extractor.featuresLength);
      }
      const losses = await stepper.step(options.learningRate * cosineDecay(progress));
      options.onStep(stepper.steps, Object.fromEntries(graph.losses.map((name, at) => [name, losses[at] as number])));
    }
    return { weights: graph.parameters.weights(stepper.weights), steps: stepper.steps };
  } finally {
    await stepper.close();
    await extractor.close();
  }
}
