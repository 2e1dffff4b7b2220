import { resampleToRgb } from '../image/resample.js';
import { Random } from '../random.js';
import { ANY_IMAGE, augment, noiseTable } from './augment.js';
import type { Weights } from './networks/parameters.js';
import { STUDENT_NET } from './networks/student-net.js';
import { distillationGraph } from './objectives.js';
import { cosineDecay } from './optimiser.js';
import type { Raster } from './raster.js';
import { Stepper } from './stepper.js';
import { type Standardisation, TeacherTargets } from './teacher/targets.js';

export interface DistilOptions {
  /** Images larger than, or as large as, the crops that are cut from them. */
  readonly images: readonly Raster[];
  /** Side of the square crops, a multiple of 8. */
  readonly crop: number;
  readonly batch: number;
  readonly steps: number;
  readonly seed: number;
  readonly threads: number;
  readonly learningRate: number;
  readonly start?: Weights;
  readonly signal?: AbortSignal;
  readonly onStep?: (step: number, losses: Readonly<Record<string, number>>) => void;
}

/** Batches from which the teacher's means and deviations are taken. */
const STANDARDISING_BATCHES = 24;

/** Distils the teacher into Local-Net (Wang et al. 2021, section 3.1). Resolves with the weights of Local-Net. */
export async function distilLocalNet(options: DistilOptions): Promise<Weights> {
  const { batch, crop, steps, threads } = options;
  const random = new Random(options.seed);
  const noise = noiseTable(random);
  const images = new Uint8Array(batch * crop * crop * 3);
  const fill = () => {
    for (let index = 0; index < batch; index += 1) {
      const cut = cutOut(random.pick(options.images), crop, random);
      augment(cut, ANY_IMAGE, random, noise, images.subarray(index * crop * crop * 3, (index + 1) * crop * crop * 3));
    }
  };
  const common = { batch, height: crop, width: crop, images, threads };
  const raw = await TeacherTargets.load(common);
  const standardisation = await standardise(raw, (crop / STUDENT_NET.stride) ** 2, fill);
  await raw.close();
  const teacher = await TeacherTargets.load({ ...common, standardisation });
  const graph = distillationGraph(batch, crop, crop, teacher.channels);
  const stepper = await Stepper.create({
    model: graph.model,
    weights: graph.parameters.initialise(random, options.start),
    feeds: {
      images: { type: 'uint8', shape: [batch, crop, crop, 3], data: images },
      targets: {
        type: 'float32',
        shape: [batch, teacher.channels, crop / STUDENT_NET.stride, crop / STUDENT_NET.stride],
        data: teacher.features,
      },
    },
    losses: graph.losses.length,
    threads,
  });
  try {
    for (let step = 0; step < steps && !options.signal?.aborted; step += 1) {
      fill();
      await teacher.run();
      const losses = await stepper.step(options.learningRate * cosineDecay(step / steps));
      options.onStep?.(
        step + 1,
        Object.fromEntries(graph.losses.map((name, index) => [name, losses[index] as number])),
      );
    }
    return graph.parameters.weights(stepper.weights);
  } finally {
    await stepper.close();
    await teacher.close();
  }
}

/** Means and deviations of the teacher's raw features over a few batches; `cells` in each of its grids. */
async function standardise(teacher: TeacherTargets, cells: number, fill: () => void): Promise<Standardisation> {
  const sums = new Float64Array(teacher.channels);
  const squares = new Float64Array(teacher.channels);
  for (let round = 0; round < STANDARDISING_BATCHES; round += 1) {
    fill();
    await teacher.run();
    teacher.features.forEach((value, index) => {
      const channel = Math.floor(index / cells) % teacher.channels;
      sums[channel]! += value;
      squares[channel]! += value * value;
    });
  }
  const count = (STANDARDISING_BATCHES * teacher.features.length) / teacher.channels;
  const mean = Float32Array.from(sums, (sum) => sum / count);
  const variance = Float32Array.from(squares, (sum, channel) => sum / count - mean[channel]! ** 2);
  return { mean, deviation: variance.map((value) => Math.sqrt(Math.max(1e-6, value))) };
}

/** A random square of an image, at a random scale of one to two pixels of the image for one of the crop. */
function cutOut(image: Raster, side: number, random: Random): Raster {
  const largest = Math.min(image.width, image.height);
  const taken = Math.min(largest, Math.round(side * random.between(1, 2)));
  const box = {
    x: random.below(image.width - taken + 1),
    y: random.below(image.height - taken + 1),
    width: taken,
    height: taken,
  };
  const data = new Uint8Array(side * side * 3);
  resampleToRgb({ ...image, stride: image.width * 3, format: 'RGB' }, box, { width: side, height: side, data });
  return { width: side, height: side, data };
}
