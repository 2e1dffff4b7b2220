import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { evaluateModel } from '../../src/evaluate/evaluate.js';
import { modelScorer } from '../../src/evaluate/model-scorer.js';
import { pngOf, writePng } from '../../src/image/save.js';
import { Inspector } from '../../src/infer/inspector.js';
import { hottestCell } from '../../src/infer/score.js';
import { inspectFiles } from '../../src/inspect.js';
import { MANIFEST_FILE, type Manifest } from '../../src/model/manifest.js';
import type { Picture, RegionResult } from '../../src/types.js';
import { writeBrightnessBundle } from '../support/brightness-bundle.js';
import { fault } from '../support/faults.js';
import { reliefOf, turnedPart } from '../support/turned-parts.js';

const SIZE = 128;
/** Relative to the part's middle. */
const SPOT = { x: 26, y: -12 };
const BLANK: Picture = {
  width: SIZE,
  height: SIZE,
  stride: SIZE * 3,
  format: 'RGB',
  data: new Uint8Array(SIZE * SIZE * 3).fill(70),
};

describe('an inspector that finds the part first', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sideglance-locating-'));
  const bundle = join(folder, 'bundle');
  const template = reliefOf(turnedPart());
  const window = { width: 96, height: 96 };
  const locate = { search: 'everywhere', template, window, minimumSimilarity: 0.4 } as const;
  let inspector: Inspector;
  const inspect = async (picture: Picture, box = { x: 0, y: 0, width: picture.width, height: picture.height }) => {
    const { regions } = await inspector.inspectRegions(picture, [{ name: 'part', ...box }]);
    return regions[0] as RegionResult;
  };

  before(async () => {
    await writeBrightnessBundle(bundle, { size: SIZE, locate });
    inspector = await Inspector.load(bundle, { threshold: { score: 0.75 } });
  });
  after(async () => {
    await inspector.close();
    await rm(folder, { recursive: true });
  });

  test('the map is hot where the spot is in the frame, and so is the defect, however the part lies', async () => {
    for (const [turn, x, y] of [
      [0, 64, 64],
      [0.9, 60, 70],
      [Math.PI, 66, 62],
      [-2, 68, 58],
    ] as const) {
      const { map, defects, verdict } = await inspect(turnedPart({ turn, x, y, spot: SPOT }));
      const there = {
        x: x + Math.cos(turn) * SPOT.x - Math.sin(turn) * SPOT.y,
        y: y + Math.sin(turn) * SPOT.x + Math.cos(turn) * SPOT.y,
      };
      const hottest = hottestCell(map.values);
      const cell = SIZE / map.columns;
      const centre = { x: ((hottest % map.columns) + 0.5) * cell, y: (Math.floor(hottest / map.columns) + 0.5) * cell };
      const distance = Math.hypot(centre.x - there.x, centre.y - there.y);
      assert.ok(
        distance < cell,
        `turn ${turn}: hottest at ${JSON.stringify(centre)}, the spot at ${JSON.stringify(there)}`,
      );
      const { box } = defects[0] ?? assert.fail('no defect');
      assert.ok(box.x <= there.x && there.x <= box.x + box.width && box.y <= there.y && there.y <= box.y + box.height);
      assert.equal(verdict.result, 'fail');
    }
  });

  test('the score is that of the part in its own pose: it does not depend on how the part lies', async () => {
    const upright = await inspect(turnedPart({ spot: SPOT }));
    for (const turn of [0.4, 1.7, -2.6]) {
      const turned = await inspect(turnedPart({ turn, x: 66, y: 61, spot: SPOT }));
      assert.ok(
        Math.abs(turned.score - upright.score) < 0.03,
        `turn ${turn}: ${turned.score}, upright ${upright.score}`,
      );
    }
  });

  test('a region of a larger frame is found and mapped as the region alone', async () => {
    const size = 200;
    const frame = turnedPart({ size, turn: 1, x: 120, y: 110, spot: SPOT });
    const result = await inspect(frame, { x: 56, y: 40, width: SIZE, height: SIZE });
    const there = {
      x: 120 + Math.cos(1) * SPOT.x - Math.sin(1) * SPOT.y,
      y: 110 + Math.sin(1) * SPOT.x + Math.cos(1) * SPOT.y,
    };
    const { box } = result.defects[0] ?? assert.fail('no defect');
    assert.ok(box.x <= there.x && there.x <= box.x + box.width && box.y <= there.y && there.y <= box.y + box.height);
  });

  test('where there is no part the region is invalid, and still has a score and a map', async () => {
    const { verdict, score, map } = await inspect(BLANK);
    assert.equal(verdict.result, 'invalid');
    assert.equal(verdict.result === 'invalid' && verdict.reason, 'no part');
    assert.match(String(verdict.result === 'invalid' && verdict.detail), /similarity .* at least 0\.4 is needed/);
    assert.ok(Number.isFinite(score) && map.values.every(Number.isFinite));
  });

  test('evaluate counts it as invalid, inspect says why', async () => {
    const [good, empty] = [join(folder, 'good.png'), join(folder, 'empty.png')];
    await writePng(good, turnedPart({ turn: 1 }));
    await writePng(empty, BLANK);
    const test = [good, empty].map((path) => ({ path, defect: 'good', mask: null }));
    const { verdicts } = await evaluateModel(modelScorer(inspector), { name: 'parts', folder, defects: [], test });
    assert.deepEqual(verdicts, { falseRejects: 1, misses: 0, invalid: 1 });
    const lines = [];
    for await (const line of inspectFiles({ model: bundle, files: [good, empty], threshold: { score: 0.75 } })) {
      lines.push('result' in line ? [line.result.verdict, line.result.reason] : line);
    }
    assert.deepEqual(lines, [
      ['pass', undefined],
      ['invalid', 'no part'],
    ]);
  });

  test('a template that does not go with the window, or is too large, is refused by name', async () => {
    await assert.rejects(
      loadWith(48),
      fault('SG_MODEL_INVALID', /template\.png has 48×48 pixels, .* window of 96×96: /),
    );
    await assert.rejects(loadWith(260), fault('SG_MODEL_INVALID', /template\.png has 260×260 pixels, at most 256/));
  });

  test('the region keeps the shape of the template', async () => {
    const box = { x: 0, y: 0, width: 128, height: 100 };
    await assert.rejects(inspect(turnedPart(), box), fault('SG_REGION_SHAPE', /the template .* of 128×128 has 1\.000/));
  });

  /** Loads the bundle with another template in it. */
  async function loadWith(size: number): Promise<Inspector> {
    const bytes = await pngOf(turnedPart({ size }));
    await writeFile(join(bundle, 'template.png'), bytes);
    const file = join(bundle, MANIFEST_FILE);
    const manifest = JSON.parse(await readFile(file, 'utf8')) as Manifest;
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const files = manifest.files.map((one) =>
      one.path === 'template.png' ? { ...one, size: bytes.length, sha256 } : one,
    );
    await writeFile(file, JSON.stringify({ ...manifest, files }));
    return Inspector.load(bundle, { threshold: { score: 0.75 } });
  }
});
