import { readFileSync } from 'node:fs';
import { arch } from 'node:os';
import { decodeModel, encodeModel } from '../onnx/codec.js';
import { floatsOf, floatTensor, type OnnxModel, type OnnxNode, type OnnxTensor } from '../onnx/model.js';

/** What the names of Local-Net's weights begin with. Its layers have multiples of 8 channels, and nothing but each other knows how many. */
const LAYERS = 'local.';

/** ONNX Runtime's convolutions have channels in blocks of so many side by side: as many as the processor computes at a time, */
const LEAST_BLOCK = 8;
/** or so many. */
const WIDE_BLOCK = 16;

/**
 * A model whose Local-Net is to run on the CPU, with its channels filled up to whole blocks by zeros: a layer that has no whole blocks would
 * leave the runtime's layout, which costs more. It computes the same. Other models stay as they are.
 *
 * @param bytes of an ONNX file; what is none stays as it is, for the runtime to complain of
 * @param block channels that the runtime computes side by side
 */
export function inWholeBlocks(bytes: Uint8Array, block: number = processorBlock()): Uint8Array {
  if (block <= LEAST_BLOCK) return bytes;
  const model = decoded(bytes);
  if (!model) return bytes;
  const { graph } = model;
  const tensors = new Map(graph.initializers.map((tensor) => [tensor.name, tensor]));
  const fill = (count: number) => (count < LEAST_BLOCK ? count : Math.ceil(count / block) * block);
  let changed = false;
  const nodes = graph.nodes.map((node): OnnxNode => {
    const [, weight, bias] = node.inputs.map((name) => tensors.get(name));
    if (node.opType !== 'Conv' || weight?.type !== 'float32' || !weight.name.startsWith(LAYERS)) return node;
    const [out, channels, ...kernel] = weight.shape as [number, number, ...number[]];
    if (fill(out) === out && fill(channels) === channels) return node;
    changed = true;
    tensors.set(weight.name, filled(weight, [fill(out), fill(channels), ...kernel]));
    if (bias) tensors.set(bias.name, filled(bias, [fill(out)]));
    const { group } = node.attributes;
    if (group?.kind !== 'int' || group.value === 1) return node;
    return { ...node, attributes: { ...node.attributes, group: { kind: 'int', value: fill(out) } } };
  });
  return changed ? encodeModel({ ...model, graph: { ...graph, nodes, initializers: [...tensors.values()] } }) : bytes;
}

function decoded(bytes: Uint8Array): OnnxModel | null {
  try {
    return decodeModel(bytes);
  } catch {
    return null;
  }
}

/** A tensor with zeros behind its first two axes. */
function filled(tensor: OnnxTensor, shape: readonly number[]): OnnxTensor {
  const from = floatsOf(tensor);
  const [rows, columns = 1, ...rest] = tensor.shape as [number, ...number[]];
  const cell = rest.reduce((product, side) => product * side, 1);
  const width = (shape[1] ?? 1) * cell;
  const data = new Float32Array(shape.reduce((product, side) => product * side, 1));
  for (let row = 0; row < rows; row += 1) {
    data.set(from.subarray(row * columns * cell, (row + 1) * columns * cell), row * width);
  }
  return floatTensor(tensor.name, shape, data);
}

let known: number | undefined;

/** Channels that ONNX Runtime computes side by side on this computer. */
export function processorBlock(): number {
  known ??= blockOf(arch(), cpuInfo());
  return known;
}

/** @param cpuInfo what Linux says of the processor, proc(5) */
export function blockOf(architecture: string, cpuInfo: string): number {
  return architecture === 'arm64' || /^flags\s*:.*\bavx512f\b/m.test(cpuInfo) ? WIDE_BLOCK : LEAST_BLOCK;
}

function cpuInfo(): string {
  try {
    return readFileSync('/proc/cpuinfo', 'utf8');
  } catch {
    return '';
  }
}
