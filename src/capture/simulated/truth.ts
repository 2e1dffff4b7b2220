import type { Box } from '../../types.js';
import { type Exposure, type FrameSpan, toneOf } from './camera-view.js';
import type { SimulatedDefect } from './defects.js';
import type { PartRaster } from './raster.js';
import type { Variation } from './variation.js';

/** What is really wrong with a simulated part. */
export interface Truth {
  readonly defective: boolean;
  readonly kind: SimulatedDefect | null;
  /** Smallest rectangle around the mask, in frame pixels. */
  readonly box: Box | null;
  /** width × height, 255 where the defect changes the picture, else 0. */
  readonly mask: Uint8Array;
  /** Pixels in the mask. */
  readonly area: number;
  /** Mean change in grey levels over the pixels that the defect changes; 0 for a good part. */
  readonly contrast: number;
}

/** Grey levels that a pixel must change by to belong to the defect: about one and a half times the sensor noise. */
export const MASK_LEVELS = 3;
/** A defect counts as visible when it changes this many pixels of a 512 × 512 frame … */
export const VISIBLE_PIXELS = 60;
/** … by at least so many grey levels. */
export const VISIBLE_LEVELS = 10;

/** The truth about a good part. */
export function noTruth(width: number, height: number): Truth {
  return { defective: false, kind: null, box: null, mask: new Uint8Array(width * height), area: 0, contrast: 0 };
}

/** The frame pixels that can differ between two paintings of the same part. */
export function changedSpan(
  good: Omit<PartRaster, 'variation'>,
  bad: PartRaster,
  variation: Variation,
  width: number,
  height: number,
): FrameSpan {
  const { layers } = good;
  let [left, top, right, bottom] = [layers.width, layers.height, -1, -1];
  for (let row = 0; row < layers.height; row++) {
    for (let column = 0; column < layers.width; column++) {
      const i = row * layers.width + column;
      if (
        good.light[i] === bad.light[i] &&
        good.belt[i] === bad.belt[i] &&
        (bad.warmth === null || bad.warmth[i] === 0)
      )
        continue;
      if (column < left) left = column;
      if (column > right) right = column;
      if (row < top) top = row;
      bottom = row;
    }
  }
  if (right < 0) return { left: 0, top: 0, right: 1, bottom: 1 };
  const cos = Math.cos(variation.turn) * variation.zoom;
  const sin = Math.sin(variation.turn) * variation.zoom;
  const xs: number[] = [];
  const ys: number[] = [];
  for (const u of [left - 1, right + 2]) {
    for (const v of [top - 1, bottom + 2]) {
      const x = u - layers.width / 2;
      const y = v - layers.height / 2;
      xs.push(variation.centreX + x * cos - y * sin);
      ys.push(variation.centreY + x * sin + y * cos);
    }
  }
  // Two pixels of margin for interpolation and blur.
  return {
    left: Math.max(0, Math.floor(Math.min(...xs)) - 2),
    top: Math.max(0, Math.floor(Math.min(...ys)) - 2),
    right: Math.max(1, Math.min(width, Math.ceil(Math.max(...xs)) + 2)),
    bottom: Math.max(1, Math.min(height, Math.ceil(Math.max(...ys)) + 2)),
  };
}

/** Compares the exposures with and without the defect inside a span. */
export function measureTruth(
  kind: SimulatedDefect,
  good: Exposure,
  bad: Exposure,
  span: FrameSpan,
): { truth: Truth; visible: boolean } {
  const { width, height } = good;
  const mask = new Uint8Array(width * height);
  let changed = 0;
  let clear = 0;
  let sum = 0;
  for (let y = span.top; y < span.bottom; y++) {
    for (let x = span.left; x < span.right; x++) {
      const i = y * width + x;
      const level = toneOf(bad.light[i]!);
      let change = Math.abs(level - toneOf(good.light[i]!));
      if (good.warmth !== null && bad.warmth !== null) {
        change = Math.max(change, 0.5 * level * Math.abs(bad.warmth[i]! - good.warmth[i]!));
      }
      if (change < MASK_LEVELS) continue;
      mask[i] = 255;
      changed++;
      sum += change;
      if (change >= VISIBLE_LEVELS) clear++;
    }
  }
  const unit = Math.min(width, height) / 512;
  closeMask(mask, width, span, Math.max(1, Math.round(3 * unit)));
  const { box, area } = outlineOf(mask, width, span);
  const contrast = changed === 0 ? 0 : sum / changed;
  const truth = { defective: true, kind, box, mask, area, contrast };
  return { truth, visible: clear >= VISIBLE_PIXELS * unit * unit };
}

/** Morphological closing by a square: texture that happens to agree inside a defect still belongs to it. */
function closeMask(mask: Uint8Array, width: number, span: FrameSpan, radius: number): void {
  const columns = span.right - span.left;
  const rows = span.bottom - span.top;
  const padded = { columns: columns + 2 * radius, rows: rows + 2 * radius };
  let plane = new Uint8Array(padded.columns * padded.rows);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      plane[(y + radius) * padded.columns + x + radius] = mask[(y + span.top) * width + x + span.left]!;
    }
  }
  plane = spread(plane, padded.columns, padded.rows, radius, 255);
  plane = spread(plane, padded.columns, padded.rows, radius, 0);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      const closed = plane[(y + radius) * padded.columns + x + radius]!;
      const i = (y + span.top) * width + x + span.left;
      if (closed !== 0) mask[i] = 255;
    }
  }
}

/** Lets `value` grow by `radius` in both directions; what lies outside the plane does not count. */
function spread(
  plane: Uint8Array,
  columns: number,
  rows: number,
  radius: number,
  value: number,
): Uint8Array<ArrayBuffer> {
  const across = new Uint8Array(plane);
  const down = new Uint8Array(plane.length);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      if (plane[y * columns + x] !== value) continue;
      for (let k = Math.max(0, x - radius); k <= Math.min(columns - 1, x + radius); k++)
        across[y * columns + k] = value;
    }
  }
  down.set(across);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      if (across[y * columns + x] !== value) continue;
      for (let k = Math.max(0, y - radius); k <= Math.min(rows - 1, y + radius); k++) down[k * columns + x] = value;
    }
  }
  return down;
}

function outlineOf(mask: Uint8Array, width: number, span: FrameSpan): { box: Box | null; area: number } {
  let [left, top, right, bottom, area] = [width, span.bottom, -1, -1, 0];
  for (let y = span.top; y < span.bottom; y++) {
    for (let x = span.left; x < span.right; x++) {
      if (mask[y * width + x] === 0) continue;
      area++;
      if (x < left) left = x;
      if (x > right) right = x;
      if (y < top) top = y;
      bottom = y;
    }
  }
  return { box: area === 0 ? null : { x: left, y: top, width: right - left + 1, height: bottom - top + 1 }, area };
}
