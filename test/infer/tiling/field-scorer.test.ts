import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { FEATURES_OUTPUT, HEAD_VALUES, OUTPUT_NAMES } from '../../../src/infer/contract.js';
import type { HeadMaps } from '../../../src/infer/defects.js';
import { type GraphFacts, openOnCpu } from '../../../src/infer/open-graph.js';
import { Session } from '../../../src/infer/ort/session.js';
import { type RegionScorer, type ScoredRegion, scoreOne } from '../../../src/infer/scored.js';
import { Scorer } from '../../../src/infer/scorer.js';
import { engineOptions } from '../../../src/infer/tensorrt/settings.js';
import { FieldScorer } from '../../../src/infer/tiling/field-scorer.js';
import type { TileSizes } from '../../../src/infer/tiling/tile-sizes.js';
import { Random } from '../../../src/random.js';
import type { Picture } from '../../../src/types.js';
import { fault } from '../../support/faults.js';
import { FIELD_SCORING, fieldSettings, RandomFieldModel } from '../../support/field-model.js';

const random = new Random(2);
const model = new RandomFieldModel(1);
const files = model.files();

/** Several of each across and down for what is tested here. */
const SMALL_TILES: TileSizes = { features: { rows: 20, columns: 24 }, context: { rows: 34, columns: 40 } };

function fieldScorer(tiles: TileSizes, { batch = 1, scale = 1 } = {}): Promise<FieldScorer> {
  const settings = fieldSettings(tiles, scale);
  return FieldScorer.create(files, { settings, scoring: FIELD_SCORING, name: 'random', batch });
}

function noise(width: number, height: number): Picture {
  const data = Uint8Array.from({ length: 3 * width * height }, () => random.below(256));
  return { width, height, stride: 3 * width, format: 'RGB', data };
}

const wholeOf = ({ width, height }: Picture): ScoredRegion => ({ x: 0, y: 0, width, height });

function assertSameMaps(actual: HeadMaps, expected: HeadMaps, tolerance: number): void {
  assert.deepEqual([actual.rows, actual.columns], [expected.rows, expected.columns]);
  for (const name of OUTPUT_NAMES) {
    actual[name].forEach((value, cell) => {
      const wanted = expected[name][cell]!;
      const place = `row ${Math.floor(cell / actual.columns)}, column ${cell % actual.columns}`;
      assert.ok(Math.abs(value - wanted) <= tolerance, `${name} at ${place}: ${value} ≠ ${wanted}`);
    });
  }
}

describe('a region in tiles', () => {
  let small: RegionScorer;
  /** One tile for every region here. */
  let large: RegionScorer;
  before(async () => {
    small = await fieldScorer(SMALL_TILES);
    large = await fieldScorer({ features: { rows: 90, columns: 90 }, context: { rows: 130, columns: 130 } });
  });
  after(async () => {
    await small.close();
    await large.close();
  });

  test('has the map of one untiled pass, to 1e-4 in every cell and at every border', async () => {
    const picture = noise(640, 448);
    const untiled = await Scorer.create(model.untiled(640, 448), {
      width: 640,
      height: 448,
      stride: 8,
      scoring: FIELD_SCORING,
      locate: null,
    });
    const expected = await scoreOne(untiled, picture, wholeOf(picture));
    await untiled.close();
    for (const scorer of [small, large]) {
      const tiled = await scoreOne(scorer, picture, wholeOf(picture));
      assertSameMaps(tiled.maps, expected.maps, 1e-4);
      assert.ok(Math.abs(tiled.score - expected.score) < 1e-4);
    }
  });

  test('may have any size: no multiple of a cell, narrower or lower than a tile', async () => {
    for (const [width, height] of [
      [301, 413],
      [1003, 100],
      [97, 700],
      [22, 22],
    ] as const) {
      const picture = noise(width, height);
      const one = await scoreOne(large, picture, wholeOf(picture));
      const tiled = await scoreOne(small, picture, wholeOf(picture));
      assert.deepEqual([one.maps.rows, one.maps.columns], [Math.round(height / 8), Math.round(width / 8)]);
      assert.deepEqual([one.maps.inputWidth, one.maps.inputHeight], [width, height]);
      assertSameMaps(tiled.maps, one.maps, 1e-4);
    }
  });

  test('has the same pixels in every tile when it is scaled, wherever it lies in the frame', async () => {
    const picture = noise(900, 700);
    const region = { x: 41, y: 13, width: 811, height: 607 };
    const maps: HeadMaps[] = [];
    for (const tiles of [SMALL_TILES, { features: { rows: 50, columns: 60 }, context: { rows: 80, columns: 90 } }]) {
      const scorer = await fieldScorer(tiles, { scale: 1.7 });
      maps.push((await scoreOne(scorer, picture, region)).maps);
      await scorer.close();
    }
    assert.deepEqual([maps[0]!.inputWidth, maps[0]!.inputHeight], [477, 357]);
    assertSameMaps(maps[0]!, maps[1]!, 1e-4);
  });

  test('is refused, by name, where it is too small or not in the frame; the next one is scored as ever', async () => {
    const picture = noise(200, 150);
    const expected = await scoreOne(small, picture, wholeOf(picture));
    const score = (region: Partial<ScoredRegion>) => scoreOne(small, picture, { ...wholeOf(picture), ...region });
    await assert.rejects(score({ name: 'strip', width: 21 }), fault('SG_REGION_SHAPE', /"strip" of 21×150/));
    await assert.rejects(score({ x: 1 }), fault('SG_REGION_OUTSIDE', /200×150/));
    await assert.rejects(score({ width: 0 }), fault('SG_REGION_OUTSIDE', /empty/));
    assert.deepEqual((await score({})).maps.score, expected.maps.score);
  });
});

describe('a batch of tiles', () => {
  test('gives each region what it gets alone, to 1e-5, and a full one is not needed', async () => {
    const picture = noise(500, 420);
    const regions: ScoredRegion[] = [
      { x: 0, y: 0, width: 500, height: 420 },
      { x: 7, y: 9, width: 120, height: 100 },
      { x: 200, y: 60, width: 130, height: 300 },
      { x: 300, y: 300, width: 100, height: 100 },
    ];
    const one = await fieldScorer(SMALL_TILES);
    const three = await fieldScorer(SMALL_TILES, { batch: 3 });
    let runs = 0;
    const together = await three.scoreAll(picture, regions, () => runs++);
    assert.ok(runs > regions.length, `a run is told at a time: ${runs}`);
    for (const [index, region] of regions.entries()) {
      const alone = await scoreOne(one, picture, region);
      assertSameMaps(together[index]!.maps, alone.maps, 1e-5);
      assert.ok(Math.abs(together[index]!.score - alone.score) < 1e-5);
    }
    await one.close();
    await three.close();
  });
});

test('both graphs are opened for the one shape of the batch, and each with what stays in FP32', async () => {
  const opened: GraphFacts[] = [];
  const onCpu = openOnCpu();
  const scorer = await FieldScorer.create(files, {
    settings: fieldSettings(SMALL_TILES),
    scoring: FIELD_SCORING,
    name: 'random',
    batch: 3,
    open(graph, facts) {
      opened.push(facts);
      return onCpu(graph, facts);
    },
  });
  await scorer.close();
  assert.deepEqual(
    opened.map(({ name, shapes }) => [name, engineOptions({}, shapes).trt_profile_opt_shapes]),
    [
      ['random', 'region:3x188x220x3'],
      ['random (context)', 'features:3x34x40x104,inside:3x1x34x40'],
    ],
  );
  assert.deepEqual(
    opened.map(({ boundary }) => boundary),
    [[FEATURES_OUTPUT], HEAD_VALUES],
  );
});

describe('the reach of a cell', () => {
  test('is the halo and the border, no more and no less', async () => {
    const side = 432;
    const cell = 26;
    const { halo, border } = fieldSettings(SMALL_TILES);
    const session = await Session.create(model.untiled(side, side));
    const valueWith = async (data: Uint8Array) => {
      const { score } = await session.runOnce({ region: { type: 'uint8', shape: [1, side, side, 3], data } });
      return score!.data[cell * (side / 8) + cell] as number;
    };
    const { data } = noise(side, side);
    const [first, last] = [8 * (cell - halo) - border, 8 * (cell + halo + 1) + border - 1];
    const changed = (where: (x: number, y: number) => boolean) =>
      data.map((value, i) => {
        const pixel = Math.floor(i / 3);
        return where(pixel % side, Math.floor(pixel / side)) ? 255 - value : value;
      });
    const expected = await valueWith(data);
    const isBeyond = (at: number) => at < first || at > last;
    assert.equal(await valueWith(changed((x, y) => isBeyond(x) || isBeyond(y))), expected);
    // The outermost pixels that count: with a halo one cell smaller, none of these would be seen.
    const sides: [string, (x: number, y: number) => boolean][] = [
      ['left', (x) => x >= first && x < first + 8],
      ['right', (x) => x <= last && x > last - 8],
      ['top', (_, y) => y >= first && y < first + 8],
      ['bottom', (_, y) => y <= last && y > last - 8],
    ];
    for (const [name, where] of sides) assert.notEqual(await valueWith(changed(where)), expected, name);
    await session.close();
  });
});
