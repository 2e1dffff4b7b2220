import { SideglanceError } from '../../errors.js';
import { type Manifest, modelName } from '../../model/manifest.js';
import type { ScoredRegion } from '../scored.js';
import { modelPixels } from './surface.js';

/** The largest difference of a region's sides from those of the regions that the scores hold for. */
const SIDE_TOLERANCE = 0.05;

/**
 * A `field` model computes the map of a region of any size, but how hot the hottest cells of a good region are depends on how
 * many cells there are. So scores, and the false reject rate with them, hold for regions as large as the ones that they were
 * measured on.
 *
 * @throws SideglanceError `SG_REGION_SHAPE` for a region of another size
 */
export function checkFieldSize(region: ScoredRegion, manifest: Manifest): void {
  const { field, region: known } = manifest;
  // An empty region is the resampler's to refuse.
  if (!field || !(region.width > 0 && region.height > 0) || fitsField(region, manifest)) return;
  const frame = (side: number) => Math.round(side * field.scale);
  throw new SideglanceError(
    'SG_REGION_SHAPE',
    `region ${region.name === undefined ? '' : `"${region.name}" `}of ${region.width}×${region.height} is not as large as the regions that the scores of ${modelName(manifest)} hold for, ` +
      `${frame(known.width)}×${frame(known.height)}. Choose such a region, or measure the scores of good images of this size: sideglance calibrate --images <folder>`,
  );
}

/** Whether a region, in frame pixels, is as large as those that the scores of a `field` model hold for; true for any other model. */
export function fitsField(region: Pick<ScoredRegion, 'width' | 'height'>, { field, region: known }: Manifest): boolean {
  if (!field) return true;
  const { width, height } = modelPixels(region, field.scale);
  return Math.max(Math.abs(width / known.width - 1), Math.abs(height / known.height - 1)) <= SIDE_TOLERANCE;
}
