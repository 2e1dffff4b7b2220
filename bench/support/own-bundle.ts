import { renderPart } from '../../src/capture/simulated/render.js';
import { type Calibration, calibrate } from '../../src/infer/calibration.js';
import { createScorer } from '../../src/infer/create-scorer.js';
import { exportBundle } from '../../src/infer/export-bundle.js';
import type { LocateSettings, Search } from '../../src/infer/locate/locator.js';
import { type Relief, ReliefMaker, reliefSize } from '../../src/infer/locate/relief.js';
import { storedTemplate } from '../../src/infer/locate/template-image.js';
import { type RegionScorer, scoreOne } from '../../src/infer/scored.js';
import { Scorer } from '../../src/infer/scorer.js';
import { TILE_GEOMETRY } from '../../src/train/export-tiles.js';
import { SCORE_SMOOTHING, SCORE_WEIGHTS } from '../../src/train/measure-scores.js';
import { LOCAL_NET } from '../../src/train/networks/local-net.js';
import { sharpenMean } from '../../src/train/template.js';
import type { Picture } from '../../src/types.js';
import { FIELD_SCORING, RandomFieldModel } from '../../test/support/field-model.js';
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
 * has, the search for the part included, without the training.
 */
export async function writeOwnBundle(folder: string, size: Size, search: Search = 'nearby'): Promise<void> {
  const { width, height } = size;
  const pictures = Array.from({ length: PARTS }, (_, index) => simulatedPart(size, index));
  const whole = { x: 0, y: 0, width, height };
  const maker = new ReliefMaker(reliefSize(size, search));
  const reliefs = pictures.map((picture): Relief => {
    const { values, ...rest } = maker.make(picture, whole);
    return { ...rest, values: values.slice() };
  });
  const template = storedTemplate(sharpenMean(reliefs));
  const window = { width: template.width, height: template.height };
  const locate: LocateSettings = { search, template, window, minimumSimilarity: 0 };
  const model = ownModel(width, height);
  const { stride } = LOCAL_NET;
  const scoring = { smoothing: SCORE_SMOOTHING, weights: SCORE_WEIGHTS, terms: [{ cells: 3, centre: 0, spread: 1 }] };
  const scorer = await Scorer.create(model, { width, height, stride, scoring, locate });
  const calibration = await calibrated(scorer, pictures);
  await exportBundle(folder, {
    ...untrained('own', size),
    geometry: 'aligned',
    region: size,
    scoring,
    calibration,
    model,
    locate,
    golden: [pictures[0] as Picture],
  });
}

/** The same for frames that are looked at in tiles, which have no part to be found. */
export async function writeSurfaceBundle(folder: string, size: Size): Promise<void> {
  const files = new RandomFieldModel(1).files();
  const { stride } = LOCAL_NET;
  const field = { ...TILE_GEOMETRY, scale: 1 };
  const scorer = await createScorer(files, { region: size, stride, scoring: FIELD_SCORING, field, locate: null });
  const calibration = await calibrated(scorer, [simulatedPart(size, 3)]);
  await exportBundle(folder, {
    ...untrained('surface', size),
    ...files,
    geometry: 'field',
    region: size,
    field,
    scoring: FIELD_SCORING,
    calibration,
    locate: null,
    golden: [simulatedPart({ width: 512, height: 512 }, 0)],
  });
}

function untrained(name: string, { width, height }: Size) {
  return {
    id: `${name}-${width}x${height}`,
    version: '1.0.0',
    stride: LOCAL_NET.stride,
    trainedOn: { images: 0, source: 'made for time measurements, not trained', seed: 0, steps: 0, seconds: 0 },
  };
}

/** By pictures that the scorer will see; it is closed then. */
async function calibrated(scorer: RegionScorer, pictures: readonly Picture[]): Promise<Calibration> {
  const scores: number[] = [];
  const hottest: number[] = [];
  for (const picture of pictures) {
    const { width, height } = picture;
    const { score, maps } = await scoreOne(scorer, picture, { x: 0, y: 0, width, height });
    // A little more than it was: rounding must not make a part fail.
    for (const factor of [1, 1.001]) {
      scores.push(score + (factor - 1) * Math.abs(score));
      hottest.push(factor * maps.score.reduce((most, value) => Math.max(most, value)));
    }
  }
  await scorer.close();
  return calibrate(scores, hottest);
}
