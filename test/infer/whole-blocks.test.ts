import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { DEMO_MODEL } from '../../src/config/relations.js';
import { INPUT_NAME, OUTPUT_NAMES } from '../../src/infer/contract.js';
import { Session } from '../../src/infer/ort/session.js';
import { blockOf, inWholeBlocks } from '../../src/infer/whole-blocks.js';
import { decodeModel } from '../../src/onnx/codec.js';
import { Random } from '../../src/random.js';
import { tinyModel } from '../support/tiny-bundle.js';

const BLOCK = 16;
const SHAPE = [1, 256, 256, 3] as const;

const demo = await readFile(join(DEMO_MODEL, 'model.onnx'));

/** Output and input channels of Local-Net's layers. */
function channels(bytes: Uint8Array): number[][] {
  const { graph } = decodeModel(bytes);
  const layers = graph.nodes.filter(({ opType, inputs }) => opType === 'Conv' && inputs[1]?.startsWith('local.'));
  return layers.map(({ inputs }) => [...graph.initializers.find(({ name }) => name === inputs[1])!.shape].slice(0, 2));
}

async function scores(bytes: Uint8Array, data: Uint8Array): Promise<Float32Array[]> {
  const session = await Session.create(bytes, { threads: 1 });
  const results = await session.runOnce({ [INPUT_NAME]: { type: 'uint8', shape: [...SHAPE], data } });
  await session.close();
  return OUTPUT_NAMES.map((name) => results[name]?.data as Float32Array);
}

test('a model in whole blocks of 16 channels computes the same', async () => {
  const filled = inWholeBlocks(demo, BLOCK);
  const counts = channels(filled);
  assert.ok(channels(demo).some((layer) => layer.some((count) => count > 3 && count % BLOCK !== 0)));
  for (const layer of counts) for (const count of layer) assert.ok(count <= 3 || count % BLOCK === 0, String(layer));
  const random = new Random(3);
  const pixels = Uint8Array.from({ length: 256 * 256 * 3 }, () => random.below(256));
  const [expected, found] = [await scores(demo, pixels), await scores(filled, pixels)];
  expected.forEach((map, index) => {
    map.forEach((value, cell) => {
      assert.ok(Math.abs(value - found[index]![cell]!) < 1e-3, `${OUTPUT_NAMES[index]}, cell ${cell}`);
    });
  });
});

test('what has no Local-Net, or is no model, stays as it is, and so does everything where blocks have 8 channels', () => {
  assert.equal(inWholeBlocks(demo, 8), demo);
  for (const bytes of [tinyModel(), new Uint8Array([1, 2, 3]), demo.subarray(0, 1000), inWholeBlocks(demo, BLOCK)]) {
    assert.equal(inWholeBlocks(bytes, BLOCK), bytes);
  }
});

test('blocks have 16 channels with AVX-512 and on arm64', () => {
  assert.equal(blockOf('x64', 'processor\t: 0\nflags\t\t: fpu sse2 avx avx2 fma\n'), 8);
  assert.equal(blockOf('x64', 'processor\t: 0\nflags\t\t: fpu sse2 avx avx2 fma avx512f avx512vl\n'), BLOCK);
  assert.equal(blockOf('x64', ''), 8);
  assert.equal(blockOf('arm64', 'Features\t: fp asimd\n'), BLOCK);
});
