import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { readManifest } from '../../src/model/open.js';
import { writeBrightnessBundle } from '../support/brightness-bundle.js';
import { writeGrey } from '../support/grey-images.js';
import { sideglance } from './command.js';

let folder: string;
let bundle: string;
let parts: string;
let labels: string;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sideglance-calibrate-'));
  bundle = join(folder, 'bundle');
  parts = join(folder, 'parts');
  labels = join(folder, 'labels.jsonl');
  await writeBrightnessBundle(bundle);
  for (let i = 0; i < 40; i++) await writeGrey(join(parts, `${i}.png`), 10 + i);
  await writeGrey(join(parts, 'scratch.png'), 20);
  await writeGrey(join(parts, 'dent.png'), 200);
  await writeGrey(join(parts, 'stain.png'), 15);
  writeFileSync(join(parts, 'torn.png'), 'no picture');
  const failed = ['scratch.png', 'dent.png', 'stain.png'];
  writeFileSync(labels, failed.map((file) => `${JSON.stringify({ file, label: 'fail' })}\n`).join(''));
});
after(() => rmSync(folder, { recursive: true, force: true }));

describe('calibrate', () => {
  const command = (...options: string[]) =>
    sideglance(['calibrate', '--model', bundle, '--images', parts, '--threads', '1', ...options]);

  it('prints old and new threshold, what they mean for known parts, and a warning where scores have moved', async () => {
    const out = join(folder, 'new');
    const { code, stdout, stderr } = await command('--labels', labels, '--assume-good', '--out', out);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /scoring 44\/44/);
    const lines = stdout.split('\n');
    assert.match(lines[0] ?? '', /^skipped .*torn\.png: .*decoded/);
    assert.equal(lines[1], '1 of 44 images skipped');
    assert.match(lines[2] ?? '', /^before: scores of 4 good images: 0\.000 \|.*\| 0\.03000, median 0\.01000$/);
    assert.match(lines[3] ?? '', /^now: {4}scores of 40 good images: 0\.03922 \|.*\| 0\.1922, median 0\.1137$/);
    assert.equal(lines[4], 'threshold at a false reject rate of 0.5 %');
    assert.match(lines[5] ?? '', /^before: .* \(extrapolated: 4 scores are too few to count off 0\.5 %\)$/);
    assert.match(lines[6] ?? '', /^now: {4}.* \(extrapolated: 40 scores are too few to count off 0\.5 %\)$/);
    assert.match(lines[7] ?? '', /^of 40 good images 0 lie above the new threshold, \d+ above the old one$/);
    assert.match(
      lines[8] ?? '',
      /^of 3 failed parts 1 lie above the new threshold, .*; missed, the lowest score first:$/,
    );
    assert.match(lines[9] ?? '', /^ {2}0\.05882 .*stain\.png$/);
    assert.match(lines[10] ?? '', /^ {2}0\.07843 .*scratch\.png$/);
    assert.match(lines[11] ?? '', /^warning: .*very differently.*distance 1\.000, p = [\d.e-]+\)/);
    assert.equal(lines[12], `brightness@1.0.1 written to ${out}`);
    assert.equal((await readManifest(bundle)).version, '1.0.0');
  });

  it('prints one JSON object for machines', async () => {
    const out = join(folder, 'machines');
    const options = ['--labels', labels, '--assume-good', '--out', out, '--bundle-version', '1.1.0', '--combine'];
    const { code, stdout, stderr } = await command(...options, '--false-reject-rate', '0.05', '--json');
    assert.equal(code, 0, stderr);
    const report = JSON.parse(stdout);
    assert.deepEqual([report.bundle, report.version, report.previous], [out, '1.1.0', 'brightness@1.0.0']);
    assert.deepEqual([report.good.images, report.failed.images, report.failed.caught.after], [40, 3, 1]);
    assert.deepEqual(
      report.failed.missed.map(({ file }: { file: string }) => file),
      [join(parts, 'stain.png'), join(parts, 'scratch.png')],
    );
    assert.equal(report.threshold.after.extrapolated, false);
    assert.equal(report.calibration.scores.length, 44);
    assert.equal(report.skipped[0].error.code, 'SG_IMAGE_UNREADABLE');
    assert.equal(report.difference.large, true);
  });

  it('takes every image for a good part without labels, and replaces the bundle as a whole', async () => {
    const own = join(folder, 'own');
    await writeBrightnessBundle(own);
    const { code, stdout } = await sideglance(['calibrate', '--model', own, '--images', parts]);
    assert.equal(code, 0);
    assert.match(stdout, /scores of 43 good images/);
    const { version, calibration } = await readManifest(own);
    assert.deepEqual([version, calibration.scores.length], ['1.0.1', 43]);
  });

  it('warns of a folder that the model seems to have been trained from', async () => {
    const trained = join(folder, 'made for tests');
    for (let i = 0; i < 20; i++) await writeGrey(join(trained, `${i}.png`), 10 + i);
    const out = join(folder, 'warned');
    const { stdout } = await sideglance(['calibrate', '--model', bundle, '--images', trained, '--out', out]);
    assert.match(stdout, /^warning: the model was trained from a folder of this name, made for tests\./m);
  });

  it('fails with a code and writes nothing where labels are missing or wrong', async () => {
    const missing = await command('--labels', labels);
    assert.deepEqual([missing.code, missing.stdout], [1, '']);
    assert.match(missing.stderr, /^error: 41 of 44 images have no label .*--assume-good.*\(SG_LABELS_INVALID\)$/m);
    const older = await command('--bundle-version', '0.1.0');
    assert.equal(older.code, 2);
    assert.match(older.stderr, /^error: .*later than 1\.0\.0.*\(SG_USAGE\)$/m);
    assert.equal((await readManifest(bundle)).version, '1.0.0');
  });
});
