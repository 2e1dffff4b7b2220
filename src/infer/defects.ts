import { byKind, type DefectKind, leadingKind, sharesOf } from '../kinds.js';
import type { Box, Defect, Region } from '../types.js';

/** One region's maps as the network gives them: `rows` × `columns` cells of `cell` input pixels. */
export interface HeadMaps extends Readonly<Record<DefectKind, Float32Array>> {
  readonly rows: number;
  readonly columns: number;
  readonly cell: number;
  readonly inputWidth: number;
  readonly inputHeight: number;
  /** In each cell the sum of the maps by kind. */
  readonly score: Float32Array;
}

/** A region full of scattered hot cells is bad as a whole; nobody reads the two hundredth box. */
export const MAX_DEFECTS = 100;

/**
 * The connected places (8 neighbours) where the score map exceeds `mapThreshold`, highest peak first, in frame pixels.
 * Its kind is the evidence that contributes most there in sum. At most {@link MAX_DEFECTS}.
 */
export function findDefects(maps: HeadMaps, mapThreshold: number, region: Region): Defect[] {
  const { rows, columns, score } = maps;
  const seen = new Uint8Array(rows * columns);
  const defects: Defect[] = [];
  for (let start = 0; start < seen.length; start++) {
    if (seen[start] || !(score[start]! > mapThreshold)) continue;
    const cells = connected(maps, start, mapThreshold, seen);
    defects.push(describe(maps, cells, region));
  }
  return defects.sort((a, b) => b.peak - a.peak).slice(0, MAX_DEFECTS);
}

/** Every cell above the threshold that hangs together with `start`; marks them in `seen`. */
function connected({ rows, columns, score }: HeadMaps, start: number, threshold: number, seen: Uint8Array): number[] {
  const cells = [start];
  seen[start] = 1;
  for (let next = 0; next < cells.length; next++) {
    const row = Math.floor(cells[next]! / columns);
    const column = cells[next]! % columns;
    for (let r = Math.max(0, row - 1); r <= Math.min(rows - 1, row + 1); r++) {
      for (let c = Math.max(0, column - 1); c <= Math.min(columns - 1, column + 1); c++) {
        const cell = r * columns + c;
        if (seen[cell] || !(score[cell]! > threshold)) continue;
        seen[cell] = 1;
        cells.push(cell);
      }
    }
  }
  return cells;
}

function describe(maps: HeadMaps, cells: readonly number[], region: Region): Defect {
  const { columns, rows, cell, inputWidth, inputHeight } = maps;
  let [top, bottom, left, right] = [rows, 0, columns, 0];
  let peak = -Infinity;
  for (const at of cells) {
    const row = Math.floor(at / columns);
    const column = at % columns;
    top = Math.min(top, row);
    bottom = Math.max(bottom, row);
    left = Math.min(left, column);
    right = Math.max(right, column);
    peak = Math.max(peak, maps.score[at]!);
  }
  const parts = byKind((kind) => cells.reduce((sum, at) => sum + maps[kind][at]!, 0));
  const across = region.width / inputWidth;
  const down = region.height / inputHeight;
  const box = {
    x: left * cell * across,
    y: top * cell * down,
    width: (right - left + 1) * cell * across,
    height: (bottom - top + 1) * cell * down,
  };
  return {
    box: wholePixels(box, region),
    area: Math.round(cells.length * cell * cell * across * down),
    peak,
    kind: leadingKind(parts),
    shares: sharesOf(parts),
  };
}

/** The smallest box of whole frame pixels around a box that is given relative to the region. */
function wholePixels(box: Box, region: Box): Box {
  const x = Math.floor(region.x + box.x);
  const y = Math.floor(region.y + box.y);
  const right = Math.min(region.x + region.width, region.x + box.x + box.width);
  const bottom = Math.min(region.y + region.height, region.y + box.y + box.height);
  return { x, y, width: Math.ceil(right - 1e-6) - x, height: Math.ceil(bottom - 1e-6) - y };
}
