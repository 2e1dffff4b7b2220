import type { CellSize } from '../contract.js';
import type { Span } from './cover.js';

/**
 * What describes the cells of a band of a region, over its whole width: [rows × columns × channels], as tiles give it. The
 * band moves down with the work, so that a region of any height needs the memory of one band.
 */
export class Band {
  readonly #region: CellSize;
  readonly #channels: number;
  readonly #values: Float32Array;
  /** First row of the region that is held. */
  #top = 0;
  /** The rows before this one have been described. */
  #end = 0;

  /** @param memory for the most rows that are held at a time */
  constructor(region: CellSize, channels: number, memory: Float32Array) {
    this.#region = region;
    this.#channels = channels;
    this.#values = memory;
  }

  get end(): number {
    return this.#end;
  }

  /** Forgets the rows before `top`. */
  moveTo(top: number): void {
    const row = this.#region.columns * this.#channels;
    this.#values.copyWithin(0, (top - this.#top) * row, (this.#end - this.#top) * row);
    this.#top = top;
  }

  /** Takes in what a tile of `tile` cells says of those that are kept of it. */
  put(features: Float32Array, tile: CellSize, down: Span, across: Span): void {
    const length = (across.keepTo - across.keepFrom) * this.#channels;
    for (let row = down.keepFrom; row < down.keepTo; row++) {
      const from = ((row - down.start) * tile.columns + across.keepFrom - across.start) * this.#channels;
      this.#values.set(features.subarray(from, from + length), this.#placeOf(row, across.keepFrom));
    }
    this.#end = Math.max(this.#end, down.keepTo);
  }

  /** Fills a tile, and says by 1 and 0 which of its cells lie in the region; the others are filled with zeros. */
  take(tile: CellSize, down: Span, across: Span, features: Float32Array, inside: Float32Array): void {
    const rows = Math.min(tile.rows, this.#region.rows - down.start);
    const columns = Math.min(tile.columns, this.#region.columns - across.start);
    if (rows < tile.rows || columns < tile.columns) features.fill(0);
    inside.fill(0);
    for (let row = 0; row < rows; row++) {
      const from = this.#placeOf(down.start + row, across.start);
      const to = row * tile.columns;
      features.set(this.#values.subarray(from, from + columns * this.#channels), to * this.#channels);
      inside.fill(1, to, to + columns);
    }
  }

  #placeOf(row: number, column: number): number {
    return ((row - this.#top) * this.#region.columns + column) * this.#channels;
  }
}
