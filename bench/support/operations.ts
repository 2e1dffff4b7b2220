import { decodeModel } from '../../src/onnx/codec.js';
import { floatsOf, type OnnxGraph } from '../../src/onnx/model.js';
import { exposeValues } from '../../src/train/expose.js';
import { profileNodes } from './node-profile.js';

/** What one convolution or matrix product of a graph costs in one run: multiplications and additions, two for each pair. */
export interface NodeOperations {
  readonly name: string;
  /** The stored weights that its kernel is made of; null for a product of two computed matrices. */
  readonly weights: string | null;
  /** With weights that are zero, such as those in a kernel's hole, left out, */
  readonly operations: number;
  /** and counted. */
  readonly withZeros: number;
}

export interface Operations {
  readonly nodes: readonly NodeOperations[];
  readonly operations: number;
  readonly withZeros: number;
}

/**
 * Counts the operations of a graph's convolutions and matrix products, from the shapes that they have in a run of the graph as it
 * stands in the file. Free dimensions of its inputs are taken as 1.
 */
export async function countOperations(model: Uint8Array): Promise<Operations> {
  const { graph } = decodeModel(model);
  const stored = new Map(graph.initializers.map((tensor) => [tensor.name, tensor]));
  // What is made of constants alone is computed once, when the model is loaded.
  const counted = graph.nodes.filter(
    ({ opType, inputs }) =>
      (opType === 'Conv' || opType === 'MatMul') && !inputs.every((input) => isConstant(graph, stored, input)),
  );
  const kernels = counted.filter(({ opType }) => opType === 'Conv').map(({ inputs }) => inputs[1] as string);
  const computed = [...new Set(kernels.filter((name) => !stored.has(name)))];
  const { nodes: ran, results } = await profileNodes(exposeValues(model, computed), { optimisation: 'none' });
  const shapes = new Map(ran.map((node) => [node.name, node]));
  const valuesOf = (kernel: string) => {
    const tensor = stored.get(kernel);
    return tensor ? floatsOf(tensor) : (results[kernel]?.data as Float32Array);
  };
  const nodes = counted.map(({ name, opType, inputs }): NodeOperations => {
    const { inputs: [left = [], right = []] = [], outputs: [out = []] = [] } = shapes.get(name) ?? {};
    const weights =
      [...inputs]
        .reverse()
        .map((input) => storedBehind(graph, stored, input))
        .find(Boolean) ?? null;
    if (opType === 'MatMul') {
      const operations = 2 * product(out) * (left.at(-1) ?? 0);
      return { name, weights, operations, withZeros: operations };
    }
    // Each weight meets one input value for each place of the output.
    const places = (out[0] ?? 0) * product(out.slice(2));
    const live = valuesOf(inputs[1] as string).reduce((count, value) => (value === 0 ? count : count + 1), 0);
    return { name, weights, operations: 2 * places * live, withZeros: 2 * places * product(right) };
  });
  const sum = (read: (node: NodeOperations) => number) => nodes.reduce((total, node) => total + read(node), 0);
  return { nodes, operations: sum((node) => node.operations), withZeros: sum((node) => node.withZeros) };
}

/** The first stored floats that a value is made of, where it is made of stored values alone. */
function storedBehind(
  graph: OnnxGraph,
  stored: ReadonlyMap<string, { readonly type: string }>,
  name: string,
): string | null {
  const tensor = stored.get(name);
  if (tensor) return tensor.type === 'int64' ? null : name;
  const producer = graph.nodes.find(({ outputs }) => outputs.includes(name));
  if (!producer?.inputs.every((input) => isConstant(graph, stored, input))) return null;
  return producer.inputs.map((input) => storedBehind(graph, stored, input)).find(Boolean) ?? null;
}

function isConstant(graph: OnnxGraph, stored: ReadonlyMap<string, unknown>, name: string): boolean {
  if (name === '' || stored.has(name)) return true;
  const producer = graph.nodes.find(({ outputs }) => outputs.includes(name));
  return producer?.inputs.every((input) => isConstant(graph, stored, input)) ?? false;
}

function product(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}
