import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_FALSE_REJECT_RATE } from '../../src/cli/model-options.js';
import { readDataset } from '../../src/evaluate/dataset.js';
import { evaluateModel, type VerdictCounts } from '../../src/evaluate/evaluate.js';
import { modelScorer } from '../../src/evaluate/model-scorer.js';
import { Inspector } from '../../src/infer/inspector.js';
import type { Search } from '../../src/infer/locate/locator.js';
import { trainModel } from '../../src/train/model.js';
import type { Agreement, PlacementChoice } from '../../src/train/placement.js';
import { writeTrained } from '../../src/train/train.js';
import type { PlacementOptions } from './options.js';

export interface PlacementFigures {
  readonly imageAuroc: number | null;
  readonly pixelAuroc: number | null;
  readonly aupro: number | null;
  readonly aupro05: number | null;
  readonly verdicts: VerdictCounts | null;
  readonly told: PlacementChoice;
  /** How the model looks for the part; null where it takes regions as they are. */
  readonly search: Search | null;
  /** Why; null where there was too little to decide by. */
  readonly agreement: Agreement | null;
  /** Training images that could not be used. */
  readonly skipped: number;
  readonly steps: number;
  readonly seconds: number;
  /** Median of an inspection. */
  readonly msPerImage: number;
}

export interface MeasureOptions extends Pick<PlacementOptions, 'minutes' | 'steps' | 'size' | 'seed'> {
  /** What training is told of how parts lie. */
  readonly told: PlacementChoice;
  readonly threads: number;
}

/** Trains on a data set as `sideglance train --placement` does and evaluates the bundle as `sideglance evaluate` does. */
export async function measurePlacement(
  images: string,
  { minutes, steps, size, seed, told, threads }: MeasureOptions,
): Promise<PlacementFigures> {
  const dataset = await readDataset(images);
  const bundle = await mkdtemp(join(tmpdir(), 'sideglance-placement-model-'));
  try {
    const options = {
      images,
      size,
      seed,
      threads,
      placement: told,
      ...(steps === undefined ? { minutes } : { steps }),
    };
    const trained = await trainModel(options);
    const { learnt, locate, skipped } = trained.good;
    await writeTrained({ ...options, out: join(bundle, 'model') }, trained).finally(() => trained.good.close());
    const threshold = { falseRejectRate: DEFAULT_FALSE_REJECT_RATE };
    const inspector = await Inspector.load(join(bundle, 'model'), { threshold, threads });
    try {
      const { imageAuroc, pixelAuroc, aupro, aupro05, verdicts, msPerImage } = await evaluateModel(
        modelScorer(inspector),
        dataset,
      );
      return {
        ...{ imageAuroc, pixelAuroc, aupro, aupro05, verdicts, told },
        search: locate?.search ?? null,
        agreement: learnt?.agreement ?? null,
        skipped: skipped.length,
        steps: trained.steps,
        seconds: trained.seconds,
        msPerImage,
      };
    } finally {
      await inspector.close();
    }
  } finally {
    await rm(bundle, { recursive: true });
  }
}
