import type { CellSize } from '../contract.js';

/** The tiles of both graphs of a `field` model. */
export interface TileSizes {
  readonly features: CellSize;
  readonly context: CellSize;
}

/** Longest sides of a tile, in cells. */
export const MOST_CELLS = {
  /** 320 pixels at a stride of 8. Larger tiles hold more memory and are no faster (docs/decisions.md, "Surfaces and large frames"). */
  features: 40,
  /** Judging a cell holds a fifteenth of what describing it does, and the halo makes small tiles dear. */
  context: 192,
} as const;

/** Cells of a tile that are more than its halos: a region may be a little larger than the one that tiles were fitted to. */
const LEAST_KEPT = 8;

/**
 * The tiles that fit regions of a size best: as few as the largest tiles allow, all of one size, so that as little as
 * possible is computed twice. Regions of any other size are covered by the same tiles.
 */
export function fitTiles(region: CellSize, halo: number): TileSizes {
  const fit = (most: number, overlap: number): CellSize => ({
    rows: fitTile(region.rows, most, overlap),
    columns: fitTile(region.columns, most, overlap),
  });
  return { features: fit(MOST_CELLS.features, 0), context: fit(MOST_CELLS.context, 2 * halo) };
}

/** The smallest tile of which no more are needed than of the largest. */
function fitTile(cells: number, most: number, overlap: number): number {
  const count = Math.max(1, Math.ceil((cells - overlap) / (most - overlap)));
  return Math.max(overlap + LEAST_KEPT, Math.ceil((cells + (count - 1) * overlap) / count));
}
