import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SideglanceError } from '../../src/errors.js';
import { decodeModel, encodeModel } from '../../src/onnx/codec.js';
import {
  float,
  floats,
  floatsOf,
  floatTensor,
  int64sOf,
  int64Tensor,
  model,
  node,
  type OnnxModel,
  rawTensor,
  value,
} from '../../src/onnx/model.js';

function everyKind(): OnnxModel {
  const inner = {
    name: 'inner',
    nodes: [node('Identity', ['x'], ['x2'])],
    inputs: [],
    outputs: [value('x2', 'float32', [2])],
    initializers: [],
    values: [],
  };
  return model(
    {
      name: 'every kind',
      nodes: [
        node('Conv', ['x', 'w', ''], ['y'], { strides: [2, 2], group: 1, auto_pad: 'SAME_UPPER' }),
        node('Upsample', ['y'], ['z'], {
          alpha: float(0.25),
          scales: floats([1, 2.5]),
          names: { kind: 'strings', value: ['größer', 'b'] },
          constant: { kind: 'tensor', value: floatTensor('c', [2], [1, -1]) },
          body: { kind: 'graph', value: inner },
          axis: -1,
        }),
      ],
      inputs: [value('x', 'uint8', ['N', 4, 4, 3]), value('scalar', 'float32', [])],
      outputs: [value('z', 'float32', ['N', 2])],
      initializers: [
        floatTensor('w', [1, 2, 2], [0.5, -1.5, 3, 1e-30]),
        int64Tensor('ends', [2], [-1, 9223372036854775807n]),
        rawTensor('flags', 'bool', [3], Uint8Array.of(1, 0, 1)),
        floatTensor('empty', [0, 3], []),
      ],
      values: [value('y', 'float32', ['N', 1, 2, 2])],
    },
    { stride: '8', 'sideglance.id': 'tiny' },
  );
}

test('a model survives encoding and decoding unchanged', () => {
  const original = everyKind();
  const copy = decodeModel(encodeModel(original));
  const weights = copy.graph.initializers[0]!;
  const ends = copy.graph.initializers[1]!;
  assert.deepEqual([...floatsOf(weights)], [0.5, -1.5, 3, Math.fround(1e-30)]);
  assert.deepEqual([...int64sOf(ends)], [-1n, 9223372036854775807n]);
  assert.deepEqual(plain(copy), plain(original));
});

test('every truncation of a model is refused', () => {
  const whole = encodeModel(model({ ...everyKind().graph }));
  for (let length = 0; length < whole.length; length++) {
    assert.throws(() => decodeModel(whole.subarray(0, length), 'cut.onnx'), unreadable(/cut\.onnx \(\d+ bytes\)/));
  }
});

test('bytes that are no model are refused', () => {
  assert.throws(() => decodeModel(Buffer.from('\x89PNG\r\n\x1a\n and so on')), unreadable(/no ONNX model/));
  assert.throws(() => decodeModel(new Uint8Array(64)), unreadable(/no ONNX model/));
  assert.throws(() => decodeModel(Buffer.from('version https://git-lfs.github.com/spec/v1\n')), unreadable(/export/));
});

test('a tensor whose bytes do not fill its shape is refused when built and when read', () => {
  assert.throws(() => floatTensor('w', [2, 2], [1, 2, 3]), /w: float32 \[2, 2\] needs 16 bytes, 12/);
  const good = everyKind();
  const short = { ...good.graph.initializers[0]!, shape: [1, 2, 3] };
  const bytes = encodeModel({ ...good, graph: { ...good.graph, initializers: [short] } });
  assert.throws(() => decodeModel(bytes), unreadable(/tensor w .* holds 16 of 24 bytes/));
});

test('a fraction given as a plain attribute is refused, for it would be written as an int', () => {
  assert.throws(() => node('LeakyRelu', ['x'], ['y'], { alpha: 0.1 }), /LeakyRelu\.alpha: 0\.1 .* float\(\)/);
});

function unreadable(message: RegExp): (thrown: unknown) => boolean {
  return (thrown) =>
    thrown instanceof SideglanceError && thrown.code === 'SG_MODEL_UNREADABLE' && message.test(thrown.message);
}

/** Buffers and plain byte arrays compare equal, floats as the float32 they are stored as. */
function plain(original: OnnxModel): unknown {
  return JSON.parse(
    JSON.stringify(original, (_key, each) => {
      if (each?.type === 'Buffer') return each.data;
      return ArrayBuffer.isView(each) ? Array.from(each as Uint8Array) : each;
    }),
  );
}
