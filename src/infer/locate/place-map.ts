import type { AnomalyMap } from '../../types.js';
import type { Pose } from './pose.js';
import { valueAt } from './relief-grid.js';

/**
 * Brings a map of a part in the model's own pose back to where the part lies: the result has the same grid, over the
 * region as the camera sees it. Bilinear between the centres of the cells, clamped outside the outermost ones; places
 * that the model did not look at get the map's median.
 */
export function placeMap(map: AnomalyMap, pose: Pose): Float32Array {
  const { rows, columns, cell, inputWidth, inputHeight, values } = map;
  const median = Float32Array.from(values).sort()[values.length >> 1]!;
  const grid = { width: columns, height: rows, values };
  const [cosine, sine] = [Math.cos(pose.turn), Math.sin(pose.turn)];
  const placed = new Float32Array(values.length);
  for (let row = 0, i = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, i++) {
      const [dx, dy] = [(column + 0.5) * cell - pose.x, (row + 0.5) * cell - pose.y];
      const x = inputWidth / 2 + cosine * dx + sine * dy;
      const y = inputHeight / 2 + cosine * dy - sine * dx;
      const covered = x >= 0 && y >= 0 && x <= inputWidth && y <= inputHeight;
      placed[i] = covered ? valueAt(grid, inner(x / cell, columns), inner(y / cell, rows)) : median;
    }
  }
  return placed;
}

/** Between the centres of the first and the last cell. */
function inner(at: number, cells: number): number {
  return Math.min(cells - 0.5, Math.max(0.5, at));
}
