import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { MANIFEST_FILE, type Manifest } from '../../src/model/manifest.js';
import { openBundle } from '../../src/model/open.js';
import { checkTarget, writeBundle } from '../../src/model/write.js';
import { fault } from '../support/faults.js';
import { tinyModel, writeTinyBundle } from '../support/tiny-bundle.js';

const root = await mkdtemp(join(tmpdir(), 'sideglance-bundle-'));
after(() => rm(root, { recursive: true, force: true }));
let count = 0;
/** A fresh bundle for each test to damage. */
async function fresh(): Promise<string> {
  const folder = join(root, `bundle-${count++}`);
  await writeTinyBundle(folder);
  return folder;
}

test('a bundle is read back as it was written', async () => {
  const folder = await fresh();
  const bundle = await openBundle(folder);
  assert.equal(bundle.manifest.format, 'sideglance-bundle/1');
  assert.ok(Buffer.from(tinyModel()).equals(bundle.model));
  assert.deepEqual([...bundle.golden.keys()], ['golden/0.png', 'golden/1.png']);
  assert.deepEqual((await readdir(folder)).sort(), ['golden', 'manifest.json', 'model.onnx']);
});

test('what is no bundle is refused with the path and the fix', async () => {
  await assert.rejects(
    openBundle(join(root, 'nowhere')),
    fault('SG_MODEL_UNREADABLE', /nowhere cannot be found.*train/),
  );
  const file = join(root, 'bundle.tar');
  await writeFile(file, 'x');
  await assert.rejects(openBundle(file), fault('SG_MODEL_UNREADABLE', /bundle\.tar is a file.*Unpack/));
  const empty = join(root, 'empty');
  await mkdir(empty);
  await assert.rejects(openBundle(empty), fault('SG_MODEL_UNREADABLE', /empty is not a model bundle/));
  await mkdir(join(empty, MANIFEST_FILE));
  await assert.rejects(openBundle(empty), fault('SG_MODEL_UNREADABLE', /manifest\.json cannot be read: .*not a file/));
});

test('a truncated, changed or missing file is named', async () => {
  const folder = await fresh();
  const path = join(folder, 'model.onnx');
  const whole = await readFile(path);
  await truncate(path, 100);
  await assert.rejects(openBundle(folder), fault('SG_MODEL_UNREADABLE', /model\.onnx is truncated: 100 of \d+ bytes/));
  const changed = Buffer.from(whole);
  changed[200]! ^= 1;
  await writeFile(path, changed);
  await assert.rejects(openBundle(folder), fault('SG_MODEL_UNREADABLE', /model\.onnx was changed/));
  await writeFile(path, Buffer.concat([whole, Buffer.from('more')]));
  await assert.rejects(
    openBundle(folder),
    fault('SG_MODEL_UNREADABLE', /model\.onnx cannot be read: it has \d+ bytes/),
  );
  await rm(path);
  await assert.rejects(openBundle(folder), fault('SG_MODEL_UNREADABLE', /model\.onnx is listed .* missing/));
  await writeFile(path, whole);
  await openBundle(folder);
});

test('a truncated manifest is unreadable, wherever it ends', async () => {
  const folder = await fresh();
  const path = join(folder, MANIFEST_FILE);
  const text = (await readFile(path, 'utf8')).trimEnd();
  for (const length of [0, 1, 20, text.length >> 1, text.length - 1]) {
    await writeFile(path, text.slice(0, length));
    await assert.rejects(openBundle(folder), fault('SG_MODEL_UNREADABLE', /manifest\.json is truncated or not JSON/));
  }
});

test('a manifest that breaks the contract is refused with every fault', async () => {
  const findable = {
    search: 'nearby',
    template: 'golden/0.png',
    window: { width: 64, height: 64 },
    minimumSimilarity: 0.4,
  } as const;
  const faults: [(manifest: Writable<Manifest>) => void, RegExp][] = [
    [(m) => (m.stride = 7), /region\.width: must be a multiple of the stride 7; region\.height/],
    [(m) => (m.version = 'latest'), /version: must be a version such as 1\.4\.0/],
    [(m) => (m.id = '../x'), /id: /],
    [
      (m) => (m.scoring = { ...m.scoring, terms: [{ cells: 65, centre: 0, spread: 1 }] }),
      /cells: is more than the 64 cells/,
    ],
    [(m) => (m.calibration = { scores: [2, 1], mapThreshold: 1 }), /calibration\.scores: must be in ascending order/],
    [(m) => (m.calibration = { scores: [1], mapThreshold: 1 }), /calibration\.scores: /],
    [(m) => (m.golden = []), /golden: /],
    [
      (m) => (m.golden[0] = { ...m.golden[0]!, image: 'golden/9.png' }),
      /golden\.0\.image: golden\/9\.png is not among/,
    ],
    [(m) => (m.locate = { ...findable, template: 'template.png' }), /locate\.template: template\.png is not among/],
    [(m) => (m.locate = { ...findable, minimumSimilarity: 2 }), /locate\.minimumSimilarity: /],
    [(m) => (m.locate = { ...findable, window: { width: 0, height: 64 } }), /locate\.window\.width: /],
    [(m) => m.files.splice(0, 1), /files: does not list model\.onnx/],
    [(m) => m.files.push(m.files[0]!), /files: lists a path twice/],
    [(m) => (m.geometry = 'round' as never), /geometry: /],
    [(m) => (m.created = 'yesterday'), /created: /],
  ];
  const folder = await fresh();
  const original = await readFile(join(folder, MANIFEST_FILE), 'utf8');
  for (const [damage, message] of faults) {
    const manifest = JSON.parse(original) as Writable<Manifest>;
    damage(manifest);
    await writeFile(join(folder, MANIFEST_FILE), JSON.stringify(manifest));
    await assert.rejects(openBundle(folder), fault('SG_MODEL_INVALID', message));
  }
});

test('a path that leads out of the bundle is refused, as text and as a link', async () => {
  const folder = await fresh();
  const file = join(folder, MANIFEST_FILE);
  const original = await readFile(file, 'utf8');
  for (const path of [
    '../secret',
    '/etc/passwd',
    'golden/../../secret',
    'golden\\..\\x',
    './model.onnx',
    'a//b',
    'x/.',
    '',
  ]) {
    const manifest = JSON.parse(original) as Writable<Manifest>;
    manifest.files.push({ path, size: 1, sha256: '0'.repeat(64) });
    await writeFile(file, JSON.stringify(manifest));
    await assert.rejects(openBundle(folder), fault('SG_MODEL_INVALID', /files\.3\.path: must be a plain path/));
  }
  await writeFile(file, original);
  const outside = join(root, 'outside.onnx');
  await rename(join(folder, 'model.onnx'), outside);
  await symlink(outside, join(folder, 'model.onnx'));
  await assert.rejects(openBundle(folder), fault('SG_MODEL_INVALID', /a link that leads out of the bundle/));
});

test('what needs a newer sideglance says so before anything else', async () => {
  const folder = await fresh();
  const file = join(folder, MANIFEST_FILE);
  const manifest = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
  await writeFile(file, JSON.stringify({ ...manifest, minimumAgent: '99.0.0', stride: 'new notation' }));
  await assert.rejects(
    openBundle(folder),
    fault('SG_BUNDLE_AGENT_VERSION', /needs sideglance 99\.0\.0 or newer.*update/),
  );
  await writeFile(file, JSON.stringify({ format: 'sideglance-bundle/2', other: true }));
  await assert.rejects(
    openBundle(folder),
    fault('SG_BUNDLE_AGENT_VERSION', /format sideglance-bundle\/2.*update sideglance/),
  );
});

test('unknown keys of a later sideglance are ignored', async () => {
  const folder = await fresh();
  const file = join(folder, MANIFEST_FILE);
  const manifest = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
  await writeFile(file, JSON.stringify({ ...manifest, later: { more: 1 } }));
  await openBundle(folder);
});

test('a bundle is replaced as a whole; nothing else is ever overwritten', async () => {
  const folder = await fresh();
  await writeTinyBundle(folder, {
    version: '2.0.0',
    golden: [(await import('../support/tiny-bundle.js')).tinyPicture()],
  });
  const { manifest } = await openBundle(folder);
  assert.equal(manifest.version, '2.0.0');
  assert.deepEqual(await readdir(join(folder, 'golden')), ['0.png']);
  const leftovers = (await readdir(root)).filter((name) => /partial|old/.test(name));
  assert.deepEqual(leftovers, []);

  const photos = join(root, 'photos');
  await mkdir(photos);
  await checkTarget(photos);
  await writeFile(join(photos, 'holiday.jpg'), 'x');
  await assert.rejects(checkTarget(photos), fault('SG_STORAGE', /photos exists and is not a model bundle/));
  await assert.rejects(writeTinyBundle(photos), fault('SG_STORAGE', /photos exists/));
  assert.deepEqual(await readdir(photos), ['holiday.jpg']);
  await assert.rejects(checkTarget(join(photos, 'holiday.jpg')), fault('SG_STORAGE', /holiday\.jpg/));
});

test('a write that fails leaves the old bundle and no leftovers', async () => {
  const folder = await fresh();
  const bundle = await openBundle(folder);
  const { files: _, ...manifest } = bundle.manifest;
  const contents = { manifest, model: bundle.model, files: bundle.golden };
  // A name longer than any file system takes, hidden from the manifest's own check: the write itself fails.
  const failing = new Map([...bundle.golden, ['golden/0.png/below-a-file', new Uint8Array(1)]]);
  await assert.rejects(writeBundle(folder, { ...contents, files: failing }), fault('SG_STORAGE', /cannot be written/));
  await openBundle(folder);
  await assert.rejects(
    writeBundle(folder, { ...contents, manifest: { ...manifest, stride: 5 } }),
    fault('SG_MODEL_INVALID', /stride 5/),
  );
  await openBundle(folder);
  assert.deepEqual(
    (await readdir(root)).filter((name) => name.includes('partial')),
    [],
  );
  // A stage that a crash left behind does not get in the way.
  await mkdir(`${folder}.partial`);
  await writeFile(join(`${folder}.partial`, 'model.onnx'), 'half');
  await writeBundle(folder, contents);
  await openBundle(folder);
});

type Writable<T> = { -readonly [K in keyof T]: T[K] };
