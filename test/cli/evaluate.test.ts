import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import sharp from 'sharp';
import { elementsOf } from '../evaluate/report/html.js';
import { writeBrightnessBundle } from '../support/brightness-bundle.js';
import { sideglance } from './command.js';

let folder: string;
let bundle: string;
let dataset: string;

/** A black picture with a white square: what the brightness bundle takes for a defect. */
async function writePicture(path: string, square: number | null): Promise<void> {
  mkdirSync(join(path, '..'), { recursive: true });
  const background = { r: 0, g: 0, b: 0 };
  const picture = sharp({ create: { width: 64, height: 64, channels: 3, background } });
  const white = { create: { width: 16, height: 16, channels: 3 as const, background: { r: 255, g: 255, b: 255 } } };
  await (square === null ? picture : picture.composite([{ input: white, left: square, top: 16 }])).png().toFile(path);
}

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sideglance-evaluate-'));
  bundle = join(folder, 'bundle');
  dataset = join(folder, 'parts');
  await writeBrightnessBundle(bundle);
  for (const name of ['0', '1']) await writePicture(join(dataset, 'test', 'good', `${name}.png`), null);
  for (const [name, square] of [
    ['0', 8],
    ['1', 40],
  ] as const) {
    await writePicture(join(dataset, 'test', 'spot', `${name}.png`), square);
    await writePicture(join(dataset, 'ground_truth', 'spot', `${name}_mask.png`), square);
  }
});
after(() => rmSync(folder, { recursive: true, force: true }));

describe('evaluate', () => {
  it('prints a table, and writes the report with its fixed keys', async () => {
    const file = join(folder, 'report.json');
    const { code, stdout, stderr } = await sideglance([
      'evaluate',
      '--model',
      bundle,
      '--dataset',
      dataset,
      '--json',
      file,
    ]);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /evaluating 4\/4/);
    assert.match(stdout, /^brightness@1\.0\.0 on parts: 4 images/);
    assert.match(stdout, /^spot +2 +1\.0000 /m);
    assert.match(stdout, /0 of 2 good images rejected, 0 of 2 defective ones missed/);
    const report = JSON.parse(readFileSync(file, 'utf8'));
    assert.equal(report.imageAuroc, 1);
    assert.ok(report.pixelAuroc > 0.99 && report.aupro > 0.9, JSON.stringify(report));
    assert.equal(report.images, 4);
    assert.deepEqual(Object.keys(report.perDefect), ['spot']);
  });

  it('prints nothing but the report with --json alone', async () => {
    const { code, stdout } = await sideglance(['evaluate', '--model', bundle, '--dataset', dataset, '--json']);
    assert.equal(code, 0);
    assert.equal(JSON.parse(stdout).model, 'brightness@1.0.0');
  });

  it('says what is wrong with a folder that is no data set, and when the report cannot be written', async () => {
    const none = await sideglance(['evaluate', '--model', bundle, '--dataset', bundle]);
    assert.equal(none.code, 1);
    assert.match(none.stderr, /^error: .*has no folder "test".*\(SG_DATASET_INVALID\)$/m);
    const target = join(folder, 'nowhere', 'report.json');
    const unwritten = await sideglance(['evaluate', '--model', bundle, '--dataset', dataset, '--json', target]);
    assert.equal(unwritten.code, 1);
    assert.match(unwritten.stderr, /^error: cannot write the report .*nowhere.*\(SG_STORAGE\)$/m);
    assert.doesNotMatch(unwritten.stderr, /evaluating/, 'before anything is evaluated');
  });

  it('writes a page with every image and replaces the one that was there', async () => {
    const file = join(folder, 'report.html');
    writeFileSync(file, 'old');
    const args = ['evaluate', '--model', bundle, '--dataset', dataset, '--score', '0.5', '--report', file];
    const { code, stdout, stderr } = await sideglance(args);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^report: .*report\.html$/m);
    const page = readFileSync(file, 'utf8');
    const names = elementsOf(page);
    assert.equal(names.filter((name) => name === 'article').length, 4);
    assert.match(page, /<h1>Evaluation of brightness@1\.0\.0 on parts<\/h1>/);
    assert.match(page, /2 of 2 defective images found, 0 of 2 good images rejected/);
    assert.match(page, /It was set by hand\./);
    assert.match(page, /alarm raised by <span class="kind"><i class="swatch position"><\/i>position<\/span>/);
    assert.doesNotMatch(page, /NaN|https?:/);
    const images = [...page.matchAll(/src="data:image\/webp;base64,([^"]+)"/g)];
    assert.equal(images.length, 8);
    const { width } = await sharp(Buffer.from(images[0]![1]!, 'base64')).metadata();
    assert.equal(width, 64);
  });
});
