import { renderPart } from '../../src/capture/simulated/render.js';
import { calibrate } from '../../src/infer/calibration.js';
import { exportBundle } from '../../src/infer/export-bundle.js';
import type { LocateSettings } from '../../src/infer/locate/locator.js';
import { type Relief, ReliefMaker, reliefSize } from '../../src/infer/locate/relief.js';
import { storedTemplate } from '../../src/infer/locate/template-image.js';
import { scoreOne } from '../../src/infer/scored.js';
import { Scorer } from '../../src/infer/scorer.js';
import { SCORE_SMOOTHING, SCORE_WEIGHTS } from '../../src/train/measure-scores.js';
import { LOCAL_NET } from '../../src/train/networks/local-net.js';
import { sharpenMean } from '../../src/train/template.js';
import type { Picture } from '../../src/types.js';
import { ownModel } from './own-model.js';

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Parts that the template and the calibration come from. */
const PARTS = 6;

/** A good part of the simulated line. */
export function simulatedPart({ width, height }: Size, index: number): Picture {
  return renderPart({ seed: 7, index, width, height, format: 'RGB', placement: 'aligned' }).picture;
}

/**
 * Writes a bundle for regions of a size, multiples of 8, around `ownModel`: everything that a model trained on the simulated line
 * has, the search for the part in its fixture included, without the training.
 */
export async function writeOwnBundle(folder: string, size: Size): Promise<void> {
  const { width, height } = size;
  const pictures = Array.from({ length: PARTS }, (_, index) => simulatedPart(size, index));
  const whole = { x: 0, y: 0, width, height };
  const maker = new ReliefMaker(reliefSize(size, 'nearby'));
  const reliefs = pictures.map((picture): Relief => {
    const { values, ...rest } = maker.make(picture, whole);
    return { ...rest, values: values.slice() };
  });
  const template = storedTemplate(sharpenMean(reliefs));
  const window = { width: template.width, height: template.height };
  const locate: LocateSettings = { search: 'nearby', template, window, minimumSimilarity: 0 };
  const model = ownModel(width, height);
  const { stride } = LOCAL_NET;
  const scoring = { smoothing: SCORE_SMOOTHING, weights: SCORE_WEIGHTS, terms: [{ cells: 3, centre: 0, spread: 1 }] };
  const scorer = await Scorer.create(model, { width, height, stride, scoring, locate });
  const scores: number[] = [];
  const hottest: number[] = [];
  for (const picture of pictures) {
    const { score, maps } = await scoreOne(scorer, picture, whole);
    scores.push(score);
    hottest.push(maps.score.reduce((most, value) => Math.max(most, value)));
  }
  await scorer.close();
  await exportBundle(folder, {
    id: `own-${width}x${height}`,
    version: '1.0.0',
    geometry: 'aligned',
    region: size,
    stride,
    scoring,
    calibration: calibrate(scores, hottest),
    trainedOn: { images: 0, source: 'made for time measurements, not trained', seed: 0, steps: 0, seconds: 0 },
    model,
    locate,
    golden: [pictures[0] as Picture],
  });
}
