import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { SideglanceError } from '../../src/errors.js';
import { Session } from '../../src/infer/ort/session.js';
import { decodeModel, encodeModel } from '../../src/onnx/codec.js';
import { PACKAGE_ROOT } from '../../src/paths.js';
import { DEFAULT_TEACHER, readTeacher, tapNamed } from '../../src/train/teacher/teacher.js';

const folder = mkdtempSync(join(tmpdir(), 'sideglance-teacher-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const TAPS = { s2: 16, s4: 24, s4x: 144, s8: 32, s8x: 192, s16a: 64, s16: 96, s16x: 576 };

/** Written by scripts/teacher/reproduce.mjs from a plain evaluation of the original TensorFlow Lite weights. */
interface Golden {
  readonly size: number;
  readonly taps: Record<string, { readonly every: number; readonly values: readonly number[] }>;
}

test('the shipped teacher says how to feed it and which taps it has', () => {
  const teacher = readTeacher();
  assert.equal(teacher.inputName, 'input');
  assert.equal(teacher.inputMultiple, 16);
  for (const c of [0, 1, 2] as const) {
    assert.ok(Math.abs(255 * teacher.inputScale[c] + teacher.inputOffset[c] - 1) < 1e-12, 'white enters as 1');
    assert.equal(teacher.inputOffset[c], -1, 'black enters as −1');
  }
  assert.deepEqual(Object.fromEntries([...teacher.taps].map(([name, tap]) => [name, tap.channels])), TAPS);
  for (const [name, { stride }] of teacher.taps) assert.equal(stride, Number.parseInt(name.slice(1), 10), name);
  assert.match(teacher.title, /Open Images/);
});

test('the shipped teacher computes what the original TensorFlow Lite weights compute', async () => {
  const golden = JSON.parse(readFileSync(join(PACKAGE_ROOT, 'test/train/teacher-golden.json'), 'utf8')) as Golden;
  const outputs = await run(readTeacher().bytes, golden.size, golden.size);
  for (const [name, channels] of Object.entries(TAPS)) {
    const tap = outputs[name]!;
    const cells = golden.size / readTeacher().taps.get(name)!.stride;
    assert.deepEqual(tap.shape, [1, channels, cells, cells], name);
    const data = tap.data as Float32Array;
    const { every, values } = golden.taps[name]!;
    assert.equal(values.length, Math.ceil(data.length / every), name);
    values.forEach((value, i) => {
      const found = data[i * every]!;
      assert.ok(Math.abs(found - value) < 1e-3, `${name}[${i * every}] is ${found}, not ${value}`);
    });
  }
});

test('the shipped teacher takes any size that is a multiple of 16, and several pictures at once', async () => {
  const outputs = await run(readTeacher().bytes, 48, 80, 2);
  assert.deepEqual(outputs.s8?.shape, [2, 32, 6, 10]);
  assert.deepEqual(outputs.s16x?.shape, [2, 576, 3, 5]);
});

test('a teacher made elsewhere may be described beside its file', () => {
  const path = join(folder, 'other.onnx');
  withMetadata(path, {});
  const description = { input_scale: [0.1, 0.2, 0.3], input_offset: 0, input_multiple: 32, taps: { s8: 8 } };
  writeFileSync(`${path}.json`, JSON.stringify(description));
  const teacher = readTeacher(path);
  assert.deepEqual(teacher.inputScale, [0.1, 0.2, 0.3]);
  assert.deepEqual(teacher.inputOffset, [0, 0, 0]);
  assert.deepEqual([...teacher.taps.values()], [{ name: 's8', stride: 8, channels: 32 }]);
});

test('a teacher that does not say what is needed is refused with the missing key', () => {
  const path = join(folder, 'silent.onnx');
  const complete = { input_scale: '1', input_offset: '0', input_multiple: '16', taps: '{"s8": 8}' };
  for (const key of Object.keys(complete)) {
    withMetadata(path, { ...complete, [key]: undefined });
    refused(() => readTeacher(path), 'SG_MODEL_INVALID', new RegExp(`does not say ${key};`));
  }
  withMetadata(path, { ...complete, taps: '{"s9": 9}' });
  refused(() => readTeacher(path), 'SG_MODEL_INVALID', /tap s9 must be an output/);
  withMetadata(path, { ...complete, taps: '[' });
  refused(() => readTeacher(path), 'SG_MODEL_INVALID', /JSON/);
  withMetadata(path, { ...complete, input_scale: '1,2' });
  refused(() => readTeacher(path), 'SG_MODEL_INVALID', /"1,2"/);
});

test('a missing or truncated teacher is unreadable, an unknown tap is named with those there are', () => {
  refused(() => readTeacher(join(folder, 'nowhere.onnx')), 'SG_MODEL_UNREADABLE', /nowhere\.onnx/);
  const path = join(folder, 'cut.onnx');
  copyFileSync(DEFAULT_TEACHER, path);
  writeFileSync(path, readFileSync(path).subarray(0, 100_000));
  refused(() => readTeacher(path), 'SG_MODEL_UNREADABLE', /cut\.onnx/);
  refused(() => tapNamed(readTeacher(), 's32'), 'SG_MODEL_INVALID', /s32.*s8, /);
  assert.equal(tapNamed(readTeacher(), 's8').channels, 32);
});

function withMetadata(path: string, metadata: Record<string, string | undefined>): void {
  const said = Object.entries(metadata).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const model = decodeModel(readFileSync(DEFAULT_TEACHER));
  writeFileSync(path, encodeModel({ ...model, metadata: Object.fromEntries(said) }));
}

function refused(action: () => unknown, code: string, message: RegExp): void {
  assert.throws(action, (thrown: unknown) => {
    assert.ok(thrown instanceof SideglanceError);
    assert.equal(thrown.code, code);
    assert.match(thrown.message, message);
    return true;
  });
}

/** The picture of `testPicture` in scripts/teacher/reproduce.mjs: colour waves of many frequencies. */
async function run(bytes: Uint8Array, height: number, width: number, pictures = 1) {
  const input = new Float32Array(pictures * 3 * height * width);
  input.forEach((_, i) => {
    const x = i % width;
    const y = Math.floor(i / width) % height;
    const c = Math.floor(i / width / height) % 3;
    input[i] = Math.sin(0.11 * x * (c + 1) + 0.002 * y * y) * Math.cos(0.17 * y + 0.003 * x * x);
  });
  const session = await Session.create(bytes);
  try {
    return await session.runOnce({ input: { type: 'float32', shape: [pictures, 3, height, width], data: input } });
  } finally {
    await session.close();
  }
}
