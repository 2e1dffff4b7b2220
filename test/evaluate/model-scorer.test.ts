import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { readDataset } from '../../src/evaluate/dataset.js';
import { evaluateModel } from '../../src/evaluate/evaluate.js';
import { modelScorer } from '../../src/evaluate/model-scorer.js';
import { writePng } from '../../src/image/save.js';
import { Inspector } from '../../src/infer/inspector.js';
import type { Picture } from '../../src/types.js';
import { TINY, tinyPicture, writeTinyBundle } from '../support/tiny-bundle.js';

const DEFECT = { x: 8, y: 40, size: 14 };

test('a bundle is evaluated on a dataset through the runtime, with the verdicts of its threshold', async () => {
  const root = await mkdtemp(join(tmpdir(), 'sideglance-model-scorer-'));
  try {
    const model = join(root, 'model');
    await writeTinyBundle(model);
    const folder = join(root, 'parts');
    for (const seed of [3, 4, 5]) {
      await writePng(join(folder, 'test', 'good', `${seed}.png`), tinyPicture({ seed }));
      await writePng(join(folder, 'test', 'spot', `${seed}.png`), tinyPicture({ seed, defect: DEFECT }));
      await writePng(join(folder, 'ground_truth', 'spot', `${seed}_mask.png`), maskOf(TINY.width, TINY.height));
    }
    const inspector = await Inspector.load(model, { threshold: { falseRejectRate: 0.005 } });
    try {
      const evaluation = await evaluateModel(modelScorer(inspector), await readDataset(folder));
      assert.equal(evaluation.imageAuroc, 1);
      assert.ok(evaluation.pixelAuroc! > 0.9, `${evaluation.pixelAuroc}`);
      assert.deepEqual(evaluation.verdicts, { falseRejects: 0, misses: 0, invalid: 0 });
    } finally {
      await inspector.close();
    }
  } finally {
    await rm(root, { recursive: true });
  }
});

function maskOf(width: number, height: number): Picture {
  const data = new Uint8Array(width * height);
  for (let y = DEFECT.y; y < DEFECT.y + DEFECT.size; y++) {
    data.fill(255, y * width + DEFECT.x, y * width + DEFECT.x + DEFECT.size);
  }
  return { width, height, stride: width, format: 'GRAY8', data };
}
