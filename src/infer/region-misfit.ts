import type { Manifest } from '../model/manifest.js';
import type { Box } from '../types.js';
import { ASPECT_TOLERANCE } from './scorer.js';
import { fitsField } from './tiling/field-size.js';

/**
 * What a region, in frame pixels, would have to be for a model to judge it; null where it is. Known from the manifest alone,
 * so nothing is said where a part is found first: that depends on the template.
 */
export function regionMisfit(region: Pick<Box, 'width' | 'height'>, manifest: Manifest): string | null {
  const { field, locate, region: known } = manifest;
  if (field) {
    if (fitsField(region, manifest)) return null;
    const [width, height] = [known.width, known.height].map((side) => Math.round(side * field.scale));
    return `its scores hold for regions of ${width}×${height}`;
  }
  if (locate || Math.abs((region.width * known.height) / (region.height * known.width) - 1) <= ASPECT_TOLERANCE)
    return null;
  return `it sees regions of the shape of ${known.width}×${known.height}`;
}
