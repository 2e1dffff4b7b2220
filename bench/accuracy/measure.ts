import type { Dataset } from '../../src/evaluate/dataset.js';
import { evaluateModel, type GroupMetrics } from '../../src/evaluate/evaluate.js';
import { machine } from '../support/daemon.js';
import type { Figures } from './cells.js';
import type { FitOptions, Method } from './method.js';

/** Trains a method on the good images of a category and evaluates it on the test images. */
export async function measure(method: Method, dataset: Dataset, options: Omit<FitOptions, 'folder'>): Promise<Figures> {
  const started = performance.now();
  const fitted = await method.fit({ ...options, folder: dataset.folder });
  const trainingSeconds = (performance.now() - started) / 1000;
  try {
    const evaluation = await evaluateModel(fitted.scorer, dataset);
    const { perDefect, msPerImage, notes } = evaluation;
    return {
      ...metricsOf(evaluation),
      perDefect: Object.fromEntries(Object.entries(perDefect).map(([defect, group]) => [defect, metricsOf(group)])),
      trainingSeconds,
      msPerImage,
      modelBytes: fitted.bytes,
      machine: machine(),
      notes: [...fitted.notes, ...notes],
    };
  } finally {
    await fitted.close();
  }
}

export function metricsOf({ imageAuroc, pixelAuroc, aupro, aupro05 }: GroupMetrics) {
  return { imageAuroc, pixelAuroc, aupro, aupro05 };
}
