import type { Picture } from '../types.js';

/** RGB images of one size as plain bytes, row by row: what training works on. */
export interface Raster {
  readonly width: number;
  readonly height: number;
  /** width × height × 3. */
  readonly data: Uint8Array;
}

/** The same pixels as a picture. */
export function pictureOf({ width, height, data }: Raster): Picture {
  return { width, height, stride: width * 3, format: 'RGB', data };
}

/** Where a pixel of the result is looked up in the source: source = centre + matrix · (target − centre) + shift. */
export interface Affine {
  readonly shiftX: number;
  readonly shiftY: number;
  readonly radians: number;
  readonly scale: number;
  readonly flipX: boolean;
  readonly flipY: boolean;
}

export const IDENTITY: Affine = { shiftX: 0, shiftY: 0, radians: 0, scale: 1, flipX: false, flipY: false };

/** Pixels from left to right − 1 and from top to bottom − 1. */
export interface Window {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/**
 * Warps `source` into `target` (same size) by bilinear look-up; places outside the source are mirrored back in.
 * With a `window` only its pixels are written.
 */
export function warp(source: Raster, affine: Affine, target: Uint8Array, window?: Window): void {
  const { width, height, data } = source;
  const { left: x0, top: y0, right: x1, bottom: y1 } = window ?? { left: 0, top: 0, right: width, bottom: height };
  const cosine = Math.cos(affine.radians) / affine.scale;
  const sine = Math.sin(affine.radians) / affine.scale;
  const signX = affine.flipX ? -1 : 1;
  const signY = affine.flipY ? -1 : 1;
  const centreX = (width - 1) / 2;
  const centreY = (height - 1) / 2;
  for (let y = y0; y < y1; y += 1) {
    let out = (y * width + x0) * 3;
    for (let x = x0; x < x1; x += 1) {
      const dx = x - centreX;
      const dy = y - centreY;
      const fromX = mirror(centreX + signX * (cosine * dx - sine * dy) + affine.shiftX, width - 1);
      const fromY = mirror(centreY + signY * (sine * dx + cosine * dy) + affine.shiftY, height - 1);
      const left = Math.min(fromX | 0, width - 2);
      const top = Math.min(fromY | 0, height - 2);
      const right = fromX - left;
      const down = fromY - top;
      const at = (top * width + left) * 3;
      const below = at + width * 3;
      for (let channel = 0; channel < 3; channel += 1) {
        const upper = data[at + channel]! + right * (data[at + 3 + channel]! - data[at + channel]!);
        const lower = data[below + channel]! + right * (data[below + 3 + channel]! - data[below + channel]!);
        target[out + channel] = upper + down * (lower - upper) + 0.5;
      }
      out += 3;
    }
  }
}

function mirror(position: number, last: number): number {
  let p = position < 0 ? -position : position;
  while (p > last) {
    p = 2 * last - p;
    if (p < 0) p = -p;
  }
  return p;
}
