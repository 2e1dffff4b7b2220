import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Inspector } from '../../../src/infer/inspector.js';
import { parseManifest } from '../../../src/model/manifest.js';
import { openBundle } from '../../../src/model/open.js';
import { fault } from '../../support/faults.js';
import { writeHeadedBundle } from '../../support/headed-bundle.js';
import { TINY, tinyPicture } from '../../support/tiny-bundle.js';

const threshold = { falseRejectRate: 0.05 } as const;
const half = { cpu: { precision: 'fp16' } } as const;

let folder: string;
let bundle: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sideglance-precision-'));
  bundle = join(folder, 'headed');
  await writeHeadedBundle(bundle);
});
after(() => rm(folder, { recursive: true, force: true }));

test('a precision that the bundle is not calibrated for is refused, with the way to calibrate it', async () => {
  await assert.rejects(
    Inspector.load(bundle, { threshold, ...half }),
    fault('SG_PRECISION_UNCALIBRATED', /headed@1\.0\.0 is not calibrated for fp16.*sideglance calibrate.*fp32/),
  );
  const inspector = await Inspector.load(bundle, { threshold, ...half, uncalibrated: true });
  assert.equal(inspector.precision, 'fp16');
  await inspector.close();
});

test('what was measured in a precision is what its golden samples and verdicts are held against', async () => {
  const opened = await openBundle(bundle);
  const { manifest } = opened;
  const scores = manifest.calibration.scores.map((score) => score + 1);
  const golden = manifest.golden.map((sample) => ({ ...sample, tolerance: 0.05 }));
  const precisions = { fp16: { golden, calibration: { scores, mapThreshold: 3 } } };
  const calibrated = { ...opened, manifest: { ...manifest, precisions } };
  const whole = { x: 0, y: 0, width: TINY.width, height: TINY.height, name: 'whole' };
  const judge = async (options: object) => {
    const inspector = await Inspector.of(calibrated, { threshold, ...options });
    const { regions } = await inspector.inspectRegions(tinyPicture({ seed: 3 }), [whole]);
    await inspector.selfTest();
    await inspector.close();
    return { ...regions[0]!, precision: inspector.precision };
  };
  const [full, rounded] = [await judge({}), await judge(half)];
  assert.deepEqual([full.precision, rounded.precision], ['fp32', 'fp16']);
  assert.ok(Math.abs(rounded.threshold - full.threshold - 1) < 1e-6);
  assert.ok(rounded.score !== full.score && Math.abs(rounded.score - full.score) < 0.02);
  assert.deepEqual([rounded.mapThreshold, full.mapThreshold], [3, manifest.calibration.mapThreshold]);

  const wrong = golden.map((sample) => ({ ...sample, score: sample.score + 0.2 }));
  const bad = { ...calibrated.manifest, precisions: { fp16: { ...precisions.fp16, golden: wrong } } };
  await assert.rejects(
    Inspector.of({ ...opened, manifest: bad }, { threshold, ...half }),
    fault('SG_MODEL_GOLDEN_MISMATCH', /does not reproduce/),
  );
});

test('a manifest with figures of a precision is checked like the rest of it', async () => {
  const { manifest } = await openBundle(bundle);
  const measured = { golden: manifest.golden, calibration: manifest.calibration };
  const parse = (fp16: object) => parseManifest(JSON.stringify({ ...manifest, precisions: { fp16 } }), 'manifest');
  assert.deepEqual(parse(measured).precisions?.fp16, measured);
  const reversed = { ...manifest.calibration, scores: [...manifest.calibration.scores].reverse() };
  assert.throws(
    () => parse({ ...measured, calibration: reversed }),
    fault('SG_MODEL_INVALID', /precisions\.fp16\.calibration\.scores: must be in ascending order/),
  );
  const foreign = [{ ...manifest.golden[0]!, image: 'golden/9.png' }];
  assert.throws(() => parse({ ...measured, golden: foreign }), fault('SG_MODEL_INVALID', /none of the golden ones/));
});
