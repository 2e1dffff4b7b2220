import { layoutOf } from '../../image/pixels.js';
import { checkBox, resampleToRgb } from '../../image/resample.js';
import type { Box, Picture } from '../../types.js';

export const RELIEF = {
  /**
   * The longer side is at most so many pixels. Of a part that turns, half as many leave the pose off by ten times as much; in a
   * fixture, light is the same for all parts, and pulls all poses alike (docs/decisions.md).
   */
  longestSide: { everywhere: 256, nearby: 128 },
  /** A pixel is the mean of at least so many of the picture's rows; where it covers more, others are left out. */
  rows: 4,
  /** In grey levels from one pixel to the next but one; weaker edges are taken for noise. */
  leastEdge: 3,
  /** Deviation of the window for the local mean and deviation, as a share of the shorter side. */
  windowShare: 0.05,
  /** Added to the local deviation, so that what is evenly rough or smooth stays flat. */
  leastDeviation: 0.3,
} as const;

/** How much stronger the edges at each pixel are than those around, in local deviations; row by row. */
export interface Relief {
  readonly width: number;
  readonly height: number;
  readonly values: Float32Array;
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** The size of the relief of a region, in whose shape turns stay turns. */
export function reliefSize({ width, height }: Size, search: keyof typeof RELIEF.longestSide): Size {
  const scale = Math.min(1, RELIEF.longestSide[search] / Math.max(width, height));
  return { width: Math.round(width * scale), height: Math.round(height * scale) };
}

/**
 * Makes the relief of regions: the logarithm of the grey gradient's magnitude, minus its local mean, divided by its local
 * deviation. The light of a camera is fixed in the frame while the part turns: an edge that is lit in one pose is in the
 * shade in another, and only its being an edge stays. Buffers are kept: a relief is valid until the next call.
 */
export class ReliefMaker {
  readonly #rgb: { readonly width: number; readonly height: number; readonly data: Uint8Array };
  readonly #relief: Relief;
  /** Holds the grey values first. */
  readonly #mean: Float32Array;
  readonly #square: Float32Array;
  readonly #space: BlurSpace;
  readonly #reach: number;

  constructor({ width, height }: Size) {
    const pixels = width * height;
    this.#rgb = { width, height, data: new Uint8Array(pixels * 3) };
    this.#relief = { width, height, values: new Float32Array(pixels) };
    this.#mean = new Float32Array(pixels);
    this.#square = new Float32Array(pixels);
    this.#space = blurSpace({ width, height });
    this.#reach = boxReach(RELIEF.windowShare * Math.min(width, height));
  }

  /** @throws SideglanceError as `resampleToRgb` */
  make(picture: Picture, region: Box): Relief {
    const every = Math.max(1, Math.floor(region.height / this.#rgb.height / RELIEF.rows));
    resampleToRgb(...rowsOf(picture, region, every), this.#rgb);
    const { values } = this.#relief;
    this.#edges();
    const [means, squares] = [this.#mean, this.#square];
    means.set(values);
    for (let i = 0; i < values.length; i++) squares[i] = values[i]! * values[i]!;
    blur(means, this.#relief, this.#reach, this.#space);
    blur(squares, this.#relief, this.#reach, this.#space);
    for (let i = 0; i < values.length; i++) {
      const mean = means[i]!;
      const variance = Math.max(0, squares[i]! - mean * mean);
      values[i] = (values[i]! - mean) / (Math.sqrt(variance) + RELIEF.leastDeviation);
    }
    return this.#relief;
  }

  #edges(): void {
    const { width, height, values } = this.#relief;
    const { data } = this.#rgb;
    const grey = this.#mean;
    for (let i = 0, at = 0; i < grey.length; i++, at += 3) {
      grey[i] = (data[at]! + 2 * data[at + 1]! + data[at + 2]!) / 4;
    }
    for (let y = 0, i = 0; y < height; y++) {
      const [above, below] = [y > 0 ? width : 0, y < height - 1 ? width : 0];
      for (let x = 0; x < width; x++, i++) {
        const across = grey[x < width - 1 ? i + 1 : i]! - grey[x > 0 ? i - 1 : i]!;
        const down = grey[i + below]! - grey[i - above]!;
        values[i] = Math.log(Math.sqrt(across * across + down * down) + RELIEF.leastEdge);
      }
    }
  }
}

/** Every so many rows of a picture, the middle ones, and where a region lies in them. */
function rowsOf(picture: Picture, region: Box & { readonly name?: string }, every: number): [Picture, Box] {
  if (every === 1) return [picture, region];
  layoutOf(picture);
  checkBox(picture, region);
  const middle = every >> 1;
  const height = Math.ceil((picture.height - middle) / every);
  const y = Math.max(0, region.y / every);
  const rows = {
    ...picture,
    height,
    stride: picture.stride * every,
    data: picture.data.subarray(middle * picture.stride),
  };
  return [rows, { ...region, y, height: Math.min(region.height / every, height - y) }];
}

/** Three boxes in a row come close to a Gaussian, so that the window is as good as round. */
const PASSES = 3;

/** How far a box reaches to either side so that {@link PASSES} of them have the deviation `sigma`. */
export function boxReach(sigma: number): number {
  return Math.max(1, Math.round((Math.sqrt(1 + (12 * sigma * sigma) / PASSES) - 1) / 2));
}

/** Memory that {@link blur} works in, for arrays of one size. */
export interface BlurSpace {
  readonly copy: Float32Array;
  /** A running sum for each column. */
  readonly sums: Float64Array;
}

export function blurSpace({ width, height }: Size): BlurSpace {
  return { copy: new Float32Array(width * height), sums: new Float64Array(width) };
}

/** Blurs `values` in place; outside, the edge goes on. */
export function blur(values: Float32Array, { width, height }: Size, reach: number, { copy, sums }: BlurSpace): void {
  const scale = 1 / (2 * reach + 1);
  for (let pass = 0; pass < PASSES; pass++) {
    for (let y = 0; y < height; y++) boxRow(values, copy, y * width, width, reach, scale);
    boxColumns(copy, values, width, height, reach, scale, sums);
  }
}

function boxRow(
  from: Float32Array,
  into: Float32Array,
  start: number,
  width: number,
  reach: number,
  scale: number,
): void {
  const last = start + width - 1;
  const [first, final] = [from[start]!, from[last]!];
  let sum = first * (reach + 1);
  for (let i = 1; i <= reach; i++) sum += from[Math.min(last, start + i)]!;
  // As long as the box reaches over the left edge, then over neither or both, then over the right one.
  const inside = Math.min(last, start + reach);
  const beyond = Math.max(inside, last - reach);
  let at = start;
  for (; at < inside; at++) {
    into[at] = sum * scale;
    sum += (at + reach < last ? from[at + reach + 1]! : final) - first;
  }
  for (; at < beyond; at++) {
    into[at] = sum * scale;
    sum += from[at + reach + 1]! - from[at - reach]!;
  }
  for (; at <= last; at++) {
    into[at] = sum * scale;
    sum += final - from[Math.max(start, at - reach)]!;
  }
}

/** All columns at a time, row by row: one after the other, each would touch every row's memory. */
function boxColumns(
  from: Float32Array,
  into: Float32Array,
  width: number,
  height: number,
  reach: number,
  scale: number,
  sums: Float64Array,
): void {
  const last = height - 1;
  for (let x = 0; x < width; x++) sums[x] = from[x]! * (reach + 1);
  for (let y = 1; y <= reach; y++) {
    const row = Math.min(last, y) * width;
    for (let x = 0; x < width; x++) sums[x] = sums[x]! + from[row + x]!;
  }
  for (let y = 0; y < height; y++) {
    const row = y * width;
    const enters = Math.min(last, y + reach + 1) * width;
    const leaves = Math.max(0, y - reach) * width;
    for (let x = 0; x < width; x++) {
      const sum = sums[x]!;
      into[row + x] = sum * scale;
      sums[x] = sum + (from[enters + x]! - from[leaves + x]!);
    }
  }
}
