import { ALIGNED_PARTS, augment, noiseTable } from '../augment.js';
import type { Weights } from '../networks/parameters.js';
import { cosineDecay } from '../optimiser.js';
import { drawPseudoDefects } from '../pseudo-defects.js';
import { Stepper } from '../stepper.js';
import type { PaperPhaseOptions } from './distil.js';
import { paperContextGraph } from './objectives.js';
import { cutPatch, maskPatch, patchArea } from './patches.js';
import { PAPER, PATCH_STARTS } from './settings.js';

/** A patch counts as distorted when this share of its pixels changed visibly. */
const DISTORTED_SHARE = 0.02;
const VISIBLE = 12;

/** Patches tried until one with, or without, a pseudo-defect is found: half of the patches should show one. */
const ATTEMPTS = 20;

/** Trains Global-Net and the classifier, a patch of each image at a time. Resolves with their weights and the steps. */
export async function trainPaperContext(
  options: PaperPhaseOptions & { readonly localNet: Weights },
): Promise<{ weights: Weights; steps: number }> {
  const { images, random, threads, localNet } = options;
  const { size, patch, lastSide, context } = PAPER;
  const { batch } = context;
  const noise = noiseTable(random);
  const graph = paperContextGraph(batch, localNet);
  const bytes = { image: size * size * 3, patch: patch * patch * 3 };
  const buffers = {
    images: new Uint8Array(batch * bytes.image),
    mask: new Float32Array(batch * size * size),
    area: new Float32Array(batch * lastSide ** 2),
    patches: new Uint8Array(batch * bytes.patch),
    judged: new Uint8Array(batch * bytes.patch),
    labels: new Float32Array(batch),
  };
  const part = <T extends Uint8Array | Float32Array>(all: T, index: number): T =>
    all.subarray((index * all.length) / batch, ((index + 1) * all.length) / batch) as T;
  const marked = new Uint8Array(bytes.image);
  const fill = (index: number) => {
    const data = part(buffers.images, index);
    augment(random.pick(images), ALIGNED_PARTS, random, noise, data);
    const clean = { width: size, height: size, data };
    const patches = part(buffers.patches, index);
    const judged = part(buffers.judged, index);
    drawPseudoDefects(clean, random.pick(images), random, marked);
    const wanted = random.chance(0.5) ? 1 : 0;
    let [left, top] = [0, 0];
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      [left, top] = [random.pick(PATCH_STARTS), random.pick(PATCH_STARTS)];
      cutPatch(clean, left, top, patches);
      cutPatch({ ...clean, data: marked }, left, top, judged);
      buffers.labels[index] = changedShare(patches, judged) >= DISTORTED_SHARE ? 1 : 0;
      if (buffers.labels[index] === wanted) break;
    }
    maskPatch(left, top, part(buffers.mask, index));
    patchArea(left, top, part(buffers.area, index));
  };
  const stepper = await Stepper.create({
    model: graph.model,
    weights: graph.parameters.initialise(random),
    feeds: {
      images: { type: 'uint8', shape: [batch, size, size, 3], data: buffers.images },
      mask: { type: 'float32', shape: [batch, 1, size, size], data: buffers.mask },
      area: { type: 'float32', shape: [batch, 1, lastSide, lastSide], data: buffers.area },
      patches: { type: 'uint8', shape: [batch, patch, patch, 3], data: buffers.patches },
      judged: { type: 'uint8', shape: [batch, patch, patch, 3], data: buffers.judged },
      labels: { type: 'float32', shape: [batch, 1], data: buffers.labels },
    },
    losses: graph.losses.length,
    threads,
  });
  try {
    for (let progress = options.progress(0); progress < 1; progress = options.progress(stepper.steps)) {
      for (let index = 0; index < batch; index += 1) fill(index);
      const losses = await stepper.step(context.learningRate * cosineDecay(progress));
      options.onStep(stepper.steps, Object.fromEntries(graph.losses.map((name, at) => [name, losses[at] as number])));
    }
    return { weights: graph.parameters.weights(stepper.weights), steps: stepper.steps };
  } finally {
    await stepper.close();
  }
}

function changedShare(before: Uint8Array, after: Uint8Array): number {
  let changed = 0;
  for (let index = 0; index < before.length; index += 3) {
    const most = Math.max(...[0, 1, 2].map((c) => Math.abs(before[index + c]! - after[index + c]!)));
    if (most >= VISIBLE) changed += 1;
  }
  return changed / (before.length / 3);
}
