import assert from 'node:assert/strict';
import test from 'node:test';
import { inferno } from '../../src/encode/colour-map.js';
import { contourPath } from '../../src/encode/contour.js';
import { readable, ticksOf, wrapParts } from '../../src/encode/drawing.js';
import { fitText, svgText, textWidth } from '../../src/encode/text.js';

function pointsOf(path: string): number[][] {
  return [...path.matchAll(/[ML](-?[\d.]+) (-?[\d.]+)/g)].map((match) => [Number(match[1]), Number(match[2])]);
}

test('the contour of a cone is a closed circle at the level', () => {
  const [width, height] = [60, 60];
  const values = Float32Array.from({ length: width * height }, (_, i) => {
    return 30 - Math.hypot((i % width) + 0.5 - 30, Math.floor(i / width) + 0.5 - 30);
  });
  const points = pointsOf(contourPath(values, width, height, 10, { left: 0, top: 0, stepX: 2, stepY: 2 }));
  assert.ok(points.length > 100);
  for (const [x, y] of points) assert.ok(Math.abs(Math.hypot(x! - 60, y! - 60) - 40) < 0.2, `${x}, ${y}`);
  // Closed: every end of a segment is the end of exactly one other.
  const ends = new Map<string, number>();
  for (const point of points) ends.set(point.join(), (ends.get(point.join()) ?? 0) + 1);
  assert.ok([...ends.values()].every((count) => count % 2 === 0));
});

test('a contour is placed by the centres of the values; saddles follow their middle; flat grids have none', () => {
  const edge = contourPath(Float32Array.of(0, 1, 0, 1), 2, 2, 0.5, { left: 10, top: 20, stepX: 4, stepY: 4 });
  assert.deepEqual(pointsOf(edge), [
    [14, 22],
    [14, 26],
  ]);
  const place = { left: 0, top: 0, stepX: 1, stepY: 1 };
  const joined = pointsOf(contourPath(Float32Array.of(1, 0, 0, 1), 2, 2, 0.4, place));
  const apart = pointsOf(contourPath(Float32Array.of(1, 0, 0, 1), 2, 2, 0.6, place));
  // Joined: the lines cut off the low corners (north-east, south-west); apart: the high ones.
  assert.deepEqual(joined.slice(0, 2), [
    [0.5, 1.1],
    [0.9, 1.5],
  ]);
  assert.deepEqual(apart.slice(0, 2), [
    [0.5, 0.9],
    [0.9, 0.5],
  ]);
  assert.equal(contourPath(new Float32Array(16).fill(2), 4, 4, 1, place), '');
});

test('inferno gets lighter with every step and ends as in its table', () => {
  let last = -1;
  for (let i = 0; i <= 50; i++) {
    const [r, g, b] = inferno(i / 50);
    const lightness = 0.2126 * (r / 255) ** 2.2 + 0.7152 * (g / 255) ** 2.2 + 0.0722 * (b / 255) ** 2.2;
    assert.ok(lightness > last, `step ${i}`);
    last = lightness;
  }
  // matplotlib: (0, 0, 4), (188, 55, 84), (252, 255, 164).
  for (const [t, colour] of [
    [0, [0, 0, 4]],
    [0.5, [188, 55, 84]],
    [1, [252, 255, 164]],
  ] as const) {
    const away = inferno(t).map((value, c) => Math.abs(value - colour[c]!));
    assert.ok(Math.max(...away) <= 8, `${t}: ${inferno(t)}`);
  }
  assert.deepEqual(inferno(7), inferno(1));
});

test('ticks are round numbers inside the range', () => {
  assert.deepEqual(ticksOf(0.13, 0.97, 5), [0.2, 0.4, 0.6, 0.8]);
  assert.deepEqual(ticksOf(-12, 31, 4), [0, 20]);
  assert.deepEqual(ticksOf(1, 1, 4), []);
  assert.deepEqual(ticksOf(Number.NaN, 1, 4), []);
});

test('numbers are readable', () => {
  const pairs: [number, string][] = [
    [0, '0'],
    [1.23456, '1.23'],
    [0.00012, '1.2e-4'],
    [1234.5, '1235'],
    [0.05, '0.05'],
    [2e6, '2.0e+6'],
  ];
  for (const [value, text] of pairs) assert.equal(readable(value), text);
});

test('text is shortened to fit, unknown characters keep a place, lines break between parts', () => {
  assert.equal(fitText('abc', 10, 1000), 'abc');
  const long = fitText('a long file name.png', 10, 50);
  assert.ok(long.endsWith('…') && textWidth(long, 10) <= 50);
  assert.ok(textWidth('検', 10) > 0);
  assert.ok(svgText('<&>', 0, 0, 10, '#fff').includes('<path'));
  assert.ok(!svgText('<&>"', 0, 0, 10, '#fff').includes('&'));
  const lines = wrapParts(['one', 'two', 'three'], 10, textWidth('one  ·  two', 10) + 1);
  assert.deepEqual(lines, ['one  ·  two', 'three']);
});
