/**
 * What a model costs for one region, counted from its graph: multiplications and additions of convolutions and matrix
 * products, two for each pair, zeros in a kernel's hole included. Writes `bench/results/cost.json`.
 *
 *     node dist/bench/cost.js --model models/demo
 */
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { INPUT_NAME } from '../src/infer/contract.js';
import { Session } from '../src/infer/ort/session.js';
import { openBundle } from '../src/model/open.js';
import { decodeModel } from '../src/onnx/codec.js';
import { PACKAGE_ROOT } from '../src/paths.js';
import { exposeValues } from '../src/train/expose.js';

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: join(PACKAGE_ROOT, 'models', 'demo') },
    out: { type: 'string', default: join(PACKAGE_ROOT, 'bench', 'results', 'cost.json') },
  },
});

const { model, manifest } = await openBundle(resolve(values.model));
const { width, height } = manifest.region;
const { graph } = decodeModel(model, values.model);
const stored = new Map(graph.initializers.map((tensor) => [tensor.name, tensor.shape]));
const counted = graph.nodes.filter(({ opType }) => opType === 'Conv' || opType === 'MatMul');
const session = await Session.create(
  exposeValues(
    model,
    counted.flatMap(({ opType, inputs, outputs }) => (opType === 'Conv' ? [outputs[0]!] : [outputs[0]!, inputs[1]!])),
  ),
);
const results = await session.runOnce({
  [INPUT_NAME]: { type: 'uint8', shape: [1, height, width, 3], data: new Uint8Array(height * width * 3) },
});
await session.close();

/** Where a layer belongs, by the name of its weights. */
const PARTS: readonly (readonly [string, RegExp])[] = [
  ['Local-Net', /^local\./],
  ['Global-Net', /^global\./],
  ['distortion head', /^distortion\./],
];
const flops = new Map<string, number>();
for (const { opType, inputs, outputs } of counted) {
  const elements = results[outputs[0] as string]!.data.length;
  // A kernel [out, in / groups, h, w] may come through a mask: its shape is then that of the mask's first input.
  const producer = graph.nodes.find((node) => node.outputs[0] === inputs[1]);
  const weight =
    inputs
      .slice(1)
      .concat(producer?.inputs ?? [])
      .find((name) => stored.has(name)) ?? '';
  const part = PARTS.find(([, pattern]) => pattern.test(weight))?.[0] ?? 'normalisation and the rest';
  const shape = stored.get(weight);
  const summed = opType === 'Conv' ? shape!.slice(1) : results[inputs[1]!]!.shape.slice(-2, -1);
  const products = summed.reduce((a, b) => a * b, 1);
  flops.set(part, (flops.get(part) ?? 0) + 2 * elements * products);
}

const total = [...flops.values()].reduce((a, b) => a + b, 0);
const perRegion = total * (256 ** 2 / (width * height));
const result = {
  what: 'operations for one region, multiplications and additions counted apart',
  command: `node dist/bench/cost.js --model ${values.model === join(PACKAGE_ROOT, 'models', 'demo') ? 'models/demo' : values.model}`,
  region: { width, height },
  gflop: Object.fromEntries([...flops].map(([part, count]) => [part, Number((count / 1e9).toFixed(3))])),
  totalGflop: Number((total / 1e9).toFixed(3)),
  gflopFor256Squared: Number((perRegion / 1e9).toFixed(3)),
  modelMegabytes: Number((model.byteLength / 1e6).toFixed(2)),
};
await writeFile(values.out, `${JSON.stringify(result, null, 2)}\n`);
console.log(JSON.stringify(result, null, 2));
