import { select } from '../../select.js';
import type { AnomalyMap } from '../../types.js';
import type { LocateSettings } from './locator.js';
import type { Pose } from './pose.js';

type Geometry = Omit<AnomalyMap, 'values'>;

/** Where a map of the window belongs in the region. */
export type Placing = Pick<LocateSettings, 'template' | 'window'>;

/** The grid over a region whose cells are as large as those of a map of the window. */
export function regionGrid(map: Omit<Geometry, 'rows' | 'columns'>, { template, window }: Placing): Geometry {
  const { cell, inputWidth, inputHeight } = map;
  const cells = (side: number) => Math.ceil(side / cell - 1e-6);
  const columns = cells((template.width * inputWidth) / window.width);
  const rows = cells((template.height * inputHeight) / window.height);
  return { rows, columns, cell, inputWidth: columns * cell, inputHeight: rows * cell };
}

/** Brings a map of a part in the model's own pose back to where the part lies: {@link placeMaps} for one. */
export function placeMap({ values, ...geometry }: AnomalyMap, pose: Pose, placing: Placing): AnomalyMap {
  const { maps, ...placed } = placeMaps(geometry, [values], pose, placing);
  return { ...placed, values: maps[0] as Float32Array };
}

/**
 * Brings maps of a part in the model's own pose back to where the part lies: maps over the region as the camera sees it.
 * Bilinear between the centres of the cells, clamped outside the outermost ones; places that the model did not look at get
 * the map's median.
 */
export function placeMaps(
  map: Geometry,
  maps: readonly Float32Array[],
  pose: Pose,
  placing: Placing,
): Geometry & { readonly maps: readonly Float32Array[] } {
  const { template, window } = placing;
  const medians = maps.map((values) => select(values.slice(), values.length >> 1));
  const [cosine, sine] = [Math.cos(pose.turn), Math.sin(pose.turn)];
  const placed = regionGrid(map, placing);
  const { rows, columns } = map;
  const results = maps.map(() => new Float32Array(placed.rows * placed.columns));
  for (let row = 0, i = 0; row < placed.rows; row++) {
    const dy = ((row + 0.5) * template.height) / placed.rows - pose.y;
    for (let column = 0; column < placed.columns; column++, i++) {
      const dx = ((column + 0.5) * template.width) / placed.columns - pose.x;
      const x = (0.5 + (cosine * dx + sine * dy) / window.width) * columns;
      const y = (0.5 + (cosine * dy - sine * dx) / window.height) * rows;
      if (!(x >= 0 && y >= 0 && x <= columns && y <= rows)) {
        for (let k = 0; k < results.length; k++) results[k]![i] = medians[k]!;
        continue;
      }
      const [fromX, fromY] = [inner(x, columns), inner(y, rows)];
      const [left, top] = [fromX | 0, fromY | 0];
      const [right, down] = [fromX - left, fromY - top];
      const upper = top * columns + left;
      const lower = top < rows - 1 ? upper + columns : upper;
      const next = left < columns - 1 ? 1 : 0;
      for (let k = 0; k < results.length; k++) {
        const values = maps[k]!;
        const above = values[upper]! + right * (values[upper + next]! - values[upper]!);
        const below = values[lower]! + right * (values[lower + next]! - values[lower]!);
        results[k]![i] = above + down * (below - above);
      }
    }
  }
  return { ...placed, maps: results };
}

/** In cells from the centre of the first one, not beyond that of the last one. */
function inner(at: number, cells: number): number {
  return Math.min(cells - 1, Math.max(0, at - 0.5));
}
