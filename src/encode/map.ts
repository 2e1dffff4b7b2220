import { reduceMap } from '../image/map.js';
import { MAP_MEDIA_TYPES, type MapForm } from '../map-forms.js';
import type { AnomalyMap, Attachment, RegionResult } from '../types.js';
import { encodeGreyPng } from './png.js';

/** The part of a region's result that its map needs. */
export type MappedRegion = Pick<RegionResult, 'region' | 'map' | 'mapThreshold'>;

type Scale = NonNullable<Attachment['scale']>;

/** The largest finite number in half precision. */
const MAX_HALF = 65504;
/** Layout of `float16`, little-endian throughout. The values begin where the header says that it ends. */
export const MAP_HEADER = { magic: 'SGM1', bytes: 32 } as const;

/**
 * An anomaly map as a picture of its grid, or as its values: value = offset + v × scale, v as it is stored.
 *
 * @param maxSide at most so many rows and columns; see `reduceMap`.
 */
export async function encodeMap(
  result: MappedRegion,
  form: Exclude<MapForm, 'overlay'>,
  maxSide = Number.POSITIVE_INFINITY,
): Promise<Attachment> {
  const map = reduceMap(result.map, maxSide);
  const { values, ...grid } = map;
  const { bytes, scale } =
    form === 'float16' ? encodeFloat16(map, result) : await encodePng(map, result, form === 'png8' ? 255 : 65535);
  const { name: region } = result.region;
  const [width, height] = [map.columns, map.rows];
  return { kind: 'map', region, form, mediaType: MAP_MEDIA_TYPES[form], bytes, scale, grid, width, height };
}

/**
 * As grey PNG, with what it takes to read it in text chunks `sideglance.*`.
 *
 * The values span from 0 to twice the map's threshold, so that maps of one station compare by eye and mid-grey is that
 * threshold; further only where the map goes further, since nothing may be cut off. What is not a number becomes white,
 * because what cannot be judged must not look good.
 */
async function encodePng(
  map: AnomalyMap,
  { region, mapThreshold }: MappedRegion,
  white: 255 | 65535,
): Promise<{ bytes: Uint8Array; scale: Scale }> {
  const { rows, columns, values } = map;
  const { min, max } = rangeOf(values, mapThreshold);
  // A flat range still needs a scale that can be divided by.
  const scale = max > min ? (max - min) / white : 1 / white;
  const grey = white === 255 ? new Uint8Array(values.length) : new Uint16Array(values.length);
  for (let i = 0; i < grey.length; i++) {
    const value = values[i]!;
    grey[i] = Number.isNaN(value) ? white : Math.min(white, Math.max(0, Math.round((value - min) / scale)));
  }
  const bytes = await encodeGreyPng(columns, rows, grey, {
    'sideglance.region': region.name,
    'sideglance.box': [region.x, region.y, region.width, region.height].join(','),
    'sideglance.offset': String(min),
    'sideglance.scale': String(scale),
    ...(Number.isFinite(mapThreshold) ? { 'sideglance.mapThreshold': String(mapThreshold) } : {}),
    'sideglance.cell': String(map.cell),
    'sideglance.inputWidth': String(map.inputWidth),
    'sideglance.inputHeight': String(map.inputHeight),
  });
  return { bytes, scale: { offset: min, scale } };
}

function rangeOf(values: Float32Array, mapThreshold: number): { min: number; max: number } {
  const range = { min: 0, max: Number.isFinite(mapThreshold) && mapThreshold > 0 ? 2 * mapThreshold : 0 };
  for (const value of values) {
    if (value < range.min && value > Number.NEGATIVE_INFINITY) range.min = value;
    if (value > range.max && value < Number.POSITIVE_INFINITY) range.max = value;
  }
  return range;
}

/**
 * As a header of 32 bytes and the values in half precision, row by row. `scale` is 1 unless some value is too large for
 * half precision. What is not a number stays so.
 */
function encodeFloat16(map: AnomalyMap, { mapThreshold }: MappedRegion): { bytes: Uint8Array; scale: Scale } {
  const { values } = map;
  let largest = MAX_HALF;
  for (const value of values) {
    if (Number.isFinite(value)) largest = Math.max(largest, Math.abs(value));
  }
  const scale = largest > MAX_HALF ? Math.fround(largest / MAX_HALF) : 1;
  const bytes = new Uint8Array(MAP_HEADER.bytes + 2 * values.length);
  const view = new DataView(bytes.buffer);
  bytes.set(Buffer.from(MAP_HEADER.magic, 'latin1'));
  view.setUint16(4, MAP_HEADER.bytes, true);
  view.setUint16(6, map.rows, true);
  view.setUint16(8, map.columns, true);
  view.setUint16(10, map.inputWidth, true);
  view.setUint16(12, map.inputHeight, true);
  // At 14: zero.
  view.setFloat32(16, map.cell, true);
  view.setFloat32(20, mapThreshold, true);
  view.setFloat32(24, 0, true);
  view.setFloat32(28, scale, true);
  const scaled = values.map((value) => value / scale);
  const bits = new Uint32Array(scaled.buffer);
  for (let i = 0; i < bits.length; i++) view.setUint16(MAP_HEADER.bytes + 2 * i, toHalf(bits[i]!), true);
  return { bytes, scale: { offset: 0, scale } };
}

/**
 * The bits of the nearest half to a float of these bits, the even one of two (IEEE 754-2019, 3.6 and 4.3.1); finite ones
 * are at most 65504. The float16 package takes microseconds for each value, and maps of surfaces have many.
 */
function toHalf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const size = bits & 0x7fffffff;
  if (size > 0x7f800000) return sign | 0x7e00;
  if (size === 0x7f800000) return sign | 0x7c00;
  // 2^-14: what is smaller has no leading one. Adding 0.5 leaves its rounded multiple of 2^-24 in the lowest bits.
  if (size < 0x38800000) return sign | smallHalf(size);
  return sign | ((size - 0x38000000 + 0xfff + ((size >>> 13) & 1)) >>> 13);
}

const SMALL = new Float32Array(1);
const SMALL_BITS = new Uint32Array(SMALL.buffer);

function smallHalf(size: number): number {
  SMALL_BITS[0] = size;
  SMALL[0] = SMALL[0]! + 0.5;
  return SMALL_BITS[0]! - 0x3f000000;
}
