import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { DEMO_MODEL } from '../../../src/config/relations.js';
import { HEAD_VALUES, INPUT_NAME } from '../../../src/infer/contract.js';
import { Session } from '../../../src/infer/ort/session.js';
import { type HalfForm, toHalf } from '../../../src/infer/precision/half.js';
import { decodeModel, encodeModel } from '../../../src/onnx/codec.js';
import { floatTensor, type OnnxModel } from '../../../src/onnx/model.js';
import { fault } from '../../support/faults.js';
import { RandomFieldModel } from '../../support/field-model.js';
import { headedModel } from '../../support/headed-bundle.js';
import { tinyModel, tinyPicture } from '../../support/tiny-bundle.js';

/** The types of everything that flows in a graph, as far as its Casts and constants tell them. */
function halfValues({ graph }: OnnxModel): Set<string> {
  const half = new Set(graph.initializers.filter(({ type }) => type === 'float16').map(({ name }) => name));
  for (const { opType, inputs, outputs, attributes } of graph.nodes) {
    const cast = opType === 'Cast' ? attributes.to : undefined;
    const isHalf = cast ? cast.kind === 'int' && cast.value === 10 : inputs.some((name) => half.has(name));
    if (isHalf) for (const name of outputs) half.add(name);
  }
  return half;
}

/** Nodes that the head consists of: all that depends on where it begins, and nothing of the network. */
function headNodes({ graph }: OnnxModel): string[] {
  const head = new Set<string>(['global_variance', 'normality_logit']);
  for (const { opType, inputs, outputs } of graph.nodes) {
    if (opType !== 'Conv' && inputs.some((name) => head.has(name))) for (const name of outputs) head.add(name);
  }
  return [...head];
}

async function demo(): Promise<OnnxModel> {
  return decodeModel(await readFile(join(DEMO_MODEL, 'model.onnx')));
}

const surface = new RandomFieldModel(1).files();

for (const [name, load, most] of [
  ['the demo model', demo, 4],
  ['a small network', async () => headedModel(), 4],
  ['the graph that judges a surface', async () => decodeModel(surface.context as Uint8Array), 8],
] as const) {
  test(`the convolutions of ${name} are in half precision, its head is not`, async () => {
    const before = await load();
    const after = toHalf(before, HEAD_VALUES);
    const half = halfValues(after);
    const producer = (value: string) => after.graph.nodes.find(({ outputs }) => outputs.includes(value));
    const inHalf = after.graph.nodes.filter(({ opType, inputs }) => opType === 'Conv' && half.has(inputs[0] as string));
    const convolutions = before.graph.nodes.filter(({ opType }) => opType === 'Conv').length;
    // Those that are left are of the head (which a surface has twice, once for its edge), count the cells of a mask, or have a constant input.
    assert.ok(inHalf.length >= convolutions - most && inHalf.length > 0, `${inHalf.length} of ${convolutions}`);
    for (const { inputs } of inHalf) for (const input of inputs) assert.ok(half.has(input), input);
    for (const value of [...HEAD_VALUES, ...headNodes(before)]) {
      assert.ok(producer(value), value);
      assert.ok(!half.has(value), `${value} is in half precision`);
    }
    for (const output of after.graph.outputs) assert.equal(output.type, 'float32');
  });
}

test('both forms run, and what is rounded shows as it would on a GPU', async () => {
  const { data } = tinyPicture({ seed: 3, defect: { x: 8, y: 8, size: 20 } });
  const before = headedModel();
  const scoresOf = async (model: OnnxModel) => {
    const session = await Session.create(encodeModel(model));
    const { score } = await session.runOnce({ [INPUT_NAME]: { type: 'uint8', shape: [1, 64, 64, 3], data } });
    await session.close();
    return score?.data as Float32Array;
  };
  const full = await scoresOf(before);
  const largest = full.reduce((a, b) => Math.max(a, Math.abs(b)));
  for (const form of ['typed', 'rounded'] satisfies HalfForm[]) {
    const half = await scoresOf(toHalf(before, HEAD_VALUES, form));
    const difference = full.reduce((most, score, i) => Math.max(most, Math.abs(score - half[i]!)), 0) / largest;
    // Half precision has 11 bits: 5e-4 for each number.
    assert.ok(difference < 2e-2, `${form}: ${difference}`);
    if (form === 'rounded') assert.ok(difference > 1e-5, `${form}: ${difference}`);
  }
});

test('a model that does not name its head, or whose weights are too large, is refused', () => {
  assert.throws(
    () => toHalf(decodeModel(tinyModel()), HEAD_VALUES),
    fault('SG_MODEL_INVALID', /score head begins \(no value local_feature.*Use fp32/),
  );
  const { graph, ...rest } = headedModel();
  const initializers = graph.initializers.map((tensor) =>
    tensor.name === 'b2' ? floatTensor('b2', tensor.shape, new Float32Array(16).fill(1e5)) : tensor,
  );
  assert.throws(
    () => toHalf({ ...rest, graph: { ...graph, initializers } }, HEAD_VALUES),
    fault('SG_MODEL_INVALID', /weights b2 are too large/),
  );
});
