import type { Random } from '../../random.js';
import type { Weights } from '../networks/parameters.js';
import { cosineDecay } from '../optimiser.js';
import type { Raster } from '../raster.js';
import { Stepper } from '../stepper.js';
import { type Standardisation, TeacherTargets } from '../teacher/targets.js';
import { paperDistillationGraph } from './objectives.js';
import { cutPatch } from './patches.js';
import { PAPER } from './settings.js';

/** The teacher needs whole cells: it sees the patch without its last row and column. */
const TEACHER_SIDE = 32;

/** Batches from which the means and deviations of R(p) are taken. */
const STANDARDISING_BATCHES = 20;

export interface PaperPhaseOptions {
  /** Good images of 256 × 256 pixels. */
  readonly images: readonly Raster[];
  readonly random: Random;
  readonly threads: number;
  /** 0…1; asked before every step, the phase ends at 1. */
  readonly progress: (step: number) => number;
  readonly onStep: (step: number, losses: Readonly<Record<string, number>>) => void;
}

/** Distils the teacher into the published Local-Net on random patches of good images. Resolves with its weights. */
export async function distilPaperLocalNet(options: PaperPhaseOptions): Promise<Weights> {
  const { images, random, threads } = options;
  const { patch, size, distillation } = PAPER;
  const { batch } = distillation;
  const patches = new Uint8Array(batch * patch * patch * 3);
  const seen = new Uint8Array(batch * TEACHER_SIDE * TEACHER_SIDE * 3);
  const fill = () => {
    for (let index = 0; index < batch; index += 1) {
      const own = patches.subarray(index * patch * patch * 3, (index + 1) * patch * patch * 3);
      cutPatch(random.pick(images), random.below(size - patch + 1), random.below(size - patch + 1), own);
      for (let y = 0; y < TEACHER_SIDE; y += 1) {
        const row = own.subarray(y * patch * 3, (y * patch + TEACHER_SIDE) * 3);
        seen.set(row, (index * TEACHER_SIDE + y) * TEACHER_SIDE * 3);
      }
    }
  };
  const common = { batch, height: TEACHER_SIDE, width: TEACHER_SIDE, images: seen, threads };
  const raw = await TeacherTargets.load(common);
  const standardisation = await standardise(raw, batch, fill);
  await raw.close();
  const teacher = await TeacherTargets.load({ ...common, standardisation });
  const targets = new Float32Array(batch * teacher.channels);
  const graph = paperDistillationGraph(batch, teacher.channels);
  const stepper = await Stepper.create({
    model: graph.model,
    weights: graph.parameters.initialise(random),
    feeds: {
      patches: { type: 'uint8', shape: [batch, patch, patch, 3], data: patches },
      targets: { type: 'float32', shape: [batch, teacher.channels], data: targets },
    },
    losses: graph.losses.length,
    threads,
  });
  try {
    for (let progress = options.progress(0); progress < 1; progress = options.progress(stepper.steps)) {
      fill();
      await teacher.run();
      targets.set(patchMeans(teacher, batch));
      const losses = await stepper.step(distillation.learningRate * cosineDecay(progress));
      options.onStep(stepper.steps, Object.fromEntries(graph.losses.map((name, at) => [name, losses[at] as number])));
    }
    return graph.parameters.weights(stepper.weights);
  } finally {
    await stepper.close();
    await teacher.close();
  }
}

/** R(p): the teacher's features, each averaged over the patch, [batch × channels]. */
function patchMeans(teacher: TeacherTargets, batch: number): Float32Array {
  const cells = teacher.features.length / (batch * teacher.channels);
  return Float32Array.from({ length: batch * teacher.channels }, (_, index) => {
    let sum = 0;
    for (let cell = 0; cell < cells; cell += 1) sum += teacher.features[index * cells + cell]!;
    return sum / cells;
  });
}

/** Means and deviations of R(p) over a few batches. */
async function standardise(teacher: TeacherTargets, batch: number, fill: () => void): Promise<Standardisation> {
  const { channels } = teacher;
  const sums = new Float64Array(channels);
  const squares = new Float64Array(channels);
  for (let round = 0; round < STANDARDISING_BATCHES; round += 1) {
    fill();
    await teacher.run();
    patchMeans(teacher, batch).forEach((value, index) => {
      sums[index % channels]! += value;
      squares[index % channels]! += value * value;
    });
  }
  const count = STANDARDISING_BATCHES * batch;
  const mean = Float32Array.from(sums, (sum) => sum / count);
  const deviation = Float32Array.from(squares, (sum, channel) =>
    Math.sqrt(Math.max(1e-6, sum / count - mean[channel]! ** 2)),
  );
  return { mean, deviation };
}
