import assert from 'node:assert/strict';
import test from 'node:test';
import { thumbnailOf } from '../../../src/evaluate/report/thumbnail.js';
import { decodeImage } from '../../../src/image/decode.js';
import type { Picture, RegionResult } from '../../../src/types.js';

const [WIDTH, HEIGHT] = [960, 480];
const PICTURE: Picture = {
  width: WIDTH,
  height: HEIGHT,
  stride: WIDTH,
  format: 'GRAY8',
  data: new Uint8Array(WIDTH * HEIGHT).fill(90),
};

/** Hot in the right half. */
function result(): RegionResult {
  const values = Float32Array.from({ length: 8 * 16 }, (_, i) => (i % 16 < 8 ? 0.1 : 4));
  return {
    region: { name: 'image', x: 0, y: 0, width: WIDTH, height: HEIGHT },
    verdict: { result: 'fail' },
    score: 4,
    threshold: 1,
    mapThreshold: 1,
    pValue: 0.01,
    parts: { position: 2, context: 1, distortion: 1 },
    defects: [],
    map: { rows: 8, columns: 16, cell: 8, inputWidth: 128, inputHeight: 64, values },
  };
}

test('an image becomes two small pictures, the second with its heat', async () => {
  const thumbnail = await thumbnailOf(PICTURE, result(), null);
  assert.deepEqual([thumbnail.width, thumbnail.height, thumbnail.truth], [240, 120, '']);
  const [plain, heat] = await Promise.all(
    [thumbnail.picture, thumbnail.heat].map((bytes) => decodeImage(bytes, 'thumbnail')),
  );
  const at = (picture: Picture, x: number): number => picture.data[(60 * 240 + x) * 3]!;
  assert.ok(Math.abs(at(plain!, 30) - 90) < 4 && Math.abs(at(plain!, 210) - 90) < 4);
  assert.ok(Math.abs(at(heat!, 30) - 90) < 4, 'below the threshold the part shows unchanged');
  assert.ok(at(heat!, 210) > 130, `${at(heat!, 210)}`);
  assert.ok(thumbnail.picture.length + thumbnail.heat.length < 20_000);
});

test('the outline of the truth encloses it and is closed at the edge, also for a line one pixel wide', async () => {
  const mask = new Uint8Array(WIDTH * HEIGHT);
  for (let x = 0; x < 400; x++) mask[200 * WIDTH + x] = 1;
  const { truth } = await thumbnailOf(PICTURE, result(), mask);
  const points = [...truth.matchAll(/[ML](-?[\d.]+) (-?[\d.]+)/g)].map(([, x, y]) => ({ x: Number(x), y: Number(y) }));
  // Image pixel (400, 200) is (100, 50) of the thumbnail; a cell is two pixels there.
  for (const { x, y } of points) assert.ok(x >= -2 && x <= 102 && Math.abs(y - 50) <= 3, `${x} ${y}`);
  assert.ok(Math.min(...points.map(({ x }) => x)) <= 1 && Math.max(...points.map(({ x }) => x)) >= 99);
  const ends = new Map<string, number>();
  for (const { x, y } of points) ends.set(`${x} ${y}`, (ends.get(`${x} ${y}`) ?? 0) + 1);
  assert.ok([...ends.values()].every((count) => count % 2 === 0));
});

test('a small image keeps its size', async () => {
  const small = { ...PICTURE, width: 64, height: 48, stride: 64 };
  const { width, height } = await thumbnailOf(small, result(), null);
  assert.deepEqual([width, height], [64, 48]);
});
