import { performance } from 'node:perf_hooks';
import type { Box, Picture } from '../../types.js';
import { CONTEXT_INPUTS, FEATURES_OUTPUT, INPUT_NAME, OUTPUT_NAMES } from '../contract.js';
import type { HeadMaps } from '../defects.js';
import { Band } from './band.js';
import { cover, type Span } from './cover.js';
import type { ContextBatch, FeaturesBatch, FieldSettings } from './field-graphs.js';
import { Surface } from './surface.js';

/**
 * One region of one picture on its way through both graphs, a band of its rows after the other: first its cells are described,
 * then they are judged.
 */
export class RegionRun {
  readonly maps: HeadMaps;
  /** How many bands there are. */
  readonly bands: number;
  cropMs = 0;
  readonly #picture: Picture;
  readonly #settings: FieldSettings;
  readonly #surface: Surface;
  readonly #band: Band;
  readonly #features: { readonly down: Span[]; readonly across: Span[] };
  readonly #context: { readonly down: Span[]; readonly across: Span[] };
  #nextRow = 0;

  /**
   * @param memoryOf gives at least so many values to hold a band in
   * @throws SideglanceError as `Surface`
   */
  constructor(
    picture: Picture,
    region: Box & { readonly name?: string },
    settings: FieldSettings,
    memoryOf: (values: number) => Float32Array,
  ) {
    const { tiles, halo, channels, stride } = settings;
    const surface = new Surface(region, settings);
    const { rows, columns } = surface;
    this.#picture = picture;
    this.#settings = settings;
    this.#surface = surface;
    this.#features = { down: cover(rows, tiles.features.rows, 0), across: cover(columns, tiles.features.columns, 0) };
    this.#context = {
      down: cover(rows, tiles.context.rows, halo),
      across: cover(columns, tiles.context.columns, halo),
    };
    this.bands = this.#context.down.length;
    const heldRows = Math.min(rows, tiles.context.rows + tiles.features.rows);
    this.#band = new Band(surface, channels, memoryOf(heldRows * columns * channels));
    const map = () => new Float32Array(rows * columns);
    this.maps = {
      rows,
      columns,
      cell: stride,
      inputWidth: surface.width,
      inputHeight: surface.height,
      score: map(),
      position: map(),
      context: map(),
      distortion: map(),
    };
  }

  /** Puts the tiles in that describe what the band with this index still lacks. */
  async describe(band: number, batch: FeaturesBatch): Promise<void> {
    const tile = this.#settings.tiles.features;
    const { start } = this.#context.down[band]!;
    const end = Math.min(this.#surface.rows, start + this.#settings.tiles.context.rows);
    this.#band.moveTo(start);
    const rows = this.#features.down;
    for (; this.#nextRow < rows.length && rows[this.#nextRow]!.keepFrom < end; this.#nextRow++) {
      const down = rows[this.#nextRow]!;
      for (const across of this.#features.across) {
        await batch.add(
          (inputs) => this.#crop({ row: down.start, column: across.start }, inputs[INPUT_NAME]),
          (outputs) => this.#band.put(outputs[FEATURES_OUTPUT], tile, down, across),
        );
      }
    }
  }

  /** Puts the tiles in that judge the band with this index. */
  async judge(band: number, batch: ContextBatch): Promise<void> {
    const tile = this.#settings.tiles.context;
    const down = this.#context.down[band]!;
    for (const across of this.#context.across) {
      await batch.add(
        ({ [CONTEXT_INPUTS.features]: features, [CONTEXT_INPUTS.inside]: inside }) =>
          this.#band.take(tile, down, across, features, inside),
        (outputs) => {
          for (const name of OUTPUT_NAMES) this.#keep(outputs[name], this.maps[name], down, across);
        },
      );
    }
  }

  #crop(first: { row: number; column: number }, pixels: Uint8Array): void {
    const begun = performance.now();
    this.#surface.fill(this.#picture, first, this.#settings.tiles.features, pixels);
    this.cropMs += performance.now() - begun;
  }

  #keep(from: Float32Array, map: Float32Array, down: Span, across: Span): void {
    const tileColumns = this.#settings.tiles.context.columns;
    for (let row = down.keepFrom; row < down.keepTo; row++) {
      const start = (row - down.start) * tileColumns - across.start;
      const kept = from.subarray(start + across.keepFrom, start + across.keepTo);
      map.set(kept, row * this.#surface.columns + across.keepFrom);
    }
  }
}
