import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { findDefects, type HeadMaps, MAX_DEFECTS } from '../../src/infer/defects.js';
import { hottestCell, hottestMeans, type Scoring, scoreOf } from '../../src/infer/score.js';
import { type ByKind, byKind, DEFECT_KINDS, leadingKind, sharesOf } from '../../src/kinds.js';
import { hottestCells } from '../support/scoring.js';

/** One character a cell: a digit is the score; the other maps hold these shares of it. */
function maps(picture: string, shares: ByKind = SHARES): HeadMaps {
  const lines = picture.trim().split(/\s+/);
  const score = Float32Array.from(lines.join(''), Number);
  return {
    rows: lines.length,
    columns: lines[0]!.length,
    cell: 8,
    inputWidth: lines[0]!.length * 8,
    inputHeight: lines.length * 8,
    score,
    position: score.map((value) => value * shares.position),
    context: score.map((value) => value * shares.context),
    distortion: score.map((value) => value * shares.distortion),
  };
}

/** Halves and quarters: exact in floats. */
const SHARES = { position: 0.25, context: 0.5, distortion: 0.25 };

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
    { box: { x: 108, y: 58, width: 16, height: 16 }, area: 128, peak: 6, kind: 'context', shares: SHARES },
    { box: { x: 148, y: 58, width: 16, height: 16 }, area: 128, peak: 4, kind: 'context', shares: SHARES },
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
  assert.deepEqual(edge, {
    box: { x: 94, y: 80, width: 13, height: 20 },
    area: 241,
    peak: 7,
    kind: 'context',
    shares: SHARES,
  });
  const whole = findDefects(maps('99 99'), 1, { name: 'part', x: 0, y: 0, width: 16, height: 16 });
  assert.deepEqual(whole[0]!.box, { x: 0, y: 0, width: 16, height: 16 });
});

test('each kind of evidence names the defects where it alone is hot', () => {
  for (const kind of DEFECT_KINDS) {
    const shares = byKind((each) => (each === kind ? 1 : 0));
    const [defect] = findDefects(maps('070', shares), 1, region);
    assert.deepEqual([defect?.kind, defect?.shares], [kind, shares]);
  }
});

test('the kind is the evidence that contributes most in sum over the defect, not at its peak', () => {
  const mixed = maps('0930', { position: 1, context: 0, distortion: 0 });
  mixed.position.set([0, 3, 3, 0]);
  mixed.context.set([0, 5, -2, 0]);
  mixed.distortion.set([0, 1, 2, 0]);
  assert.equal(findDefects(mixed, 1, region)[0]!.kind, 'position');
});

test('shares are 1 in sum, and evidence that speaks for a good part has none', () => {
  const cases: ByKind[] = [
    { position: 0.7, context: 0.2, distortion: 0.4 },
    { position: -0.5, context: 2, distortion: 1 },
    { position: -0.5, context: -2, distortion: 3e-9 },
    { position: -0.5, context: -0.25, distortion: -1 },
    { position: 0, context: 0, distortion: 0 },
  ];
  for (const parts of cases) {
    const shares = sharesOf(parts);
    const values = DEFECT_KINDS.map((kind) => shares[kind]);
    assert.ok(Math.abs(values.reduce((a, b) => a + b) - 1) < 1e-12, JSON.stringify(shares));
    assert.ok(values.every((share) => share >= 0 && share <= 1));
    assert.equal(shares[leadingKind(parts)], Math.max(...values));
  }
  assert.deepEqual(sharesOf(cases[1]!), { position: 0, context: 2 / 3, distortion: 1 / 3 });
  assert.deepEqual(sharesOf(cases[3]!), { position: 0, context: 1, distortion: 0 });
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

describe('the score of an image', () => {
  const imageScore = (maps: Parameters<typeof hottestMeans>[0], scoring: Scoring) =>
    scoreOf(hottestMeans(maps, scoring), scoring.terms);
  const values = Float32Array.of(0, 9, -1, 3, 6);
  const nothing = new Float32Array(values.length);
  const row = (columns: number) => ({ rows: 1, columns, cell: 8 });
  const ofPosition = (position: Float32Array, cells: number): number =>
    imageScore({ ...row(position.length), position, context: nothing, distortion: nothing }, hottestCells(cells));

  test('is the mean of the hottest cells, so that one of them does not decide alone', () => {
    assert.equal(ofPosition(values, 1), 9);
    assert.equal(ofPosition(values, 3), 6);
    assert.equal(ofPosition(values, 100), 17 / 5);
    assert.ok(Number.isNaN(ofPosition(Float32Array.of(1, Number.NaN, 2), 1)));
    assert.equal(hottestCell(values), 1);
  });

  test('is the sum of its terms over the weighted sum of the maps', () => {
    const maps = { ...row(5), position: values, context: Float32Array.of(4, 0, 0, 0, 0), distortion: nothing };
    const weights = { position: 1, context: 3, distortion: 0 };
    // The weighted sum: 12, 9, −1, 3, 6.
    const terms = [
      { cells: 1, centre: 2, spread: 5 },
      { cells: 2, centre: 0.5, spread: 0.5 },
    ];
    assert.equal(imageScore(maps, { smoothing: 0, weights, terms }), (12 - 2) / 5 + (10.5 - 0.5) / 0.5);
    assert.ok(
      Number.isNaN(imageScore({ ...maps, context: maps.context.fill(Number.NaN) }, { smoothing: 0, weights, terms })),
    );
  });

  test('sees the map smoothed, so that a single noisy cell counts less than a spot of several', () => {
    const scoring = { ...hottestCells(1), smoothing: 4 };
    const scoreOfRow = (...position: number[]) =>
      imageScore({ ...row(5), position: Float32Array.from(position), context: nothing, distortion: nothing }, scoring);
    const beside = Math.exp(-2); // one cell of 8 pixels is two standard deviations away
    const twoAway = Math.exp(-8);
    const near = (actual: number, expected: number) => assert.ok(Math.abs(actual - expected) < 1e-5, `${actual}`);
    near(scoreOfRow(0, 0, 9, 0, 0), 9 / (1 + 2 * beside + 2 * twoAway));
    near(scoreOfRow(0, 9, 9, 9, 0), (9 * (1 + 2 * beside)) / (1 + 2 * beside + 2 * twoAway));
    near(scoreOfRow(5, 5, 5, 5, 5), 5);
  });
});
