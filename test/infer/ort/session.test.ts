import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { runtimeFacts } from '../../../src/infer/ort/runtime.js';
import { Session, type Tensor } from '../../../src/infer/ort/session.js';
import { encodeModel } from '../../../src/onnx/codec.js';
import { model, node, value } from '../../../src/onnx/model.js';
import { fault } from '../../support/faults.js';
import { freeBatch, heavy, sumAndProduct } from '../../support/graphs.js';

const folder = await mkdtemp(join(tmpdir(), 'sideglance-ort-'));
after(() => rm(folder, { recursive: true, force: true }));

test('a model says what it takes and gives, and carries its metadata', async () => {
  const session = await Session.create(freeBatch());
  assert.deepEqual(session.inputs, [{ name: 'x', type: 'uint8', shape: [-1, 2] }]);
  assert.deepEqual(session.outputs, [{ name: 'y', type: 'float32', shape: [-1, 2] }]);
  assert.equal(session.provider, 'cpu');
  await session.close();
  const other = await Session.create(sumAndProduct());
  assert.deepEqual({ ...other.metadata }, { purpose: 'test', größe: 'klein' });
  await other.close();
});

test('a binding reads and writes the memory of the caller in place, run after run', async () => {
  const session = await Session.create(sumAndProduct());
  const a = floats([2, 3], [1, 2, 3, 4, 5, 6]);
  const sum = floats([2, 3]);
  const product = floats([2, 3]);
  const binding = session.bind({ a, b: floats([2, 3], [10, 10, 10, 10, 10, 10]) }, { sum, product });
  await session.run(binding);
  assert.deepEqual([...sum.data], [11, 12, 13, 14, 15, 16]);
  assert.deepEqual([...product.data], [10, 20, 30, 40, 50, 60]);
  a.data.fill(-1);
  await session.run(binding);
  assert.deepEqual([...sum.data], [9, 9, 9, 9, 9, 9]);
  await session.close();
});

test('two bindings over the same buffers take turns as reader and writer', async () => {
  const session = await Session.create(sumAndProduct());
  const [even, odd, one] = [floats([2, 3]), floats([2, 3]), floats([2, 3], [1, 1, 1, 1, 1, 1])];
  const bindings = [session.bind({ a: even, b: one }, { sum: odd }), session.bind({ a: odd, b: one }, { sum: even })];
  for (let step = 0; step < 100; step++) await session.run(bindings[step % 2]!);
  assert.deepEqual([...even.data], [100, 100, 100, 100, 100, 100]);
  await session.close();
});

test('memory shared between threads can be bound', async () => {
  const session = await Session.create(sumAndProduct());
  const shared = () => {
    const data = new Float32Array(new SharedArrayBuffer(24));
    return { type: 'float32' as const, shape: [2, 3], data };
  };
  const [a, b, sum] = [shared(), shared(), shared()];
  a.data.fill(2);
  b.data.fill(3);
  await session.run(session.bind({ a, b }, { sum }));
  assert.deepEqual([...sum.data], [5, 5, 5, 5, 5, 5]);
  await session.close();
});

test('outputs of free shape are allocated by the runtime and copied out', async () => {
  const session = await Session.create(freeBatch());
  for (const rows of [3, 1, 0]) {
    const x: Tensor = {
      type: 'uint8',
      shape: [rows, 2],
      data: Uint8Array.from({ length: rows * 2 }, (_, i) => 200 + i),
    };
    const { y } = await session.runOnce({ x });
    assert.deepEqual(y!.shape, [rows, 2]);
    assert.deepEqual(
      [...y!.data],
      Array.from({ length: rows * 2 }, (_, i) => 400 + 2 * i),
    );
  }
  await session.close();
});

test('a tensor that the model does not declare is refused before native code sees it', async () => {
  const session = await Session.create(sumAndProduct());
  const good = floats([2, 3]);
  const wrong: [Record<string, Tensor>, Record<string, Tensor>, RegExp][] = [
    [{ a: good, b: good, c: good }, { sum: good }, /no input c; it has a, b/],
    [{ a: good }, { sum: good }, /input b was not given/],
    [{ a: good, b: good }, { total: good }, /no output total; it has sum, product/],
    [{ a: good, b: good }, {}, /no output was asked for/],
    [{ a: good, b: floats([3, 2]) }, { sum: good }, /input b is declared as float32 \[2, 3\].*\[3, 2\]/],
    [{ a: good, b: { ...good, data: new Float32Array(5) } }, { sum: good }, /Float32Array of 5/],
    [{ a: good, b: { ...good, data: new Uint8Array(6) } }, { sum: good }, /Uint8Array of 6/],
    [{ a: good, b: { ...good, type: 'int32' } }, { sum: good }, /as int32/],
    [{ a: good, b: good }, { sum: { ...good, shape: [2, 3, 1] } }, /output sum/],
  ];
  for (const [inputs, outputs, message] of wrong) {
    assert.throws(() => session.bind(inputs, outputs), fault('SG_MODEL_INVALID', message));
  }
  await assert.rejects(session.runOnce({ a: good }), fault('SG_MODEL_INVALID', /input b was not given/));
  await session.close();
});

test('a file that is missing, truncated or no model is unreadable; an unknown operator is an error of the runtime', async () => {
  const path = join(folder, 'model.onnx');
  await assert.rejects(Session.create(join(folder, 'none.onnx')), fault('SG_MODEL_UNREADABLE', /none\.onnx/));
  await writeFile(path, heavy(64, 2).subarray(0, 9000));
  await assert.rejects(Session.create(path), fault('SG_MODEL_UNREADABLE', /model\.onnx.*ONNX Runtime/));
  await assert.rejects(Session.create(Buffer.from('no model at all')), fault('SG_MODEL_UNREADABLE', /15 bytes/));
  const unknown = encodeModel(
    model({
      name: 'unknown',
      nodes: [node('Sideglance', ['x'], ['y'])],
      inputs: [value('x', 'float32', [1])],
      outputs: [value('y', 'float32', [1])],
      initializers: [],
    }),
  );
  await assert.rejects(Session.create(unknown), fault('SG_RUNTIME', /Sideglance/));
});

test('what the runtime reports during a run reaches the caller', async () => {
  const reshape = encodeModel(
    model({
      name: 'reshape',
      nodes: [node('Reshape', ['x', 'to'], ['y'])],
      inputs: [value('x', 'float32', [4]), value('to', 'int64', [1])],
      outputs: [value('y', 'float32', ['n'])],
      initializers: [],
    }),
  );
  const session = await Session.create(reshape);
  const to = { type: 'int64' as const, shape: [1], data: BigInt64Array.of(5n) };
  await assert.rejects(session.runOnce({ x: floats([4]), to }), fault('SG_RUNTIME', /running the model: .*Reshape/s));
  to.data[0] = 4n;
  assert.equal((await session.runOnce({ x: floats([4]), to })).y!.data.length, 4);
  await session.close();
});

test('a provider that is not there is an error, and the CPU takes no options', async () => {
  await assert.rejects(Session.create(sumAndProduct(), { provider: 'cuda' }), fault('SG_RUNTIME', /preparing CUDA/));
  await assert.rejects(
    Session.create(sumAndProduct(), { provider: 'cpu', providerOptions: { device_id: '0' } }),
    fault('SG_RUNTIME', /no options; device_id/),
  );
});

test('the runtime in use can be reported', () => {
  const facts = runtimeFacts();
  assert.match(facts.version, /^\d+\.\d+\.\d+/);
  assert.ok(facts.providers.includes('CPUExecutionProvider'));
  assert.match(facts.path, /libonnxruntime\.so/);
});

test('runs of two sessions overlap and leave the event loop free', async () => {
  const size = 384;
  const sessions = await Promise.all([0, 1].map(() => Session.create(heavy(size, 12))));
  const bindings = sessions.map((session) => session.bind({ x: floats([size, size]) }, { x11: floats([size, size]) }));
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  await Promise.all(sessions.map((session, i) => runTimes(session, bindings[i]!, 6)));
  clearInterval(timer);
  // A run on the JS thread would let no timer fire before its end: 12 runs, at most 12 turns.
  assert.ok(turns > 24, `${turns} turns of the event loop`);
  for (const session of sessions) await session.close();
});

test('a binding runs once at a time, and not after its session or its memory is gone', async () => {
  const session = await Session.create(heavy(256, 8));
  const x = floats([256, 256]);
  const binding = session.bind({ x }, { x7: floats([256, 256]) });
  const first = session.run(binding);
  await assert.rejects(session.run(binding), fault('SG_RUNTIME', /already running/));
  assert.throws(() => session.unbind(binding), fault('SG_RUNTIME', /is running/));
  await first;
  structuredClone(x.data.buffer, { transfer: [x.data.buffer as ArrayBuffer] });
  await assert.rejects(session.run(binding), fault('SG_RUNTIME', /transferred/));
  const late = session.runOnce({ x: floats([256, 256]) });
  await Promise.all([session.close(), late]);
  await session.close();
  await assert.rejects(session.run(binding), fault('SG_RUNTIME', /closed/));
});

test('a process may end in the middle of a run', () => {
  const module = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
  const program = `
    import { Session } from ${module('../../../src/infer/ort/session.js')};
    import { heavy } from ${module('../../support/graphs.js')};
    const session = await Session.create(heavy(512, 40));
    const tensor = { type: 'float32', shape: [512, 512], data: new Float32Array(512 * 512) };
    session.run(session.bind({ x: tensor }, { x39: { ...tensor, data: new Float32Array(512 * 512) } }));
    setTimeout(() => process.exit(7), 5);`;
  const { status, signal, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    timeout: 30_000,
    encoding: 'utf8',
  });
  assert.deepEqual({ status, signal }, { status: 7, signal: null }, stderr);
});

async function runTimes(session: Session, binding: Parameters<Session['run']>[0], times: number): Promise<void> {
  for (let i = 0; i < times; i++) await session.run(binding);
}

function floats(shape: readonly number[], data?: readonly number[]): Tensor & { readonly data: Float32Array } {
  const count = shape.reduce((product, size) => product * size, 1);
  return { type: 'float32', shape, data: data ? Float32Array.from(data) : new Float32Array(count) };
}
