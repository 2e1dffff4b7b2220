import { encodeFrame, encodeMap, type ScoreRange } from '../encode/attachments.js';
import type { RegionResult } from '../types.js';
import type { Encoders } from './judge.js';

export const encoders: Encoders = {
  map: (result) => encodeMap(result.map, result.region.name, mapRange(result)),
  frame: encodeFrame,
};

/**
 * From 0 to twice the map's threshold, so that maps of one station compare by eye and grey 128 is that threshold; further only
 * where the scores go further, since nothing may be cut off.
 */
export function mapRange({ map, mapThreshold }: Pick<RegionResult, 'map' | 'mapThreshold'>): ScoreRange {
  const range = { min: 0, max: Number.isFinite(mapThreshold) && mapThreshold > 0 ? 2 * mapThreshold : 0 };
  for (const value of map.values) {
    if (value < range.min) range.min = value;
    if (value > range.max && value < Number.POSITIVE_INFINITY) range.max = value;
  }
  return range;
}
