import { HALF_HEIGHT, HALF_WIDTH } from './geometry.js';
import type { Layers } from './layers.js';
import type { Variation } from './variation.js';

/** A rectangle of raster pixels, `right` and `bottom` excluded. */
export interface Span {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** One part while it is painted: flat rasters in the part's own coordinates, before the camera sees them. */
export interface PartRaster {
  readonly layers: Layers;
  readonly variation: Variation;
  /** Brightness in grey levels. */
  readonly light: Float32Array;
  /** Share of the pixel that the part covers. */
  readonly cover: Float32Array;
  /** Share of the belt's light that passes beside the part. */
  readonly belt: Float32Array;
  /** Print laid over the surface, in [0, 1]. */
  readonly ink: Float32Array;
  /** Rust and discoloration in [0, 1]; null where the part has none. */
  readonly warmth: Float32Array | null;
}

/** The raster pixels of a rectangle in design units, cut at the raster's border. */
export function spanOf(layers: Layers, left: number, top: number, right: number, bottom: number): Span {
  const column = (x: number) => (x + HALF_WIDTH) * layers.scale;
  const row = (y: number) => (y + HALF_HEIGHT) * layers.scale;
  return {
    left: Math.max(0, Math.floor(column(left))),
    top: Math.max(0, Math.floor(row(top))),
    right: Math.min(layers.width, Math.ceil(column(right)) + 1),
    bottom: Math.min(layers.height, Math.ceil(row(bottom)) + 1),
  };
}

export function wholeRaster(layers: Layers): Span {
  return { left: 0, top: 0, right: layers.width, bottom: layers.height };
}

/** Calls `paint` with index and design coordinates of each pixel centre in a span. */
export function forEachPixel(layers: Layers, span: Span, paint: (i: number, x: number, y: number) => void): void {
  for (let row = span.top; row < span.bottom; row++) {
    const y = (row + 0.5) / layers.scale - HALF_HEIGHT;
    for (let column = span.left; column < span.right; column++) {
      paint(row * layers.width + column, (column + 0.5) / layers.scale - HALF_WIDTH, y);
    }
  }
}
