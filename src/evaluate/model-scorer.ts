import type { Inspector } from '../infer/inspector.js';
import type { Picture, RegionResult } from '../types.js';
import type { Scorer } from './evaluate.js';

/**
 * A model as a scorer: each image is one region, judged the way a station judges it.
 * @throws SideglanceError (from `score`) `SG_REGION_SHAPE` where an image does not have the shape of the model's input.
 */
export function modelScorer(inspector: Inspector): Scorer<RegionResult> {
  return {
    async score(picture: Picture) {
      const whole = { name: 'image', x: 0, y: 0, width: picture.width, height: picture.height };
      const { regions } = await inspector.inspectRegions(picture, [whole]);
      return regions[0] as RegionResult; // one region in, one result out
    },
  };
}
