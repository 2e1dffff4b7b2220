import { Float16Array } from '@petamoriken/float16';
import { encodeModel } from '../onnx/codec.js';
import {
  type AttributeInput,
  elementCount,
  floatTensor,
  int64Tensor,
  model,
  type OnnxElementType,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
  type OnnxValue,
  node as onnxNode,
  value as onnxValue,
  rawTensor,
} from '../onnx/model.js';

/** One tensor in a graph under construction. Shapes are static: a training graph is built for one batch size. */
export interface Value {
  readonly name: string;
  readonly shape: readonly number[];
}

/** One operation as it was recorded; `gradients.ts` walks these backwards. */
export interface Operation {
  readonly type: string;
  readonly inputs: readonly Value[];
  readonly output: Value;
  readonly attributes: Readonly<Record<string, AttributeInput>>;
  /** What a gradient must know and ONNX has no attribute for: a kernel's hole, a slice's axis and start. */
  readonly note: Readonly<Record<string, number>>;
}

export interface ApplyOptions {
  readonly attributes?: Readonly<Record<string, AttributeInput>>;
  readonly name?: string;
  readonly note?: Readonly<Record<string, number>>;
}

/**
 * An ONNX graph that remembers how each value came about, so that its gradient can be built.
 * The operators themselves, with their shape rules, are in `operators.ts`.
 */
export class Graph {
  readonly operations: Operation[] = [];
  #names = 0;
  readonly #inputs: OnnxValue[] = [];
  readonly #outputs: OnnxValue[] = [];
  readonly #initializers: OnnxTensor[] = [];
  readonly #nodes: OnnxNode[] = [];

  /**
   * A value that is fed at every run. `declared` is the shape written to the file, where a text names a free
   * dimension; operators compute with `shape`, so free dimensions must pass through them untouched.
   */
  input(
    name: string,
    shape: readonly number[],
    type: OnnxElementType = 'float32',
    declared: readonly (number | string)[] = shape,
  ): Value {
    this.#inputs.push(onnxValue(name, type, declared));
    return { name, shape };
  }

  /** A value that is stored in the model file. */
  constant(shape: readonly number[], data: ArrayLike<number>, name = this.freshName('constant')): Value {
    this.#initializers.push(floatTensor(name, shape, data));
    return { name, shape };
  }

  /** A value that is stored in the model file as 16-bit floats: half the bytes, 11 bits of precision. */
  halves(shape: readonly number[], data: Float32Array, name = this.freshName('halves')): Value {
    const { buffer } = Float16Array.from(data);
    this.#initializers.push(rawTensor(name, 'float16', shape, new Uint8Array(buffer)));
    return { name, shape };
  }

  /** A list of integers that an operator takes as an input (axes, pads, shapes). */
  integers(values: readonly number[]): Value {
    const name = this.freshName('integers');
    this.#initializers.push(int64Tensor(name, [values.length], values));
    return { name, shape: [values.length] };
  }

  /** Appends one operation and returns its result. The shape is the caller's promise, checked by ONNX Runtime. */
  apply(type: string, inputs: readonly Value[], shape: readonly number[], options: ApplyOptions = {}): Value {
    const { attributes = {}, name = this.freshName(type.toLowerCase()), note = {} } = options;
    const output = { name, shape };
    const inputNames = inputs.map((input) => input.name);
    this.#nodes.push(onnxNode(type, inputNames, [name], attributes));
    this.operations.push({ type, inputs, output, attributes, note });
    return output;
  }

  /**
   * Copies another model's graph into this one. `inputs` takes the place of its inputs; the results are looked up by its
   * own names for them, with the shapes that the caller knows. Everything else is renamed, so that nothing collides.
   */
  embed(
    other: OnnxModel,
    inputs: Readonly<Record<string, Value>>,
    results: Readonly<Record<string, readonly number[]>>,
  ): Record<string, Value> {
    const prefix = this.freshName('embedded');
    const rename = (name: string) => (name === '' ? '' : (inputs[name]?.name ?? `${prefix}/${name}`));
    const { graph } = other;
    for (const tensor of graph.initializers) this.#initializers.push({ ...tensor, name: rename(tensor.name) });
    for (const made of graph.nodes) {
      const outputs = made.outputs.map(rename);
      this.#nodes.push({ ...made, name: outputs[0] ?? '', inputs: made.inputs.map(rename), outputs });
    }
    return Object.fromEntries(Object.entries(results).map(([name, shape]) => [name, { name: rename(name), shape }]));
  }

  /** Declares a value as a result of the graph, under a name that callers know. */
  output(name: string, result: Value, declared: readonly (number | string)[] = result.shape): void {
    this.#nodes.push(onnxNode('Identity', [result.name], [name]));
    this.#outputs.push(onnxValue(name, 'float32', declared));
  }

  /** The finished model file. */
  toModel(graphName: string, metadata: Readonly<Record<string, string>> = {}): Uint8Array {
    const graph = {
      name: graphName,
      inputs: this.#inputs,
      outputs: this.#outputs,
      initializers: this.#initializers,
      nodes: this.#nodes,
    };
    return encodeModel(model(graph, metadata));
  }

  freshName(stem: string): string {
    this.#names += 1;
    return `${stem}_${this.#names}`;
  }
}

export { elementCount };
