import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { OUTPUT_NAMES } from '../../src/infer/contract.js';
import { Inspector } from '../../src/infer/inspector.js';
import { DEFECT_KINDS } from '../../src/kinds.js';
import { MANIFEST_FILE, type Manifest } from '../../src/model/manifest.js';
import { inBackground } from '../../src/native/background.js';
import { decodeModel, encodeModel } from '../../src/onnx/codec.js';
import { model, node, value } from '../../src/onnx/model.js';
import type { Region } from '../../src/types.js';
import { fault } from '../support/faults.js';
import { TINY, tinyModel, tinyPicture, tinyTrained, writeTinyBundle } from '../support/tiny-bundle.js';

const folder = await mkdtemp(join(tmpdir(), 'sideglance-inspector-'));
after(() => rm(folder, { recursive: true, force: true }));
const bundle = join(folder, 'tiny');
await writeTinyBundle(bundle);
const threshold = { falseRejectRate: 0.01 };
const whole: Region = { name: 'part', x: 0, y: 0, width: 64, height: 64 };

test('a good part passes; a defect fails the part and is found where it is', async () => {
  const inspector = await Inspector.load(bundle, { threshold });
  assert.equal(inspector.model, 'tiny@1.0.0');
  assert.equal(inspector.provider, 'cpu');
  assert.deepEqual([inspector.inputWidth, inspector.inputHeight], [64, 64]);
  const good = (await inspector.inspectRegions(tinyPicture({ seed: 3 }), [whole])).regions[0]!;
  assert.deepEqual(good.verdict, { result: 'pass' });
  assert.ok(good.pValue > 0.01);
  const defect = { x: 40, y: 8, size: 10 };
  const bad = (await inspector.inspectRegions(tinyPicture({ seed: 3, defect }), [whole])).regions[0]!;
  assert.deepEqual(bad.verdict, { result: 'fail' });
  assert.ok(bad.score > bad.threshold);
  assert.equal(bad.pValue, 1 / 41);
  const box = bad.defects[0]!.box;
  assert.ok(box.x <= 40 && box.x + box.width >= 50 && box.y <= 8 && box.y + box.height >= 18, JSON.stringify(box));
  const { position, context, distortion } = bad.parts;
  assert.ok(Math.abs(position + context + distortion - Math.max(...bad.map.values)) < 1e-6);
  await inspector.close();
});

test('the network sees the region alone: the same pixels elsewhere in a larger frame give the same score', async () => {
  const inspector = await Inspector.load(bundle, { threshold });
  const part = tinyPicture({ seed: 5, defect: { x: 20, y: 30, size: 9 } });
  const frame = tinyPicture({ width: 160, height: 120, seed: 9 });
  for (let y = 0; y < 64; y++) frame.data.set(part.data.subarray(y * 192, (y + 1) * 192), ((y + 40) * 160 + 70) * 3);
  const alone = (await inspector.inspectRegions(part, [whole])).regions[0]!;
  const inside = await inspector.inspectRegions(frame, [
    { ...whole, name: 'a', x: 70, y: 40 },
    { ...whole, name: 'b' },
  ]);
  assert.equal(inside.regions[0]!.score, alone.score);
  assert.deepEqual(inside.regions[0]!.map.values, alone.map.values);
  assert.notEqual(inside.regions[1]!.score, alone.score);
  const shifted = alone.defects.map(({ box }) => ({ ...box, x: box.x + 70, y: box.y + 40 }));
  assert.deepEqual(
    inside.regions[0]!.defects.map(({ box }) => box),
    shifted,
  );
  await inspector.close();
});

test('pictures inspected at the same time do not mix', async () => {
  const inspector = await Inspector.load(bundle, { threshold });
  const pictures = [1, 2, 3, 4].map((seed) => tinyPicture({ seed, defect: { x: 8 * seed, y: 8, size: 2 * seed } }));
  const alone: number[] = [];
  for (const picture of pictures) alone.push((await inspector.inspectRegions(picture, [whole])).regions[0]!.score);
  const together = await Promise.all(pictures.map((picture) => inspector.inspectRegions(picture, [whole])));
  assert.deepEqual(
    together.map(({ regions }) => regions[0]!.score),
    alone,
  );
  await inspector.close();
});

test('a region of another size is scaled; one of another shape, outside the frame or empty is refused', async () => {
  const inspector = await Inspector.load(bundle, { threshold });
  const picture = tinyPicture({ width: 200, height: 150 });
  const inspect = (region: Partial<Region>) => inspector.inspectRegions(picture, [{ ...whole, ...region }]);
  assert.equal((await inspect({ width: 128, height: 128 })).regions[0]!.map.values.length, 64);
  assert.equal((await inspect({ width: 127, height: 129 })).regions.length, 1);
  await assert.rejects(inspect({ width: 128 }), fault('SG_REGION_SHAPE', /128×64.*2\.000.*64×64.*1\.000/));
  await assert.rejects(inspect({ x: 150 }), fault('SG_REGION_OUTSIDE', /200×150/));
  await assert.rejects(inspect({ width: 0, height: 0 }), fault('SG_REGION_OUTSIDE', /empty/));
  // A refused region leaves the inspector usable.
  assert.equal((await inspect({})).regions.length, 1);
  await inspector.close();
});

test('the false reject rate holds for the part: more regions, a higher threshold', async () => {
  const one = await Inspector.load(bundle, { threshold: { falseRejectRate: 0.1 } });
  const four = await Inspector.load(bundle, { threshold: { falseRejectRate: 0.1 }, regionsPerPart: 4 });
  const plain = await Inspector.load(bundle, { threshold: { score: 0.123 }, regionsPerPart: 4 });
  assert.ok(four.threshold.score > one.threshold.score);
  assert.deepEqual(plain.threshold, { score: 0.123, extrapolated: false, interval: null });
  for (const inspector of [one, four, plain]) await inspector.close();
});

test('a model that computes something else than its golden samples say is refused', async () => {
  const changed = join(folder, 'changed');
  await writeTinyBundle(changed);
  await editManifest(changed, (manifest) => {
    manifest.golden[1]!.score += 0.01;
  });
  await assert.rejects(
    Inspector.load(changed, { threshold }),
    fault('SG_MODEL_GOLDEN_MISMATCH', /tiny@1\.0\.0 .*golden\/1\.png on cpu: score .*expected/),
  );
  await editManifest(changed, (manifest) => {
    manifest.golden[1]!.score -= 0.01;
    manifest.golden[0]!.map!.mean += 0.01;
  });
  await assert.rejects(
    Inspector.load(changed, { threshold }),
    fault('SG_MODEL_GOLDEN_MISMATCH', /0\.png.*mean of the map/),
  );
});

test('a provider that is not there is told, where the next one may stand in for it', async () => {
  const inspector = await Inspector.load(bundle, { threshold, providers: ['cuda', 'cpu'] });
  assert.equal(inspector.provider, 'cpu');
  assert.deepEqual(
    inspector.skipped.map(({ provider }) => provider),
    ['cuda'],
  );
  await inspector.close();
  await assert.rejects(
    Inspector.load(bundle, { threshold, providers: ['cuda', 'cpu'], require: 'cuda' }),
    fault('SG_PROVIDER_UNAVAILABLE', /require asks for cuda/),
  );
});

test('a model that was loaded in the background judges as one that was not, with one thread and with two', async () => {
  const part = tinyPicture({ seed: 5, defect: { x: 20, y: 30, size: 9 } });
  const judge = async (inspector: Inspector) => {
    const { regions } = await inspector.inspectRegions(part, [whole]);
    await inspector.selfTest();
    await inspector.close();
    return regions[0]!.map.values;
  };
  const expected = await judge(await Inspector.load(bundle, { threshold }));
  for (const threads of [1, 2]) {
    const inspector = await inBackground(() => Inspector.load(bundle, { threshold, threads }));
    assert.deepEqual(await judge(inspector), expected);
  }
  const broken = join(folder, 'broken-in-the-background');
  await writeTinyBundle(broken);
  const manifest = JSON.parse(await readFile(join(broken, MANIFEST_FILE), 'utf8')) as Manifest & {
    golden: { score: number }[];
  };
  manifest.golden[1]!.score += 0.01;
  await writeFile(join(broken, MANIFEST_FILE), JSON.stringify(manifest));
  await assert.rejects(
    inBackground(() => Inspector.load(broken, { threshold })),
    fault('SG_MODEL_GOLDEN_MISMATCH', /golden/),
  );
});

test('golden samples can be scored again at any time', async () => {
  const inspector = await Inspector.load(bundle, { threshold });
  for (let i = 0; i < 3; i++) await inspector.selfTest();
  await inspector.close();
});

test('a model with another input than the manifest says is refused, naming both', async () => {
  const wrong = tinyTrained({ model: tinyModel(128, 64) });
  const { exportBundle } = await import('../../src/infer/export-bundle.js');
  await assert.rejects(
    exportBundle(join(folder, 'wrong'), await wrong),
    fault('SG_MODEL_INVALID', /region as uint8 \[free, 64, 128, 3\].*uint8 \[1, 64, 64, 3\]/),
  );
  const identity = encodeModel(
    model({
      name: 'identity',
      nodes: [node('Identity', ['x'], ['y'])],
      inputs: [value('x', 'float32', [1])],
      outputs: [value('y', 'float32', [1])],
      initializers: [],
    }),
  );
  await assert.rejects(
    exportBundle(join(folder, 'wrong'), await tinyTrained({ model: identity })),
    fault('SG_MODEL_INVALID', /takes x, where one input named region/),
  );
  const garbage = Buffer.from('\x7fELF and so on');
  await assert.rejects(
    exportBundle(join(folder, 'wrong'), await tinyTrained({ model: garbage })),
    fault('SG_MODEL_UNREADABLE', /the trained model/),
  );
});

test('a model that does not tell all kinds of evidence apart is refused', async () => {
  const { graph, ...rest } = decodeModel(tinyModel());
  const outputs = graph.outputs.filter(({ name }) => name !== 'position');
  const old = encodeModel({ ...rest, graph: { ...graph, outputs } });
  await assert.rejects(
    writeTinyBundle(join(folder, 'old'), { model: old }),
    fault('SG_MODEL_INVALID', /has no output position\. Export the model again/),
  );
});

test('a golden image of another size than the input is refused', async () => {
  await assert.rejects(
    writeTinyBundle(join(folder, 'large'), { golden: [tinyPicture({ width: 128, height: 128 })] }),
    fault('SG_MODEL_INVALID', /128×128.*64×64/),
  );
});

test('a model that gives no numbers is an error, not a verdict', async () => {
  const { stride, width, height } = TINY;
  const map = [1, height / stride, width / stride];
  const broken = encodeModel(
    model({
      name: 'not a number',
      nodes: [
        node('Cast', ['region'], ['f'], { to: 1 }),
        node('ReduceSum', ['f'], ['sum'], { keepdims: 0 }),
        node('Sub', ['sum', 'sum'], ['zero']),
        node('Div', ['zero', 'zero'], ['nan']),
        node('Expand', ['nan', 'shape'], ['score']),
        ...DEFECT_KINDS.map((kind) => node('Identity', ['score'], [kind])),
      ],
      inputs: [value('region', 'uint8', [1, height, width, 3])],
      outputs: OUTPUT_NAMES.map((name) => value(name, 'float32', map)),
      initializers: [
        { name: 'shape', type: 'int64', shape: [3], data: new Uint8Array(BigInt64Array.from(map, BigInt).buffer) },
      ],
    }),
  );
  await assert.rejects(writeTinyBundle(join(folder, 'nan'), { model: broken }), fault('SG_RUNTIME', /not finite/));
});

async function editManifest(path: string, edit: (manifest: Manifest) => void): Promise<void> {
  const file = join(path, MANIFEST_FILE);
  const manifest = JSON.parse(await readFile(file, 'utf8')) as Manifest;
  edit(manifest);
  await writeFile(file, JSON.stringify(manifest));
}
