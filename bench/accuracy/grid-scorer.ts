import type { Scorer } from '../../src/evaluate/evaluate.js';
import { Cropper } from '../../src/infer/locate/cropper.js';
import type { LocateSettings } from '../../src/infer/locate/locator.js';
import { placeMap } from '../../src/infer/locate/place-map.js';
import { allAtOnce } from '../../src/pieces.js';
import { CELL, type TeacherGrid } from './teacher-grid.js';

/** Gaussian of half a cell over 3 cells, 4 pixels of the region: what the exported model smooths its map with. */
const SMOOTHING = [0.1065, 0.787, 0.1065] as const;

/**
 * Scores a picture by how far its cells lie from good ones: the map is smoothed, the score is its maximum.
 * @param locate finds the part first; null where parts lie in one place
 * @param distances from features [channels × rows × columns] to a distance for each cell, row by row
 */
export function gridScorer(
  grid: TeacherGrid,
  locate: LocateSettings | null,
  distances: (features: Float32Array) => Float32Array | Promise<Float32Array>,
): Scorer {
  const { width, height, rows, columns } = grid;
  const region = new Uint8Array(width * height * 3);
  const cropper = new Cropper(locate);
  return {
    async score(picture) {
      const whole = { x: 0, y: 0, width: picture.width, height: picture.height };
      const found = allAtOnce(cropper.crop(picture, whole, { width, height, data: region }));
      const values = smoothed(await distances(await grid.featuresOf(region)), rows, columns);
      const score = values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
      const map = { rows, columns, cell: CELL, inputWidth: width, inputHeight: height, values };
      return { score, map: found && locate ? placeMap(map, found.pose, locate) : map };
    },
  };
}

/** A map [rows × columns] after smoothing; outside, the outermost cells go on. */
export function smoothed(map: Float32Array, rows: number, columns: number): Float32Array {
  const at = (row: number, column: number) =>
    map[Math.min(rows - 1, Math.max(0, row)) * columns + Math.min(columns - 1, Math.max(0, column))]!;
  return map.map((_, cell) => {
    const [row, column] = [Math.floor(cell / columns), cell % columns];
    let sum = 0;
    SMOOTHING.forEach((down, y) => {
      SMOOTHING.forEach((across, x) => {
        sum += down * across * at(row + y - 1, column + x - 1);
      });
    });
    return sum;
  });
}
