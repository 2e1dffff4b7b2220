import { SideglanceError } from '../errors.js';
import type { GoldenSample } from '../model/manifest.js';
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
  const { score, maps } = await scoreOne(scorer, picture, { x: 0, y: 0, width, height });
  let [sum, max] = [0, -Infinity];
  for (const value of maps.score) {
    sum += value;
    max = Math.max(max, value);
  }
  return { score, map: { mean: sum / maps.score.length, max } };
}

/**
 * How far figures may lie apart between machines: other instruction sets add in another order, which moves FP32
 * results by some 1e-5 of their size; a wrong layer moves them by far more than a thousandth.
 */
export function goldenTolerance({ score, map }: GoldenFigures): number {
  return 1e-3 * Math.max(1e-2, Math.abs(score), Math.abs(map.max));
}
