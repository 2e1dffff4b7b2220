import { SideglanceError } from '../errors.js';
import type { Pieces } from '../pieces.js';
import type { Box, Picture } from '../types.js';
import { type Axis, axisOf, EDGE_TOLERANCE_PIXELS } from './axis.js';
import { aligned, Kernels, ORDER_BYTES, orderOf } from './kernels.js';
import { layoutOf, type PixelLayout } from './pixels.js';

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
}

const plans = new Map<string, Plan>();

/** Shared by all: nothing stays in its memory from one call to the next. */
const kernels = new Kernels();

/**
 * Crops `box` from a picture and scales it to the target as RGB: the one resampler and the one colour path of training,
 * evaluation, `inspect` and the station, so that equal pixels give equal scores everywhere.
 *
 * Per axis: exact area averaging when shrinking (every source pixel counts by the area it covers, edges included),
 * bilinear interpolation between pixel centres when enlarging (clamped to the box), a copy when the sizes are equal.
 * Grey becomes equal red, green and blue; values are rounded to the nearest integer. Synchronous; weights are kept
 * per geometry.
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
  const layout = layoutOf(picture);
  checkBox(picture, box);
  checkWindow(size, window);
  if (isPlainCopy(box, size)) copy(picture, box, window, layout);
  else scale(picture, planFor(picture, box, size), window, layout);
}

/** Row by row of the window: the rows of the picture that it takes in become one, and of that the columns become pixels. */
function scale(picture: Picture, { across, down }: Plan, window: RgbWindow, layout: PixelLayout): void {
  const { bytes } = layout;
  const { x, y, width, height, data, offset, pitch } = window;
  const [column, lastColumn] = [across.start[x]!, x + width - 1];
  const length = (across.start[lastColumn]! + across.count[lastColumn]! - column) * bytes;
  const sourcePitch = aligned(length);
  const mostRows = down.count.subarray(y, y + height).reduce((most, count) => Math.max(most, count), 1);
  const weights = 4 * width;
  const [order, starts, counts, firsts, lasts, sums, out, source] = kernels.reserve(
    ...[ORDER_BYTES, weights, weights, weights, weights, 4 * sourcePitch, 3 * width, mostRows * sourcePitch],
  ) as [number, number, number, number, number, number, number, number];
  const memory = kernels.bytes;
  memory.set(orderOf(layout), order);
  kernels.put(across.start.subarray(x, x + width), starts);
  kernels.put(across.count.subarray(x, x + width), counts);
  kernels.put(across.first.subarray(x, x + width), firsts);
  kernels.put(across.last.subarray(x, x + width), lasts);
  const made = memory.subarray(out, out + 3 * width);
  const firstColumn = sums - 4 * bytes * column;
  for (let row = 0; row < height; row++) {
    const from = down.start[y + row]!;
    const rows = down.count[y + row]!;
    for (let r = 0; r < rows; r++) {
      const at = (from + r) * picture.stride + column * bytes;
      memory.set(picture.data.subarray(at, at + length), source + r * sourcePitch);
    }
    const [first, last] = [down.first[y + row]!, down.last[y + row]!];
    kernels.run.sumRows(source, sourcePitch, rows, length, first, down.inner, last, sums);
    kernels.run.sumColumns(firstColumn, bytes, starts, counts, firsts, lasts, across.inner, width, order, out);
    data.set(made, offset + row * pitch);
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

function copy(picture: Picture, box: Box, window: RgbWindow, { bytes, red, green, blue }: PixelLayout): void {
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
  const plan: Plan = {
    across: axisOf(box.x, box.width, picture.width, target.width),
    down: axisOf(box.y, box.height, picture.height, target.height),
  };
  const oldest = plans.keys().next().value;
  if (plans.size >= PLANS_KEPT && oldest !== undefined) plans.delete(oldest);
  plans.set(key, plan);
  return plan;
}
