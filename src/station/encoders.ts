import type { MapsConfig } from '../config/publish.js';
import { encodeFrame, encodeOverlay } from '../encode/attachments.js';
import { encodeMap } from '../encode/map.js';
import type { Encoders } from './judge.js';

/** What makes files of maps and frames, in the form that the configuration names. */
export function createEncoders({ form, maxSide }: MapsConfig): Encoders {
  return {
    maps: (picture, judged, due) =>
      form === 'overlay'
        ? [encodeOverlay(picture, judged, maxSide)]
        : due.map((region) => encodeMap(region, form, maxSide)),
    frame: encodeFrame,
  };
}
