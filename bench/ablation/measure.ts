import { z } from 'zod';
import type { Dataset } from '../../src/evaluate/dataset.js';
import { evaluateModel } from '../../src/evaluate/evaluate.js';
import { backboneWeights } from '../../src/train/backbone-weights.js';
import type { GoodImages } from '../../src/train/good-images.js';
import { type LearntPositions, learnPositions } from '../../src/train/learn-positions.js';
import type { ExportedParts } from '../../src/train/measure-scores.js';
import { type TrainedModel, type TrainModelOptions, trainModel } from '../../src/train/model.js';
import { LOCAL_NET } from '../../src/train/networks/local-net.js';
import { MetricsSchema } from '../accuracy/cells.js';
import { metricsOf } from '../accuracy/measure.js';
import { leftOut } from '../accuracy/method.js';
import { machine } from '../support/daemon.js';
import { Composition } from './composition.js';
import { EvidenceReader, type ExportChoices, type Readings } from './evidence.js';
import { Regions } from './regions.js';
import { REFITS, type Refit, VARIANTS } from './variants.js';

/** What was measured on one category. */
export const AblationSchema = z.object({
  /** By the names of the variants. */
  variants: z.record(z.string(), MetricsSchema),
  trainingSeconds: z.number(),
  machine: z.object({ node: z.string(), arch: z.string(), cpu: z.string(), cores: z.number() }),
  notes: z.array(z.string()),
});

export type Ablation = z.infer<typeof AblationSchema>;

export interface AblateOptions extends Pick<TrainModelOptions, 'seed' | 'size' | 'minutes' | 'steps' | 'threads'> {
  readonly train?: typeof trainModel;
  /** Called after each variant. */
  readonly onVariant?: (name: string) => void;
}

/** Trains one model on a category and evaluates all variants of it. */
export async function ablate(
  dataset: Dataset,
  { train = trainModel, onVariant, ...options }: AblateOptions,
): Promise<Ablation> {
  const started = performance.now();
  const trained = await train({ ...options, images: dataset.folder });
  const trainingSeconds = (performance.now() - started) / 1000;
  try {
    const { variants, notes } = await measureVariants(trained, dataset, options.threads, onVariant);
    return { variants, trainingSeconds, machine: machine(), notes };
  } finally {
    trained.good.close();
  }
}

/** Evaluates all variants of a model on the test images of a category. */
export async function measureVariants(
  { good, parts, steps }: TrainedModel,
  dataset: Dataset,
  threads: number,
  onVariant: AblateOptions['onVariant'] = () => undefined,
): Promise<Pick<Ablation, 'variants' | 'notes'>> {
  if (!parts) throw new Error('a model by the method of the paper has no such variants');
  const refits = {
    ownCovariance: await refit('ownCovariance', good, threads),
    noPosition: await refit('noPosition', good, threads),
  };
  const { unseen, all } = choices(parts, refits);
  const heldOut = await readHeldOut(unseen, good, threads);
  const size = { rows: good.height / LOCAL_NET.stride, columns: good.width / LOCAL_NET.stride };
  const notes = [
    ...leftOut(good.skipped.length),
    `${steps} steps of training`,
    `position is trusted by ${parts.all.trust}, without the neighbourhood by ${refits.ownCovariance.all.trust}`,
  ];
  const reader = await EvidenceReader.create(all, threads);
  try {
    const regions = new Regions(reader, good, good.locate);
    const variants: Ablation['variants'] = {};
    for (const variant of VARIANTS) {
      const evaluation = await evaluateModel(regions.scorer(new Composition(variant, size, heldOut)), dataset);
      variants[variant.name] = metricsOf(evaluation);
      for (const note of evaluation.notes) if (!notes.includes(note)) notes.push(note);
      onVariant(variant.name);
    }
    return { variants, notes };
  } finally {
    await reader.close();
  }
}

/** The first fold is the one that the model was measured on. */
function refit(name: Refit, { heldOut, training }: GoodImages, threads: number): Promise<LearntPositions> {
  return learnPositions(backboneWeights(), {
    folds: [heldOut, training],
    threads,
    settings: REFITS[name],
    emit: () => undefined,
  });
}

/** The model without the held-out images, and with them. */
function choices(
  { unseen, all }: ExportedParts,
  { ownCovariance, noPosition }: Readonly<Record<Refit, LearntPositions>>,
): { readonly unseen: ExportChoices; readonly all: ExportChoices } {
  const withNorm = (norm: ExportedParts['all']) => ({ ...unseen, norm });
  return {
    unseen: {
      trained: unseen,
      ownCovariance: withNorm(ownCovariance.without[0]!),
      noPosition: withNorm(noPosition.without[0]!),
    },
    all: {
      trained: withNorm(all),
      ownCovariance: withNorm(ownCovariance.all),
      noPosition: withNorm(noPosition.all),
    },
  };
}

async function readHeldOut(unseen: ExportChoices, { heldOut }: GoodImages, threads: number): Promise<Readings[]> {
  const reader = await EvidenceReader.create(unseen, threads);
  try {
    const readings: Readings[] = [];
    for (const { data } of heldOut) readings.push(await reader.read(data));
    return readings;
  } finally {
    await reader.close();
  }
}
