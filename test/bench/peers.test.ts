import assert from 'node:assert/strict';
import test from 'node:test';
import { RESNET_18 } from '../../bench/peers/backbones.js';
import { efficientAd } from '../../bench/peers/efficient-ad.js';
import { padim } from '../../bench/peers/padim.js';
import { patchCore } from '../../bench/peers/patchcore.js';
import { countOperations } from '../../bench/support/operations.js';
import { Graph } from '../../src/train/graph.js';
import { holeMask, matmul, multiply } from '../../src/train/operators.js';

test('operations are those of non-zero weights, two for each place that a weight meets', async () => {
  const g = new Graph();
  const x = g.input('x', [2, 3, 8, 8]);
  const weight = g.constant([4, 3, 3, 3], new Float32Array(4 * 3 * 9).fill(1));
  const kernel = multiply(g, weight, g.constant([1, 1, 3, 3], holeMask(3, 1)));
  const y = g.apply('Conv', [x, kernel], [2, 4, 6, 6]);
  g.output('y', y);
  const rows = g.input('rows', [5, 7]);
  g.output('product', matmul(g, rows, g.constant([7, 11], new Float32Array(77).fill(1))));
  const { nodes, operations, withZeros } = await countOperations(g.toModel('test'));
  assert.deepEqual(
    nodes.map((node) => [node.weights, node.operations]),
    [
      [weight.name, 2 * 2 * 36 * 4 * 3 * 8],
      [nodes[1]?.weights, 2 * 5 * 7 * 11],
    ],
  );
  assert.equal(operations, 2 * 2 * 36 * 4 * 3 * 8 + 2 * 5 * 7 * 11);
  assert.equal(withZeros, 2 * 2 * 36 * 4 * 3 * 9 + 2 * 5 * 7 * 11);
});

test('EfficientAD-S costs what its paper says: 76 GFLOP', async () => {
  const { operations } = await countOperations(efficientAd('S'));
  assert.ok(Math.abs(operations / 1e9 - 76) < 0.5, `${operations / 1e9} GFLOP`);
});

test('PaDiM and PatchCore cost their backbone, the distance at each place, and the comparison with the bank', async () => {
  const [gaussians, neighbours] = await Promise.all(
    [padim(RESNET_18), patchCore(RESNET_18, 0.01)].map(countOperations),
  );
  const products = ({ nodes }: { nodes: readonly { name: string; operations: number }[] }) =>
    nodes.filter(({ name }) => name.startsWith('matmul')).reduce((sum, node) => sum + node.operations, 0);
  assert.equal(products(gaussians!), 2 * 64 * 64 * 100 * 100);
  assert.equal(products(neighbours!), 2 * 32 * 32 * 385 * Math.round(0.01 * 242 * 32 * 32));
  assert.equal(gaussians!.operations - products(gaussians!), neighbours!.operations - products(neighbours!));
});
