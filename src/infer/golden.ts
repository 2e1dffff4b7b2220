import { SideglanceError } from '../errors.js';
import { decodeImage } from '../image/decode.js';
import { type GoldenSample, modelName } from '../model/manifest.js';
import type { Bundle } from '../model/open.js';
import { spareMoment } from '../native/background.js';
import type { Picture } from '../types.js';
import { type RegionScorer, scoreOne } from './scored.js';

/** The figures of a golden sample, as the model gives them here and now. */
export type GoldenFigures = Pick<GoldenSample, 'score'> & Required<Pick<GoldenSample, 'map'>>;

/**
 * Runs a golden image through the very path of every inspection.
 * @param where the image, for messages
 * @throws SideglanceError `SG_MODEL_INVALID` when the model looks at regions of one size and it has another
 */
export async function measureGolden(scorer: RegionScorer, picture: Picture, where: string): Promise<GoldenFigures> {
  const { width, height } = picture;
  const wanted = scorer.regionSize;
  if (wanted && (width !== wanted.width || height !== wanted.height)) {
    throw new SideglanceError(
      'SG_MODEL_INVALID',
      `the golden image ${where} has ${width}×${height} pixels, its region ${wanted.width}×${wanted.height}. Export the model again`,
    );
  }
  await spareMoment();
  const { score, maps } = await scoreOne(scorer, picture, { x: 0, y: 0, width, height });
  let [sum, max] = [0, -Infinity];
  for (const value of maps.score) {
    sum += value;
    max = Math.max(max, value);
  }
  return { score, map: { mean: sum / maps.score.length, max } };
}

/** The same for an image of a bundle. */
export async function measureSample(scorer: RegionScorer, bundle: Bundle, image: string): Promise<GoldenFigures> {
  const bytes = bundle.golden.get(image) as Uint8Array; // `openBundle` has read every golden image
  const where = `${bundle.folder}/${image}`;
  return measureGolden(scorer, await decodeImage(bytes, where), where);
}

/**
 * Scores a golden sample of a bundle and compares the figures with those in its manifest.
 * @throws SideglanceError `SG_MODEL_GOLDEN_MISMATCH` when they lie further apart than the sample's tolerance
 */
export async function reproduceGolden(scorer: RegionScorer, bundle: Bundle, sample: GoldenSample): Promise<void> {
  const where = `${bundle.folder}/${sample.image}`;
  const found = await measureSample(scorer, bundle, sample.image);
  const figures: [string, number, number][] = [['score', sample.score, found.score]];
  if (sample.map) {
    figures.push(
      ['mean of the map', sample.map.mean, found.map.mean],
      ['peak of the map', sample.map.max, found.map.max],
    );
  }
  for (const [what, expected, measured] of figures) {
    if (Math.abs(measured - expected) <= sample.tolerance) continue;
    throw new SideglanceError(
      'SG_MODEL_GOLDEN_MISMATCH',
      `${modelName(bundle.manifest)} does not reproduce ${where} on ${scorer.provider}: ${what} ${measured}, expected ${expected} ± ${sample.tolerance}. ` +
        'The model, the runtime or the hardware computes something else than where the bundle was made: it is not used',
    );
  }
}

/**
 * How far figures may lie apart between machines: other instruction sets add in another order, which moves FP32
 * results by some 1e-5 of their size; a wrong layer moves them by far more than a thousandth.
 */
export function goldenTolerance({ score, map }: GoldenFigures): number {
  return 1e-3 * Math.max(1e-2, Math.abs(score), Math.abs(map.max));
}
