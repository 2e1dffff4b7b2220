import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findDefects, type HeadMaps, MAX_DEFECTS } from '../../src/infer/defects.js';
import { hottestCell, imageScore } from '../../src/infer/score.js';

/** One character a cell: a digit is the score; the other maps hold its `context` share and the rest. */
function maps(picture: string, context = 0.75): HeadMaps {
  const lines = picture.trim().split(/\s+/);
  const score = Float32Array.from(lines.join(''), Number);
  return {
    rows: lines.length,
    columns: lines[0]!.length,
    cell: 8,
    inputWidth: lines[0]!.length * 8,
    inputHeight: lines.length * 8,
    score,
    inconsistency: score.map((value) => value * context),
    distortion: score.map((value) => value * (1 - context)),
  };
}

const region = { name: 'part', x: 100, y: 50, width: 64, height: 32 };

test('cells that touch at a corner are one defect, others are defects of their own', () => {
  const found = findDefects(
    maps(`
      00000000
      05000040
      00600004
      00000000`),
    1,
    region,
  );
  assert.deepEqual(found, [
    { box: { x: 108, y: 58, width: 16, height: 16 }, area: 128, peak: 6, kind: 'context' },
    { box: { x: 148, y: 58, width: 16, height: 16 }, area: 128, peak: 4, kind: 'context' },
  ]);
});

test('boxes and areas are in frame pixels of the region and stay inside it', () => {
  const scaled = { name: 'part', x: 10, y: 20, width: 96.5, height: 80 };
  const [edge] = findDefects(
    maps(`
      00000000
      00000000
      00000000
      00000007`),
    1,
    scaled,
  );
  // A cell is 12.0625 × 20 frame pixels; the last one begins at x = 94.4375.
  assert.deepEqual(edge, { box: { x: 94, y: 80, width: 13, height: 20 }, area: 241, peak: 7, kind: 'context' });
  const whole = findDefects(maps('99 99'), 1, { name: 'part', x: 0, y: 0, width: 16, height: 16 });
  assert.deepEqual(whole[0]!.box, { x: 0, y: 0, width: 16, height: 16 });
});

test('the kind is that of the larger head', () => {
  assert.equal(findDefects(maps('070', 0.4), 1, region)[0]!.kind, 'distortion');
  assert.equal(findDefects(maps('070', 0.6), 1, region)[0]!.kind, 'context');
});

test('a value at the threshold is no defect, nor is one that is not a number', () => {
  assert.deepEqual(findDefects(maps('111'), 1, region), []);
  const odd = maps('000');
  odd.score.fill(Number.NaN);
  assert.deepEqual(findDefects(odd, 1, region), []);
});

test('a map full of defects yields a bounded list of the strongest', () => {
  const row = (digit: number) => `${digit}0`.repeat(40);
  const picture = Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? row(i === 10 ? 9 : 2) : '0'.repeat(80))).join(
    ' ',
  );
  const found = findDefects(maps(picture), 1, region);
  assert.equal(found.length, MAX_DEFECTS);
  assert.ok(found.slice(0, 40).every((defect) => defect.peak === 9));
});

test('the score is the mean of the hottest cells, so that one of them does not decide alone', () => {
  const values = Float32Array.of(0, 9, -1, 3, 6);
  assert.equal(imageScore(values, 1), 9);
  assert.equal(imageScore(values, 3), 6);
  assert.equal(imageScore(values, 100), 17 / 5);
  assert.ok(Number.isNaN(imageScore(Float32Array.of(1, Number.NaN, 2), 1)));
  assert.equal(hottestCell(values), 1);
});
