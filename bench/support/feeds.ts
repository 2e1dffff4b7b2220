import { allocateTensor, type Tensor, type TensorInfo } from '../../src/infer/ort/tensor.js';
import { Random } from '../../src/random.js';

/** Arbitrary inputs of the shapes that a model declares, the same at each call; free dimensions are 1. */
export function feedsFor({ inputs }: { readonly inputs: readonly TensorInfo[] }): Record<string, Tensor> {
  const random = new Random(1);
  return Object.fromEntries(
    inputs.map(({ name, type, shape }) => {
      const tensor = allocateTensor(
        type,
        shape.map((side) => (side < 0 ? 1 : side)),
      );
      const { data } = tensor;
      if (data instanceof Uint8Array) for (let i = 0; i < data.length; i++) data[i] = random.below(256);
      else if (data instanceof Float32Array) for (let i = 0; i < data.length; i++) data[i] = random.normal();
      return [name, tensor];
    }),
  );
}
