/** One tile along one axis, in cells of the region. */
export interface Span {
  /** Its first cell. */
  readonly start: number;
  /** The cells that are taken from it: from `keepFrom` up to, but not with, `keepTo`. */
  readonly keepFrom: number;
  readonly keepTo: number;
}

/**
 * Tiles of one length that cover an axis. The first begins where the region does and the last ends where it does; the others
 * lie evenly between them, and neighbours overlap by two halos or more. So a tile's edge is either that of the region, or no
 * closer than the halo to a cell that is taken from it, and each cell is taken once. A region shorter than a tile gets one
 * tile, which goes on beyond the region's end.
 *
 * @param cells of the region, along the axis
 * @param tile cells of a tile, more than two halos
 * @param halo cells that a kept cell depends on to each side
 */
export function cover(cells: number, tile: number, halo: number): Span[] {
  const count = Math.max(1, Math.ceil((cells - 2 * halo) / (tile - 2 * halo)));
  const startOf = (index: number) => (index === 0 ? 0 : Math.round((index * (cells - tile)) / (count - 1)));
  return Array.from({ length: count }, (_, index) => ({
    start: startOf(index),
    keepFrom: index === 0 ? 0 : startOf(index) + halo,
    keepTo: index === count - 1 ? cells : startOf(index + 1) + halo,
  }));
}
