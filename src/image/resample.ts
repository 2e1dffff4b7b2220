import { SideglanceError } from '../errors.js';
import type { Box, Picture } from '../types.js';
import { layoutOf } from './pixels.js';

/** What {@link resampleToRgb} fills: `data` holds width × height × 3 bytes, red, green, blue, rows without padding. */
export interface RgbTarget {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** Geometries whose weights are kept; a station has a handful, a training folder of mixed sizes may have more. */
const PLANS_KEPT = 32;
/** Boxes that come out of arithmetic may overshoot the frame by rounding, never by more than this. */
const EDGE_TOLERANCE_PIXELS = 1e-6;

/**
 * Which source pixels make one target pixel, per axis: `count[t]` of them from `start[t]`. The first and the last have
 * weights of their own, those between share `inner`: that is all that area averaging and bilinear weights need, and it
 * turns the inner loop into plain integer sums.
 */
interface Axis {
  readonly start: Int32Array;
  readonly count: Int32Array;
  readonly first: Float32Array;
  readonly last: Float32Array;
  readonly inner: number;
}

interface Plan {
  readonly across: Axis;
  readonly down: Axis;
  /** Two horizontally resampled source rows: neighbouring target rows share at most one of them. */
  readonly rows: readonly [Float32Array, Float32Array];
  readonly sum: Float32Array;
}

const plans = new Map<string, Plan>();

/**
 * Crops `box` from a picture and scales it to the target as RGB: the one resampler and the one colour path of training,
 * evaluation, `inspect` and the station, so that equal pixels give equal scores everywhere.
 *
 * Per axis: exact area averaging when shrinking (every source pixel counts by the area it covers, edges included),
 * bilinear interpolation between pixel centres when enlarging (clamped to the box), a copy when the sizes are equal.
 * Grey becomes equal red, green and blue; values are rounded to the nearest integer. Synchronous; weights and
 * row buffers are kept per geometry.
 *
 * @param box in frame pixels, integer or fractional; a `name` is used in the error message.
 * @throws SideglanceError `SG_REGION_OUTSIDE` where the box is empty or not inside the frame, `SG_FRAME_FORMAT` where
 *   the picture does not hold what it says.
 */
export function resampleToRgb(picture: Picture, box: Box & { readonly name?: string }, target: RgbTarget): void {
  const { bytes, red, green, blue } = layoutOf(picture);
  checkBox(picture, box);
  if (target.width < 1 || target.height < 1 || target.data.length < target.width * target.height * 3) {
    throw new RangeError(`an RGB target of ${target.width}×${target.height} does not fit ${target.data.length} bytes`);
  }
  if (isPlainCopy(box, target)) {
    copy(picture, box, target, bytes, red, green, blue);
    return;
  }

  const { across, down, rows, sum } = planFor(picture, box, target);
  const grey = bytes === 1;
  const samples = target.width * (grey ? 1 : 3);
  const held: [number, number] = [-1, -1];
  const rowOf = (y: number): Float32Array => {
    const slot = (y & 1) as 0 | 1;
    const row = rows[slot];
    if (held[slot] !== y) {
      if (grey) shrinkGreyRow(picture.data, y * picture.stride, across, row);
      else shrinkColourRow(picture.data, y * picture.stride, bytes, red, green, blue, across, row);
      held[slot] = y;
    }
    return row;
  };

  for (let y = 0, out = 0; y < target.height; y++) {
    const from = down.start[y]!;
    const final = from + down.count[y]! - 1;
    scaleInto(sum, rowOf(from), down.first[y]!, samples);
    for (let r = from + 1; r < final; r++) addScaled(sum, rowOf(r), down.inner, samples);
    if (final > from) addScaled(sum, rowOf(final), down.last[y]!, samples);
    out = grey ? writeGrey(sum, target.data, out, samples) : writeColour(sum, target.data, out, samples);
  }
}

function checkBox(picture: Picture, box: Box & { readonly name?: string }): void {
  const { x, y, width, height } = box;
  const what = `region ${box.name === undefined ? '' : `"${box.name}" `}of ${width}×${height} at (${x}, ${y})`;
  if (!(width > 0 && height > 0)) {
    throw new SideglanceError(
      'SG_REGION_OUTSIDE',
      `${what} is empty; give it a width and a height of at least 1 pixel`,
    );
  }
  const right = picture.width + EDGE_TOLERANCE_PIXELS;
  const bottom = picture.height + EDGE_TOLERANCE_PIXELS;
  const inside =
    x >= -EDGE_TOLERANCE_PIXELS && y >= -EDGE_TOLERANCE_PIXELS && x + width <= right && y + height <= bottom;
  if (!inside) {
    throw new SideglanceError(
      'SG_REGION_OUTSIDE',
      `${what} does not lie inside the frame of ${picture.width}×${picture.height}; ` +
        'move or shrink the region, or check the resolution that the camera delivers',
    );
  }
}

function isPlainCopy(box: Box, target: RgbTarget): boolean {
  const aligned = Number.isInteger(box.x) && Number.isInteger(box.y);
  return aligned && box.width === target.width && box.height === target.height;
}

function copy(
  picture: Picture,
  box: Box,
  target: RgbTarget,
  bytes: number,
  red: number,
  green: number,
  blue: number,
): void {
  const { data, stride } = picture;
  const out = target.data;
  for (let y = 0, o = 0; y < target.height; y++) {
    let at = (box.y + y) * stride + box.x * bytes;
    if (bytes === 3) {
      out.set(data.subarray(at, at + target.width * 3), o);
      o += target.width * 3;
      continue;
    }
    for (let x = 0; x < target.width; x++, at += bytes, o += 3) {
      out[o] = data[at + red]!;
      out[o + 1] = data[at + green]!;
      out[o + 2] = data[at + blue]!;
    }
  }
}

function planFor(picture: Picture, box: Box, target: RgbTarget): Plan {
  const key = `${picture.width} ${picture.height} ${box.x} ${box.y} ${box.width} ${box.height} ${target.width} ${target.height}`;
  const known = plans.get(key);
  if (known !== undefined) return known;
  const samples = target.width * 3;
  const plan: Plan = {
    across: axisOf(box.x, box.width, picture.width, target.width),
    down: axisOf(box.y, box.height, picture.height, target.height),
    rows: [new Float32Array(samples), new Float32Array(samples)],
    sum: new Float32Array(samples),
  };
  const oldest = plans.keys().next().value;
  if (plans.size >= PLANS_KEPT && oldest !== undefined) plans.delete(oldest);
  plans.set(key, plan);
  return plan;
}

/** The weights of one axis: `from` and `length` of the box on it, `frame` source pixels in all, `size` target pixels. */
function axisOf(from: number, length: number, frame: number, size: number): Axis {
  const axis = {
    start: new Int32Array(size),
    count: new Int32Array(size),
    first: new Float32Array(size),
    last: new Float32Array(size),
    inner: size / length,
  };
  const begin = Math.max(0, from);
  const end = Math.min(frame, from + length);
  const step = (end - begin) / size;
  if (step >= 1) areaWeights(axis, begin, end, step);
  else bilinearWeights(axis, begin, end, step);
  return axis;
}

function areaWeights(axis: Axis, begin: number, end: number, step: number): void {
  const size = axis.start.length;
  for (let t = 0; t < size; t++) {
    const left = begin + t * step;
    // The last edge is the box's own: accumulated rounding must not reach into the pixel after it.
    const right = t === size - 1 ? end : begin + (t + 1) * step;
    // An edge a rounding error away from a pixel border is on that border.
    const start = Math.floor(left + EDGE_TOLERANCE_PIXELS);
    const stop = Math.max(start + 1, Math.ceil(right - EDGE_TOLERANCE_PIXELS));
    axis.start[t] = start;
    axis.count[t] = stop - start;
    axis.first[t] = stop - start === 1 ? 1 : (start + 1 - left) / step;
    axis.last[t] = stop - start === 1 ? 0 : (right - (stop - 1)) / step;
  }
}

function bilinearWeights(axis: Axis, begin: number, end: number, step: number): void {
  const lowest = Math.floor(begin);
  const highest = Math.ceil(end) - 1;
  for (let t = 0; t < axis.start.length; t++) {
    const centre = Math.min(highest, Math.max(lowest, begin + (t + 0.5) * step - 0.5));
    const start = Math.min(highest, Math.floor(centre));
    const fraction = centre - start;
    axis.start[t] = start;
    axis.count[t] = fraction > 0 ? 2 : 1;
    axis.first[t] = 1 - fraction;
    axis.last[t] = fraction;
  }
}

function shrinkGreyRow(data: Uint8Array, row: number, axis: Axis, out: Float32Array): void {
  const { start, count, first, last, inner } = axis;
  for (let t = 0; t < start.length; t++) {
    let at = row + start[t]!;
    const final = at + count[t]! - 1;
    let value = first[t]! * data[at]!;
    if (final > at) {
      let between = 0;
      for (at++; at < final; at++) between += data[at]!;
      value += inner * between + last[t]! * data[at]!;
    }
    out[t] = value;
  }
}

function shrinkColourRow(
  data: Uint8Array,
  row: number,
  bytes: number,
  red: number,
  green: number,
  blue: number,
  axis: Axis,
  out: Float32Array,
): void {
  const { start, count, first, last, inner } = axis;
  for (let t = 0, o = 0; t < start.length; t++, o += 3) {
    let at = row + start[t]! * bytes;
    const final = at + (count[t]! - 1) * bytes;
    const head = first[t]!;
    let r = head * data[at + red]!;
    let g = head * data[at + green]!;
    let b = head * data[at + blue]!;
    if (final > at) {
      let reds = 0;
      let greens = 0;
      let blues = 0;
      for (at += bytes; at < final; at += bytes) {
        reds += data[at + red]!;
        greens += data[at + green]!;
        blues += data[at + blue]!;
      }
      const tail = last[t]!;
      r += inner * reds + tail * data[at + red]!;
      g += inner * greens + tail * data[at + green]!;
      b += inner * blues + tail * data[at + blue]!;
    }
    out[o] = r;
    out[o + 1] = g;
    out[o + 2] = b;
  }
}

function scaleInto(sum: Float32Array, row: Float32Array, weight: number, samples: number): void {
  for (let i = 0; i < samples; i++) sum[i] = weight * row[i]!;
}

function addScaled(sum: Float32Array, row: Float32Array, weight: number, samples: number): void {
  for (let i = 0; i < samples; i++) sum[i] = sum[i]! + weight * row[i]!;
}

// Weights sum to 1 up to float32 rounding, so a value never exceeds 255.5 and needs no clamp.
function writeColour(sum: Float32Array, data: Uint8Array, out: number, samples: number): number {
  for (let i = 0; i < samples; i++) data[out + i] = sum[i]! + 0.5;
  return out + samples;
}

function writeGrey(sum: Float32Array, data: Uint8Array, out: number, samples: number): number {
  let o = out;
  for (let i = 0; i < samples; i++, o += 3) {
    const value = (sum[i]! + 0.5) | 0;
    data[o] = value;
    data[o + 1] = value;
    data[o + 2] = value;
  }
  return o;
}
