import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { decodeImage } from '../src/image/decode.js';
import { pngOf, writePng } from '../src/image/save.js';
import { type InspectFilesOptions, type InspectOutcome, inspectFiles, overlayPaths } from '../src/inspect.js';
import { fault } from './support/faults.js';
import { tinyPicture, writeTinyBundle } from './support/tiny-bundle.js';

const root = await mkdtemp(join(tmpdir(), 'sideglance-inspect-'));
after(() => rm(root, { recursive: true, force: true }));
const model = join(root, 'tiny');
await writeTinyBundle(model);
const good = join(root, 'good.png');
const bad = join(root, 'bad.png');
await writePng(good, tinyPicture({ seed: 4 }));
await writePng(bad, tinyPicture({ seed: 4, defect: { x: 8, y: 40, size: 14 } }));

test('each image gets its line: verdict, score, defects, model', async () => {
  const [first, second] = await results({ files: [good, bad] });
  assert.equal(first!.verdict, 'pass');
  assert.equal(second!.verdict, 'fail');
  assert.ok(second!.score > second!.threshold && first!.score < first!.threshold);
  assert.equal(second!.model, 'tiny@1.0.0');
  assert.ok(second!.defects.length > 0);
  assert.equal(first!.thresholdExtrapolated, true);
  assert.deepEqual(JSON.parse(JSON.stringify(second)), second);
});

test('with 100 good scores and more, a fine rate is read off their tail: with an interval, and small p-values', async () => {
  const tailed = join(root, 'tailed');
  const scores = Array.from({ length: 150 }, (_, i) => 0.05 - 0.01 * Math.log(1 - (i + 0.5) / 150));
  await writeTinyBundle(tailed, { calibration: { scores, mapThreshold: 0.2 } });
  const [only] = await results({ model: tailed, files: [bad], threshold: { falseRejectRate: 0.001 } });
  const { low, high } = only!.thresholdInterval ?? assert.fail();
  assert.ok(only!.thresholdExtrapolated && low < only!.threshold && only!.threshold < high);
  assert.ok(only!.pValue < 1 / 151 && only!.pValue > 0);
  const [coarse] = await results({ model: tailed, files: [bad], threshold: { falseRejectRate: 0.05 } });
  assert.equal('thresholdInterval' in coarse!, false);
});

test('a region is judged alone', async () => {
  const [only] = await results({ files: [bad], region: { x: 32, y: 0, width: 32, height: 32 } });
  assert.equal(only!.verdict, 'pass');
});

test('an overlay is a readable PNG of the image, larger than small images', async () => {
  const out = join(root, 'out', 'deep');
  const [line] = await results({ files: [bad], out });
  assert.equal(line!.overlay, join(out, 'bad.overlay.png'));
  const overlay = await decodeImage(line!.overlay!);
  assert.ok(overlay.width >= 640 && overlay.height >= 640);
});

test('images that cannot be inspected are named and skipped; the others are inspected', async () => {
  const corrupt = join(root, 'corrupt.png');
  await writeFile(corrupt, (await pngOf(tinyPicture())).subarray(0, 300));
  const wide = join(root, 'wide.png');
  await writePng(wide, tinyPicture({ width: 128, height: 64 }));
  const missing = join(root, 'missing.png');
  const outcomes = await outcomesOf({ files: [corrupt, good, wide, missing, bad] });
  const told = outcomes.map((each) => ('result' in each ? each.result.verdict : each.skipped.error.code));
  assert.deepEqual(told, ['SG_IMAGE_UNREADABLE', 'pass', 'SG_REGION_SHAPE', 'SG_IMAGE_UNREADABLE', 'fail']);
  for (const each of outcomes) {
    if ('skipped' in each && each.skipped.error.code === 'SG_IMAGE_UNREADABLE') {
      assert.ok(each.skipped.error.message.includes(each.skipped.file));
    }
  }
  await assert.rejects(
    outcomesOf({ files: [corrupt, missing] }),
    fault('SG_IMAGE_UNREADABLE', /none of the 2 images.*corrupt/),
  );
});

test('grey and colour files of the same part score the same', async () => {
  const grey = tinyPicture({ seed: 12 });
  const path = join(root, 'gray8.png');
  const values = grey.data.filter((_, i) => i % 3 === 0);
  await writePng(path, { ...grey, format: 'GRAY8', stride: 64, data: values });
  const colour = join(root, 'colour.png');
  await writePng(colour, grey);
  const [a, b] = await results({ files: [path, colour] });
  assert.equal(a!.score, b!.score);
});

test('a folder stands for the images in it; nothing to inspect is a usage error', async () => {
  const folder = join(root, 'folder');
  await mkdir(folder);
  await assert.rejects(outcomesOf({ files: [folder] }), fault('SG_USAGE', /folder holds no image/));
  await writeFile(join(folder, 'a.png'), await readFile(good));
  await writeFile(join(folder, 'notes.txt'), 'x');
  const lines = await results({ files: [folder] });
  assert.deepEqual(
    lines.map((line) => line.file),
    [join(folder, 'a.png')],
  );
  await assert.rejects(outcomesOf({ files: [] }), fault('SG_USAGE', /nothing to inspect/));
});

test('a model that is missing is told before any image', async () => {
  await assert.rejects(outcomesOf({ files: [good], model: join(root, 'none') }), fault('SG_MODEL_UNREADABLE', /none/));
});

test('an overlay that cannot be written ends the inspection', async () => {
  await assert.rejects(outcomesOf({ files: [good], out: good }), fault('SG_STORAGE', /good\.png.*--out/));
});

test('overlays of equally named files do not overwrite each other', () => {
  assert.deepEqual(overlayPaths(['a/1.png', 'a/2.png'], '/o'), ['/o/1.overlay.png', '/o/2.overlay.png']);
  assert.deepEqual(overlayPaths(['a/1.png', 'b/1.png'], '/o'), ['/o/a-1.overlay.png', '/o/b-1.overlay.png']);
  assert.deepEqual(overlayPaths(['a/1.png', 'a/1.jpg'], '/o'), ['/o/0-1.overlay.png', '/o/1-1.overlay.png']);
  assert.deepEqual(overlayPaths(['x.png', 'x.png'], '/o'), ['/o/x.overlay.png', '/o/x.overlay.png']);
  assert.deepEqual(overlayPaths(['x.png'], undefined), [undefined]);
});

async function outcomesOf(options: Partial<InspectFilesOptions> & { files: string[] }): Promise<InspectOutcome[]> {
  const outcomes: InspectOutcome[] = [];
  for await (const outcome of inspectFiles({ model, threads: 1, ...options })) outcomes.push(outcome);
  return outcomes;
}

async function results(options: Partial<InspectFilesOptions> & { files: string[] }) {
  return (await outcomesOf(options)).map((outcome) => {
    assert.ok('result' in outcome, JSON.stringify(outcome));
    return outcome.result;
  });
}
