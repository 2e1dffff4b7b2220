import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import sharp from 'sharp';
import { writeBrightnessBundle } from '../support/brightness-bundle.js';
import { sideglance } from './command.js';

let folder: string;
let bundle: string;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sideglance-inspect-'));
  bundle = join(folder, 'bundle');
  await writeBrightnessBundle(bundle);
  mkdirSync(join(folder, 'images'));
  const grey = (level: number) =>
    sharp({ create: { width: 128, height: 128, channels: 3, background: { r: level, g: level, b: level } } }).png();
  await grey(0).toFile(join(folder, 'images', 'a-dark.png'));
  await grey(204).toFile(join(folder, 'images', 'c-bright.png'));
  writeFileSync(join(folder, 'images', 'b-broken.png'), 'no picture');
});
after(() => rmSync(folder, { recursive: true, force: true }));

const jsonLines = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('inspect', () => {
  it('prints a line for each image, also for one that it skips, and counts those', async () => {
    const out = join(folder, 'overlays');
    const { code, stdout, stderr } = await sideglance([
      'inspect',
      '--model',
      bundle,
      join(folder, 'images'),
      '--out',
      out,
    ]);
    assert.equal(code, 0, stderr);
    const [dark, broken, bright] = jsonLines(stdout);
    assert.deepEqual([dark?.verdict, bright?.verdict], ['pass', 'fail']);
    assert.ok(Math.abs((bright?.score as number) - 0.8) < 1e-4);
    assert.match(JSON.stringify(broken), /b-broken\.png.*SG_IMAGE_UNREADABLE/);
    assert.equal(stderr, '1 of 3 images skipped; their lines say why\n');
    assert.deepEqual(readdirSync(out).sort(), ['a-dark.overlay.png', 'c-bright.overlay.png']);
  });

  it('takes a score as the threshold, and a region', async () => {
    const image = join(folder, 'images', 'c-bright.png');
    const options = ['--score', '0.9', '--region', '64,64,64,64'];
    const { code, stdout } = await sideglance(['inspect', '--model', bundle, image, ...options]);
    assert.equal(code, 0);
    const [line] = jsonLines(stdout);
    assert.deepEqual([line?.verdict, line?.threshold], ['pass', 0.9]);
    assert.deepEqual(line?.region, { x: 64, y: 64, width: 64, height: 64 });
  });

  it('fails when no image can be inspected, and when there is no model', async () => {
    const broken = await sideglance(['inspect', '--model', bundle, join(folder, 'images', 'b-broken.png')]);
    assert.equal(broken.code, 1);
    assert.match(broken.stderr, /^error: .*\(SG_IMAGE_UNREADABLE\)$/m);
    const none = await sideglance(['inspect', '--model', join(folder, 'none'), join(folder, 'images')]);
    assert.deepEqual([none.code, none.stdout], [1, '']);
    assert.match(none.stderr, /^error: .*none.*\(SG_MODEL_UNREADABLE\)$/m);
  });

  it('refuses options that contradict each other or mean nothing', async () => {
    const refused = async (...options: string[]) => {
      const { code, stderr } = await sideglance(['inspect', '--model', bundle, 'x.png', ...options]);
      assert.equal(code, 2, stderr);
      return stderr;
    };
    assert.match(await refused('--score', '1', '--false-reject-rate', '0.1'), /cannot be used with/);
    assert.match(await refused('--region', '1,2,3'), /x,y,width,height/);
    assert.match(await refused('--region', '0,0,0,5'), /x,y,width,height/);
    assert.match(await refused('--providers', 'cpu,gpu'), /cuda,cpu of tensorrt, cuda, cpu/);
    assert.match(await refused('--false-reject-rate', '2'), /above 0, at most 0\.5/);
  });
});
