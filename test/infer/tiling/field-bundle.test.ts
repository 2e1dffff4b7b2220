import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { recalibrate } from '../../../src/calibrate/recalibrate.js';
import { writePng } from '../../../src/image/save.js';
import { Inspector } from '../../../src/infer/inspector.js';
import { CONTEXT_FILE, MANIFEST_FILE, type Manifest } from '../../../src/model/manifest.js';
import { openBundle, readManifest } from '../../../src/model/open.js';
import { Random } from '../../../src/random.js';
import type { Picture, RegionResult } from '../../../src/types.js';
import { fault } from '../../support/faults.js';
import { writeFieldBundle } from '../../support/field-bundle.js';

const random = new Random(3);
const threshold = { falseRejectRate: 0.05 };
let folder: string;
let bundle: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sideglance-field-'));
  bundle = join(folder, 'surface');
  await writeFieldBundle(bundle, { width: 200, height: 160, golden: noise(120, 100) });
});
after(() => rm(folder, { recursive: true, force: true }));

function noise(width: number, height: number): Picture {
  const data = Uint8Array.from({ length: 3 * width * height }, () => 100 + random.below(60));
  return { width, height, stride: 3 * width, format: 'RGB', data };
}

async function inspect(inspector: Inspector, picture: Picture): Promise<RegionResult> {
  const { width, height } = picture;
  const { regions } = await inspector.inspectRegions(picture, [{ name: 'sheet', x: 0, y: 0, width, height }]);
  return regions[0] as RegionResult;
}

test('a bundle of two graphs reproduces its golden sample, and judges regions as large as its scores were measured on', async () => {
  const inspector = await Inspector.load(bundle, { threshold });
  await inspector.selfTest();
  const { map } = await inspect(inspector, noise(200, 160));
  assert.deepEqual([map.rows, map.columns, map.inputWidth], [20, 25, 200]);
  // Boxes end where the region does, and not where the last cell would.
  const odd = await inspect(inspector, noise(203, 157));
  assert.deepEqual([odd.map.rows, odd.map.columns, odd.map.inputHeight], [20, 25, 157]);
  for (const { box } of odd.defects) assert.ok(box.x + box.width <= 203 && box.y + box.height <= 157);
  await assert.rejects(
    inspect(inspector, noise(400, 320)),
    fault('SG_REGION_SHAPE', /"sheet" of 400×320.*surface@1\.0\.0.*200×160.*sideglance calibrate/),
  );
  await assert.rejects(inspect(inspector, noise(180, 160)), fault('SG_REGION_SHAPE', /180×160/));
  await inspector.close();
});

test('half precision holds for both graphs, and moves the map no more than half precision does', async () => {
  const full = await Inspector.load(bundle, { threshold });
  const half = await Inspector.load(bundle, { threshold, cpu: { precision: 'fp16' }, uncalibrated: true });
  const picture = noise(200, 160);
  const [exact, rounded] = [(await inspect(full, picture)).map.values, (await inspect(half, picture)).map.values];
  await full.close();
  await half.close();
  const largest = exact.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const difference = exact.reduce((most, value, cell) => Math.max(most, Math.abs(value - rounded[cell]!)), 0) / largest;
  assert.ok(difference > 1e-5 && difference < 2e-2, `${difference}`);
});

test('a spot that shines changes the map where it is, in a region of several tiles', async () => {
  const wide = join(folder, 'wide');
  await writeFieldBundle(wide, { width: 900, height: 430, golden: noise(120, 100) });
  const inspector = await Inspector.load(wide, { threshold });
  const picture = noise(900, 430);
  const before = (await inspect(inspector, picture)).map;
  for (let y = 300; y < 332; y++) picture.data.fill(255, 3 * (y * 900 + 610), 3 * (y * 900 + 642));
  const { map } = await inspect(inspector, picture);
  const changes = map.values.map((value, cell) => Math.abs(value - before.values[cell]!));
  const most = changes.reduce((best, value, cell) => (value > changes[best]! ? cell : best), 0);
  const [x, y] = [8 * (most % map.columns) + 4, 8 * Math.floor(most / map.columns) + 4];
  assert.ok(x > 610 - 24 && x < 642 + 24 && y > 300 - 24 && y < 332 + 24, `changed most at ${x}, ${y}`);
  await inspector.close();
});

test('calibrating with images of another size makes the scores hold for that size, and only for that', async () => {
  const images = join(folder, 'larger');
  for (let i = 0; i < 20; i++) await writePng(join(images, `${i}.png`), noise(330, 250));
  await writePng(join(images, 'other.png'), noise(200, 160));
  const out = join(folder, 'recalibrated');
  await assert.rejects(
    recalibrate({ model: bundle, images, out, falseRejectRate: 0.05, combine: true }),
    fault('SG_USAGE', /330×250.*--combine/),
  );
  await assert.rejects(
    recalibrate({ model: bundle, images, out, falseRejectRate: 0.05, cpu: { precision: 'fp16' } }),
    fault('SG_USAGE', /330×250.*fp32/),
  );
  const { manifest, skipped, good } = await recalibrate({ model: bundle, images, out, falseRejectRate: 0.05 });
  assert.deepEqual(manifest.region, { width: 330, height: 250 });
  assert.equal(good.length, 20);
  assert.deepEqual(
    skipped.map(({ error }) => error.code),
    ['SG_REGION_SHAPE'],
  );
  assert.deepEqual((await readManifest(bundle)).region, { width: 200, height: 160 });
  const inspector = await Inspector.load(out, { threshold });
  await inspect(inspector, noise(330, 250));
  await assert.rejects(inspect(inspector, noise(200, 160)), fault('SG_REGION_SHAPE', /330×250/));
  await inspector.close();
});

test('a bundle that lacks what a field model needs is refused, naming it', async () => {
  const written = JSON.parse(await readFile(join(bundle, MANIFEST_FILE), 'utf8')) as Manifest;
  const refused = async (change: (manifest: Manifest) => void, what: RegExp) => {
    const manifest = structuredClone(written);
    change(manifest);
    await writeFile(join(bundle, MANIFEST_FILE), JSON.stringify(manifest));
    await assert.rejects(openBundle(bundle), fault('SG_MODEL_INVALID', what));
  };
  await refused((manifest) => delete manifest.field, /field: is missing/);
  await refused((manifest) => delete manifest.scoring.terms[0]!.share, /terms\.0\.share: is missing/);
  await refused((manifest) => {
    manifest.files = manifest.files.filter(({ path }) => path !== CONTEXT_FILE);
  }, /does not list context\.onnx/);
  await writeFile(join(bundle, MANIFEST_FILE), JSON.stringify(written));
});
