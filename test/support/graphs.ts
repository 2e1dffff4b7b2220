/** Tiny ONNX graphs for tests. */
import { encodeModel } from '../../src/onnx/codec.js';
import { floatTensor, model, node, value } from '../../src/onnx/model.js';

/** `sum = a + b` and `product = a × b` over float32 [2, 3]. */
export function sumAndProduct(): Uint8Array {
  const shape = [2, 3];
  return encodeModel(
    model(
      {
        name: 'sum and product',
        nodes: [node('Add', ['a', 'b'], ['sum']), node('Mul', ['a', 'b'], ['product'])],
        inputs: [value('a', 'float32', shape), value('b', 'float32', shape)],
        outputs: [value('sum', 'float32', shape), value('product', 'float32', shape)],
        initializers: [],
      },
      { purpose: 'test', größe: 'klein' },
    ),
  );
}

/** `y = x` cast to float32 and doubled; `x` is uint8 [N, 2]. */
export function freeBatch(): Uint8Array {
  return encodeModel(
    model({
      name: 'free batch',
      nodes: [node('Cast', ['x'], ['f'], { to: 1 }), node('Mul', ['f', 'two'], ['y'])],
      inputs: [value('x', 'uint8', ['N', 2])],
      outputs: [value('y', 'float32', ['N', 2])],
      initializers: [floatTensor('two', [], [2])],
    }),
  );
}

/** `repeats` products of a `size` × `size` matrix with `x`: takes its time. */
export function heavy(size: number, repeats: number): Uint8Array {
  const weights = new Float32Array(size * size).map((_, i) => (i % 7) / size);
  const names = ['x', ...Array.from({ length: repeats }, (_, i) => `x${i}`)];
  return encodeModel(
    model({
      name: 'heavy',
      nodes: names.slice(1).map((name, i) => node('MatMul', [names[i]!, 'w'], [name])),
      inputs: [value('x', 'float32', [size, size])],
      outputs: [value(names[repeats]!, 'float32', [size, size])],
      initializers: [floatTensor('w', [size, size], weights)],
    }),
  );
}
