/**
 * What a model costs for one region, counted from its graph: multiplications and additions of convolutions and matrix
 * products, two for each pair. Weights that are zero, such as those in a kernel's hole, are no work. Writes `bench/results/cost.json`.
 *
 *     node dist/bench/cost.js --model models/demo
 */
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { openBundle } from '../src/model/open.js';
import { PACKAGE_ROOT } from '../src/paths.js';
import { countOperations } from './support/operations.js';

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: join(PACKAGE_ROOT, 'models', 'demo') },
    out: { type: 'string', default: join(PACKAGE_ROOT, 'bench', 'results', 'cost.json') },
  },
});

/** Where a layer belongs, by the name of its weights. */
const PARTS: readonly (readonly [string, RegExp])[] = [
  ['Local-Net', /^local\./],
  ['Global-Net', /^global\./],
  ['distortion head', /^distortion\./],
];

const { model, manifest } = await openBundle(resolve(values.model));
const { width, height } = manifest.region;
const { nodes, operations, withZeros } = await countOperations(model);
const byPart = new Map<string, number>();
for (const node of nodes) {
  const part = PARTS.find(([, pattern]) => pattern.test(node.weights ?? ''))?.[0] ?? 'normalisation and the rest';
  byPart.set(part, (byPart.get(part) ?? 0) + node.operations);
}

const gflop = (count: number) => Number((count / 1e9).toFixed(3));
const result = {
  what: 'operations for one region, multiplications and additions counted apart, without those with zero weights',
  command: `node dist/bench/cost.js --model ${values.model === join(PACKAGE_ROOT, 'models', 'demo') ? 'models/demo' : values.model}`,
  region: { width, height },
  gflop: Object.fromEntries([...byPart].map(([part, count]) => [part, gflop(count)])),
  totalGflop: gflop(operations),
  gflopFor256Squared: gflop((operations * 256 ** 2) / (width * height)),
  gflopWithZeroWeights: gflop(withZeros),
  modelMegabytes: Number((model.byteLength / 1e6).toFixed(2)),
};
await writeFile(values.out, `${JSON.stringify(result, null, 2)}\n`);
console.log(JSON.stringify(result, null, 2));
