import { SideglanceError } from '../errors.js';
import type { Pieces } from '../pieces.js';
import type { Box, Picture } from '../types.js';
import { type Axis, axisOf, EDGE_TOLERANCE_PIXELS } from './axis.js';
import { layoutOf } from './pixels.js';

/** What {@link resampleToRgb} fills: `data` holds width × height × 3 bytes, red, green, blue, rows without padding. */
export interface RgbTarget {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** A part of a target, and where in memory it goes: three bytes a pixel. */
export interface RgbWindow extends Box {
  readonly data: Uint8Array;
  /** Of its first pixel. */
  readonly offset: number;
  /** Bytes from one row to the next. */
  readonly pitch: number;
}

/** Geometries whose weights are kept; a station has a handful, a training folder of mixed sizes may have more. */
const PLANS_KEPT = 32;

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
  const { width, height, data } = target;
  resampleWindow(picture, box, target, { x: 0, y: 0, width, height, data, offset: 0, pitch: 3 * width });
}

/**
 * The same for a window of the target alone: its pixels are exactly those that the whole target would have there.
 *
 * @param size of the whole target
 * @param window inside of it, in whole pixels
 */
export function resampleWindow(
  picture: Picture,
  box: Box & { readonly name?: string },
  size: Pick<RgbTarget, 'width' | 'height'>,
  window: RgbWindow,
): void {
  const { bytes, red, green, blue } = layoutOf(picture);
  checkBox(picture, box);
  checkWindow(size, window);
  if (isPlainCopy(box, size)) {
    copy(picture, box, window, bytes, red, green, blue);
    return;
  }

  const { across, down, rows, sum } = planFor(picture, box, size);
  const { x, width, data, offset, pitch } = window;
  const grey = bytes === 1;
  const samples = width * (grey ? 1 : 3);
  const held: [number, number] = [-1, -1];
  const rowOf = (y: number): Float32Array => {
    const slot = (y & 1) as 0 | 1;
    const row = rows[slot];
    if (held[slot] !== y) {
      if (grey) shrinkGreyRow(picture.data, y * picture.stride, across, x, width, row);
      else shrinkColourRow(picture.data, y * picture.stride, bytes, red, green, blue, across, x, width, row);
      held[slot] = y;
    }
    return row;
  };

  for (let y = window.y, out = offset; y < window.y + window.height; y++, out += pitch) {
    const from = down.start[y]!;
    const final = from + down.count[y]! - 1;
    scaleInto(sum, rowOf(from), down.first[y]!, samples);
    for (let r = from + 1; r < final; r++) addScaled(sum, rowOf(r), down.inner, samples);
    if (final > from) addScaled(sum, rowOf(final), down.last[y]!, samples);
    if (grey) writeGrey(sum, data, out, samples);
    else writeColour(sum, data, out, samples);
  }
}

/** Rows of a window that are made in one go. */
const BAND = 16;

/** The same, a band of rows after the other. */
export function* resampleInBands(
  picture: Picture,
  box: Box & { readonly name?: string },
  size: Pick<RgbTarget, 'width' | 'height'>,
  window: RgbWindow,
): Pieces<void> {
  for (let row = 0; row < window.height; row += BAND) {
    if (row > 0) yield;
    const [y, offset] = [window.y + row, window.offset + row * window.pitch];
    resampleWindow(picture, box, size, { ...window, y, offset, height: Math.min(BAND, window.height - row) });
  }
}

function checkWindow({ width, height }: Pick<RgbTarget, 'width' | 'height'>, window: RgbWindow): void {
  const right = window.x + window.width;
  const bottom = window.y + window.height;
  const inside = window.x >= 0 && window.y >= 0 && right <= width && bottom <= height;
  const end = window.offset + (window.height - 1) * window.pitch + 3 * window.width;
  if (window.width >= 1 && window.height >= 1 && inside && end <= window.data.length) return;
  throw new RangeError(
    `a window of ${window.width}×${window.height} at (${window.x}, ${window.y}) of an RGB target of ${width}×${height} does not fit ${window.data.length} bytes`,
  );
}

/** @throws SideglanceError `SG_REGION_OUTSIDE` as {@link resampleToRgb} */
export function checkBox(picture: Picture, box: Box & { readonly name?: string }): void {
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

function isPlainCopy(box: Box, target: Pick<RgbTarget, 'width' | 'height'>): boolean {
  const aligned = Number.isInteger(box.x) && Number.isInteger(box.y);
  return aligned && box.width === target.width && box.height === target.height;
}

function copy(
  picture: Picture,
  box: Box,
  window: RgbWindow,
  bytes: number,
  red: number,
  green: number,
  blue: number,
): void {
  const { data, stride } = picture;
  const out = window.data;
  for (let y = 0; y < window.height; y++) {
    let at = (box.y + window.y + y) * stride + (box.x + window.x) * bytes;
    let o = window.offset + y * window.pitch;
    if (bytes === 3) {
      out.set(data.subarray(at, at + window.width * 3), o);
      continue;
    }
    for (let x = 0; x < window.width; x++, at += bytes, o += 3) {
      out[o] = data[at + red]!;
      out[o + 1] = data[at + green]!;
      out[o + 2] = data[at + blue]!;
    }
  }
}

function planFor(picture: Picture, box: Box, target: Pick<RgbTarget, 'width' | 'height'>): Plan {
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

function shrinkGreyRow(
  data: Uint8Array,
  row: number,
  axis: Axis,
  begin: number,
  length: number,
  out: Float32Array,
): void {
  const { start, count, first, last, inner } = axis;
  for (let t = begin; t < begin + length; t++) {
    let at = row + start[t]!;
    const final = at + count[t]! - 1;
    let value = first[t]! * data[at]!;
    if (final > at) {
      let between = 0;
      for (at++; at < final; at++) between += data[at]!;
      value += inner * between + last[t]! * data[at]!;
    }
    out[t - begin] = value;
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
  begin: number,
  length: number,
  out: Float32Array,
): void {
  const { start, count, first, last, inner } = axis;
  for (let t = begin, o = 0; t < begin + length; t++, o += 3) {
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
function writeColour(sum: Float32Array, data: Uint8Array, out: number, samples: number): void {
  for (let i = 0; i < samples; i++) data[out + i] = sum[i]! + 0.5;
}

function writeGrey(sum: Float32Array, data: Uint8Array, out: number, samples: number): void {
  let o = out;
  for (let i = 0; i < samples; i++, o += 3) {
    const value = (sum[i]! + 0.5) | 0;
    data[o] = value;
    data[o + 1] = value;
    data[o + 2] = value;
  }
}
