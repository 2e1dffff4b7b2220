import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { recalibrate } from '../../src/calibrate/recalibrate.js';
import { writePng } from '../../src/image/save.js';
import { Inspector } from '../../src/infer/inspector.js';
import { fault } from '../support/faults.js';
import { writeHeadedBundle } from '../support/headed-bundle.js';
import { tinyPicture } from '../support/tiny-bundle.js';

const half = { cpu: { precision: 'fp16' } } as const;
const threshold = { falseRejectRate: 0.05 } as const;

let folder: string;
let bundle: string;
let images: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sideglance-calibrate-precision-'));
  bundle = join(folder, 'bundle');
  images = join(folder, 'images');
  await writeHeadedBundle(bundle);
  for (let seed = 200; seed < 225; seed++) await writePng(join(images, `${seed}.png`), tinyPicture({ seed }));
});
after(() => rm(folder, { recursive: true, force: true }));

test('a precision is calibrated beside FP32, whose scores stay, and the bundle then runs in it', async () => {
  const options = { model: bundle, images, falseRejectRate: 0.05, ...half };
  await assert.rejects(
    recalibrate({ ...options, combine: true }),
    fault('SG_USAGE', /no scores of fp16 .* leave --combine out/),
  );
  const { previous, manifest, precision, calibration, old } = await recalibrate(options);
  assert.equal(precision, 'fp16');
  assert.deepEqual(old, previous.calibration);
  assert.deepEqual([manifest.calibration, manifest.golden], [previous.calibration, previous.golden]);
  const measured = manifest.precisions?.fp16;
  assert.deepEqual(measured?.calibration, calibration);
  assert.equal(calibration.scores.length, 25);
  for (const [i, { image, score, tolerance }] of (measured?.golden ?? []).entries()) {
    const full = manifest.golden[i]!;
    assert.equal(image, full.image);
    assert.ok(score !== full.score && Math.abs(score - full.score) < tolerance && tolerance > full.tolerance);
  }

  const inspector = await Inspector.load(bundle, { threshold, ...half });
  assert.ok(inspector.threshold.score >= calibration.scores.at(-2)!);
  await inspector.close();
  const combined = await recalibrate({ ...options, combine: true });
  assert.equal(combined.calibration.scores.length, 50);
  // FP32 is calibrated by itself, and takes nothing away from what was measured in another precision.
  const full = await recalibrate({ model: bundle, images, falseRejectRate: 0.05 });
  assert.equal(full.manifest.calibration.scores.length, 25);
  assert.deepEqual(full.manifest.precisions, combined.manifest.precisions);
});
