import assert from 'node:assert/strict';
import { test } from 'node:test';
import { batchSize, type InFlight, megabytesOf } from '../../src/infer/batch.js';
import { scoreOne } from '../../src/infer/scored.js';
import { Scorer } from '../../src/infer/scorer.js';
import type { Region } from '../../src/types.js';
import { fault } from '../support/faults.js';
import { hottestCells } from '../support/scoring.js';
import { TINY, tinyModel, tinyPicture } from '../support/tiny-bundle.js';

const inFlight: InFlight = { pixels: 512 * 512, cells: 0, modelBytes: 4e6 };
const size = (options: Partial<Parameters<typeof batchSize>[0]>) =>
  batchSize({ provider: 'cuda', wanted: 4, inFlight, name: 'cloth@1.0.0', ...options });

test('on the CPU a run takes one region, on a GPU as many as there are and as its memory allows', () => {
  assert.equal(size({ provider: 'cpu' }), 1);
  assert.equal(size({}), 4);
  assert.equal(size({ wanted: 0 }), 1);
  assert.ok(size({ wanted: 1000 }) < 100);
  for (const batch of [1, 2, 3]) assert.equal(size({ gpuMemoryMb: megabytesOf(inFlight, batch) }), batch);
  assert.equal(size({ provider: 'tensorrt', gpuMemoryMb: megabytesOf(inFlight, 3) - 1 }), 2);
});

test('a model of which not even one region fits into the memory of a GPU is refused; the CPU has no such limit', () => {
  const gpuMemoryMb = megabytesOf(inFlight, 1) - 1;
  assert.throws(
    () => size({ gpuMemoryMb }),
    fault(
      'SG_GPU_MEMORY',
      new RegExp(`cloth@1\\.0\\.0 needs about ${gpuMemoryMb + 1} MB.*cuda.*gpuMemoryMb.*${gpuMemoryMb}`),
    ),
  );
  assert.equal(size({ provider: 'cpu', gpuMemoryMb }), 1);
});

test('regions that share a batch get what each gets alone, to 1e-5, and the batch need not be full', async () => {
  const picture = tinyPicture({ width: 300, height: 200, defect: { x: 70, y: 40, size: 11 } });
  const at = (x: number, y: number, side = 64): Region => ({ name: `at ${x}`, x, y, width: side, height: side });
  const regions = [at(0, 0), at(50, 20), at(120, 9), at(190, 60, 100), at(230, 130)];
  const facts = { ...TINY, scoring: hottestCells(TINY.topCells), locate: null };
  const one = await Scorer.create(tinyModel(), facts);
  const three = await Scorer.create(tinyModel(), { ...facts, batch: 3 });
  assert.equal(three.batch, 3);
  const together = await three.scoreAll(picture, regions);
  assert.equal(together.length, regions.length);
  for (const [index, region] of regions.entries()) {
    const alone = await scoreOne(one, picture, region);
    assert.ok(Math.abs(together[index]!.score - alone.score) < 1e-5);
    together[index]!.maps.score.forEach((value, cell) => {
      assert.ok(Math.abs(value - alone.maps.score[cell]!) < 1e-5, `${region.name}, cell ${cell}`);
    });
  }
  // One region that cannot be cropped fails the call, and nothing of it stays behind.
  await assert.rejects(three.scoreAll(picture, [at(0, 0), at(280, 0)]), fault('SG_REGION_OUTSIDE', /300×200/));
  assert.equal((await scoreOne(three, picture, regions[1]!)).score, together[1]!.score);
  await one.close();
  await three.close();
});
