import { resampleToRgb } from '../../image/resample.js';
import { pictureOf, type Raster } from '../raster.js';
import { PAPER } from './settings.js';

/** The image scaled to 256 × 256 pixels, whatever its shape. */
export function squared(image: Raster): Raster {
  const { size } = PAPER;
  const { width, height } = image;
  if (width === size && height === size) return image;
  const result = { width: size, height: size, data: new Uint8Array(size * size * 3) };
  resampleToRgb(pictureOf(image), { x: 0, y: 0, width, height }, result);
  return result;
}

/** Writes the square of a patch's side at (left, top) of an image to `into`, rows of RGB bytes. */
export function cutPatch(image: Raster, left: number, top: number, into: Uint8Array): void {
  const row = PAPER.patch * 3;
  // Taken once: it may lie in a file.
  const { width, data } = image;
  for (let y = 0; y < PAPER.patch; y += 1) {
    const start = ((top + y) * width + left) * 3;
    into.set(data.subarray(start, start + row), y * row);
  }
}

/** M_0 of a patch, [256 × 256]: 0 in the patch, 1 elsewhere. */
export function maskPatch(left: number, top: number, into: Float32Array): void {
  const { size, patch } = PAPER;
  into.fill(1);
  for (let y = top; y < top + patch; y += 1) into.fill(0, y * size + left, y * size + left + patch);
}

/** Share of the patch in each cell of Global-Net's last map, [8 × 8], sum 1. */
export function patchArea(left: number, top: number, into: Float32Array): void {
  const { patch, size, lastSide } = PAPER;
  const side = size / lastSide;
  const overlap = (start: number, cell: number) =>
    Math.max(0, Math.min(start + patch, (cell + 1) * side) - Math.max(start, cell * side));
  for (let row = 0; row < lastSide; row += 1) {
    for (let column = 0; column < lastSide; column += 1) {
      into[row * lastSide + column] = (overlap(top, row) * overlap(left, column)) / patch ** 2;
    }
  }
}
