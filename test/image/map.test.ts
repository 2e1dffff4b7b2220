import assert from 'node:assert/strict';
import test from 'node:test';
import { reduceMap, smoothMap, upsampleMap } from '../../src/image/map.js';
import type { AnomalyMap } from '../../src/types.js';

function mapOf(rows: number, columns: number, cell: number, values: number[]): AnomalyMap {
  const size = { inputWidth: columns * cell, inputHeight: rows * cell };
  return { rows, columns, cell, ...size, values: Float32Array.from(values) };
}

test('upsampling goes straight between cell centres and is flat beyond the outermost', () => {
  const map = mapOf(1, 2, 4, [0, 8]);
  assert.deepEqual([...upsampleMap(map, 8, 1)], [0, 0, 1, 3, 5, 7, 8, 8]);
});

test('upsampling to the grid itself changes nothing', () => {
  const map = mapOf(2, 3, 8, [1, 2, 3, 4, 5, 6]);
  assert.deepEqual([...upsampleMap(map, 3, 2)], [1, 2, 3, 4, 5, 6]);
});

test('a plane stays a plane at any size between the outermost centres', () => {
  const [rows, columns, cell] = [6, 9, 8];
  const at = (x: number, y: number): number => 0.5 * x - 0.25 * y + 3;
  const values = Array.from({ length: rows * columns }, (_, i) =>
    at((i % columns) + 0.5, Math.floor(i / columns) + 0.5),
  );
  const map = mapOf(rows, columns, cell, values);
  const [width, height] = [131, 77];
  const pixels = upsampleMap(map, width, height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const c = Math.min(columns - 0.5, Math.max(0.5, ((x + 0.5) * columns) / width));
      const r = Math.min(rows - 0.5, Math.max(0.5, ((y + 0.5) * rows) / height));
      assert.ok(Math.abs(pixels[y * width + x]! - at(c, r)) < 1e-4);
    }
  }
});

test('cells that stand over the edge of the input are placed by their size, not stretched', () => {
  const map: AnomalyMap = {
    rows: 1,
    columns: 2,
    cell: 8,
    inputWidth: 12,
    inputHeight: 8,
    values: new Float32Array([0, 8]),
  };
  const pixels = upsampleMap(map, 12, 1);
  assert.deepEqual([...pixels], [0, 0, 0, 0, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5]);
});

test('smoothing keeps a flat map flat, spreads a peak evenly and keeps its sum away from the edge', () => {
  assert.ok(smoothMap(mapOf(4, 5, 8, Array(20).fill(2.5)), 6).every((v) => Math.abs(v - 2.5) < 1e-6));
  const values = Array<number>(21 * 21).fill(0);
  values[10 * 21 + 10] = 1;
  const smooth = smoothMap(mapOf(21, 21, 8, values), 8);
  assert.ok(Math.abs(smooth.reduce((sum, v) => sum + v, 0) - 1) < 1e-5);
  assert.ok(Math.abs(smooth[10 * 21 + 11]! / smooth[10 * 21 + 10]! - Math.exp(-0.5)) < 1e-5);
  assert.ok(Math.abs(smooth[9 * 21 + 10]! - smooth[10 * 21 + 9]!) < 1e-7);
});

test('upsampling fills an array that is handed in', () => {
  const into = new Float32Array(100);
  assert.equal(upsampleMap(mapOf(1, 1, 8, [4]), 8, 8, { into }), into);
  assert.equal(into[63], 4);
  assert.equal(into[64], 0);
});

test('a reduced map keeps every peak where it was, also in cells that stand over the edge', () => {
  const map = mapOf(3, 5, 8, [1, 2, 0, 0, 9, 3, 1, 0, 7, 0, 0, 0, 0, 0, 4]);
  const { values, ...grid } = reduceMap(map, 3);
  assert.deepEqual(grid, { rows: 2, columns: 3, cell: 16, inputWidth: 40, inputHeight: 24 });
  assert.deepEqual([...values], [3, 7, 9, 0, 0, 4]);
  assert.equal(reduceMap(map, 5), map);
  assert.deepEqual([...reduceMap(map, 1).values], [9]);
});

test('a reduced map is no number where one of its cells is none', () => {
  assert.deepEqual([...reduceMap(mapOf(1, 4, 8, [Number.NaN, 3, 3, 1]), 2).values], [Number.NaN, 3]);
});
