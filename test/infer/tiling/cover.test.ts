import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cover } from '../../../src/infer/tiling/cover.js';
import { fitTiles, MOST_CELLS } from '../../../src/infer/tiling/tile-sizes.js';
import { TILE_GEOMETRY } from '../../../src/train/export-tiles.js';

const { halo, border } = TILE_GEOMETRY;

test('tiles take each cell once, and none that the tile cannot know', () => {
  for (const [tile, around] of [
    [30, 11],
    [34, 11],
    [64, 0],
    [23, 11],
  ] as const) {
    for (let cells = 1; cells < 400; cells++) {
      const spans = cover(cells, tile, around);
      assert.equal(spans[0]!.keepFrom, 0);
      assert.equal(spans.at(-1)!.keepTo, cells);
      spans.forEach(({ start, keepFrom, keepTo }, index) => {
        if (index > 0) assert.equal(keepFrom, spans[index - 1]!.keepTo);
        assert.ok(keepTo > keepFrom && keepFrom >= start && keepTo <= start + tile, `${cells} cells, tile ${index}`);
        assert.ok(start === 0 || keepFrom - start >= around);
        assert.ok(start + tile >= cells || start + tile - keepTo >= around);
        assert.ok(start >= 0 && (cells < tile ? spans.length === 1 : start + tile <= cells));
      });
    }
  }
});

/** What is computed, as a multiple of what one untiled pass computes, for each graph. */
function costs(width: number, height: number) {
  const region = { rows: Math.round(height / 8), columns: Math.round(width / 8) };
  const tiles = fitTiles(region, halo);
  const count = (side: 'rows' | 'columns', graph: 'features' | 'context', around: number) =>
    cover(region[side], tiles[graph][side], around).length;
  const pixels = (cells: number) => 8 * cells + 2 * border;
  const features =
    (count('rows', 'features', 0) *
      count('columns', 'features', 0) *
      pixels(tiles.features.rows) *
      pixels(tiles.features.columns)) /
    (pixels(region.rows) * pixels(region.columns));
  const context =
    (count('rows', 'context', halo) * count('columns', 'context', halo) * tiles.context.rows * tiles.context.columns) /
    (region.rows * region.columns);
  return { features, context, tiles };
}

/** Of the operations of a model, by `bench/results/cost.json`. */
const SHARE = { features: 0.7, context: 0.3 } as const;

test('tiles that were fitted to a region cost at most 1.25 times as much as no tiles, for cameras of 1 to 12 megapixels', () => {
  for (const [width, height] of [
    [1280, 1024],
    [1600, 1200],
    [1920, 1080],
    [2448, 2048],
    [2592, 1944],
    [3840, 2160],
    [4096, 3000],
    [4024, 3036],
    [12_000, 1000],
    [12_000, 12_000],
  ] as const) {
    const { features, context, tiles } = costs(width, height);
    const cost = SHARE.features * features + SHARE.context * context;
    assert.ok(cost < 1.25, `${width}×${height}: ${cost}, of which ${features} and ${context}`);
    for (const graph of ['features', 'context'] as const) {
      assert.ok(Math.max(tiles[graph].rows, tiles[graph].columns) <= MOST_CELLS[graph]);
    }
  }
});

test('small regions are not spread over large tiles', () => {
  const { tiles } = costs(256, 200);
  assert.deepEqual(tiles.features, { rows: 25, columns: 32 });
  assert.ok(tiles.context.rows <= 32 && tiles.context.columns === 32);
});
