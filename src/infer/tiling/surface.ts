import { SideglanceError } from '../../errors.js';
import { resampleWindow } from '../../image/resample.js';
import type { Box, Picture } from '../../types.js';
import type { CellSize, FieldGeometry } from '../contract.js';

export interface SurfaceGeometry extends Pick<FieldGeometry, 'scale' | 'border'> {
  /** Pixels to a side of a cell. */
  readonly stride: number;
}

/**
 * A region as a `field` model sees it: at the model's scale, in whole pixels, and cut into cells from its top left corner. A
 * cell that the right or lower edge cuts through belongs to it if half of it or more does. Beyond its edges it goes on
 * mirrored.
 */
export class Surface implements CellSize {
  /** In pixels of the model. */
  readonly width: number;
  readonly height: number;
  readonly rows: number;
  readonly columns: number;
  readonly #region: Box & { readonly name?: string };
  readonly #geometry: SurfaceGeometry;

  /** @throws SideglanceError `SG_REGION_SHAPE` where the region is too small to be mirrored */
  constructor(region: Box & { readonly name?: string }, geometry: SurfaceGeometry) {
    const { scale, stride, border } = geometry;
    const { width, height } = modelPixels(region, scale);
    const least = border + stride;
    // An empty region is the resampler's to refuse.
    if (region.width > 0 && region.height > 0 && Math.min(width, height) < least) {
      throw new SideglanceError(
        'SG_REGION_SHAPE',
        `region ${region.name === undefined ? '' : `"${region.name}" `}of ${region.width}×${region.height} is ${width}×${height} pixels at the model's scale of ${scale}, ` +
          `but ${least}×${least} are the least that can be inspected. Choose a larger region`,
      );
    }
    this.width = width;
    this.height = height;
    this.rows = cellsAlong(height, stride);
    this.columns = cellsAlong(width, stride);
    this.#region = region;
    this.#geometry = geometry;
  }

  /**
   * Fills the pixels of a tile of cells and of the border around it, RGB, rows without padding. What lies farther beyond the
   * region's edges than a cell of it can depend on stays as it was.
   *
   * @throws SideglanceError as `resampleWindow`
   */
  fill(picture: Picture, first: { row: number; column: number }, tile: CellSize, data: Uint8Array): void {
    const { stride, border } = this.#geometry;
    const pitch = 3 * (tile.columns * stride + 2 * border);
    const across = inside(first.column * stride - border, tile.columns * stride + 2 * border, this.width);
    const down = inside(first.row * stride - border, tile.rows * stride + 2 * border, this.height);
    const offset = down.before * pitch + 3 * across.before;
    const window = { x: across.from, y: down.from, width: across.length, height: down.length };
    resampleWindow(picture, this.#region, this, { ...window, data, offset, pitch });
    for (let y = down.before; y < down.before + down.length; y++) mirror(across, (to, from) => copy(y, y, to, from, 1));
    const whole = pitch / 3;
    mirror(down, (to, from) => copy(to, from, 0, 0, whole));

    function copy(toRow: number, fromRow: number, toPixel: number, fromPixel: number, pixels: number): void {
      const source = fromRow * pitch + 3 * fromPixel;
      data.copyWithin(toRow * pitch + 3 * toPixel, source, source + 3 * pixels);
    }
  }
}

/** As many cells as a side has, to the nearest one. */
export function cellsAlong(side: number, stride: number): number {
  return Math.max(1, Math.round(side / stride));
}

/** What a region is at a model's scale, in whole pixels. */
export function modelPixels({ width, height }: Pick<Box, 'width' | 'height'>, scale: number) {
  const pixels = (side: number) => Math.max(1, Math.round(side / scale));
  return { width: pixels(width), height: pixels(height) };
}

/** The part of a tile's pixels, along one axis, that lies in the region. */
interface Inside {
  /** First pixel of it in the region. */
  readonly from: number;
  readonly length: number;
  /** Pixels of the tile before and behind it. */
  readonly before: number;
  readonly behind: number;
}

function inside(start: number, length: number, side: number): Inside {
  const from = Math.max(0, start);
  const to = Math.min(side, start + length);
  return { from, length: to - from, before: from - start, behind: start + length - to };
}

/** For each pixel outside, in coordinates of the tile, the one inside that it mirrors; edges are not repeated. */
function mirror({ length, before, behind }: Inside, copy: (to: number, from: number) => void): void {
  const reach = length - 1;
  for (let k = 1; k <= Math.min(before, reach); k++) copy(before - k, before + k);
  const last = before + length - 1;
  for (let k = 1; k <= Math.min(behind, reach); k++) copy(last + k, last - k);
}
