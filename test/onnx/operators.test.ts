import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { decodeModel } from '../../src/onnx/codec.js';
import { model, node, value } from '../../src/onnx/model.js';
import { checkOperators, operatorNeeds } from '../../src/onnx/operators.js';
import { PACKAGE_ROOT } from '../../src/paths.js';
import { fault } from '../support/faults.js';

const graphOf = (nodes: ReturnType<typeof node>[]) => ({
  name: 'g',
  nodes,
  inputs: [value('x', 'float32', [1])],
  outputs: [value('y', 'float32', [1])],
  initializers: [],
});

test('the demo model and the teacher need nothing that is not supported', async () => {
  for (const file of ['models/demo/model.onnx', 'models/teacher.onnx']) {
    checkOperators(operatorNeeds([decodeModel(await readFile(join(PACKAGE_ROOT, file)), file)]), file);
  }
});

test('operators count wherever they stand, with their domain', () => {
  const inner = { kind: 'graph', value: graphOf([node('RandomNormal', [], ['y'])]) } as const;
  const outer = graphOf([
    node('If', ['x'], ['y'], { then_branch: inner }),
    { ...node('Run', ['x'], ['z']), domain: 'com.x' },
  ]);
  const needs = operatorNeeds([{ ...model(outer), opsets: { 'ai.onnx': 13, 'com.x': 2 } }, model(graphOf([]))]);
  assert.deepEqual(needs, { opsets: { '': 17, 'com.x': 2 }, operators: ['If', 'RandomNormal', 'com.x::Run'] });
  assert.throws(
    () => checkOperators(needs, 'it'),
    fault(
      'SG_BUNDLE_OPERATOR',
      /it needs operator set com\.x 2, If, RandomNormal, com\.x::Run, which is not supported/,
    ),
  );
});

test('a newer operator set than every supported runtime knows is refused', () => {
  checkOperators({ opsets: { '': 17 }, operators: ['Add'] }, 'it');
  assert.throws(
    () => checkOperators({ opsets: { '': 18 }, operators: ['Add'] }, 'it'),
    fault('SG_BUNDLE_OPERATOR', /set 18/),
  );
});
