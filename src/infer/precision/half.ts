import { Float16Array } from '@petamoriken/float16';
import { SideglanceError } from '../../errors.js';
import {
  ELEMENT_TYPES,
  floatsOf,
  floatTensor,
  node,
  type OnnxGraph,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
  rawTensor,
} from '../../onnx/model.js';

/** What may run between two convolutions in half precision: nothing here adds up more than a few values. */
const LIGHT = new Set(['Add', 'AveragePool', 'Clip', 'Concat', 'Mul', 'Pad', 'Relu', 'Slice', 'SpaceToDepth']);

/** The largest finite number in half precision. */
const MAX_HALF = 65504;

/**
 * `typed`: tensors of type float16, for what computes in them. `rounded`: FP32 throughout, with every number rounded as
 * it would be; the CPU provider computes typed graphs in FP32 between its own casts, which shows nothing.
 */
export type HalfForm = 'typed' | 'rounded';

/**
 * The same model with its convolutions upstream of `boundary` in half precision, and everything else as it was: the cast
 * of the pixels, the whitening, and all of the score head from `boundary` on. Types stand in the graph itself, so what
 * runs it has no choice in the matter (TensorRT: a strongly typed network).
 *
 * @param boundary names of values where the head begins
 * @throws SideglanceError `SG_MODEL_INVALID` for a model that does not name its head, or has weights that half precision
 * cannot hold
 */
export function toHalf(model: OnnxModel, boundary: readonly string[], form: HalfForm = 'typed'): OnnxModel {
  const { graph } = model;
  const half = halfNodes(graph, boundary);
  const others = graph.nodes.filter((each) => !half.has(each));
  const wanted = new Set([...graph.outputs.map(({ name }) => name), ...others.flatMap(({ inputs }) => inputs)]);
  const writer = new HalfWriter(graph.initializers, form);
  for (const each of graph.nodes) {
    if (half.has(each)) writer.addHalf(each, wanted);
    else writer.nodes.push(each);
  }
  const { nodes, initializers } = writer;
  return { ...model, graph: { ...graph, nodes, initializers } };
}

class HalfWriter {
  readonly nodes: OnnxNode[] = [];
  readonly initializers: OnnxTensor[];
  readonly #weights: ReadonlyMap<string, OnnxTensor>;
  readonly #form: HalfForm;
  /** What a value is called in half precision. */
  readonly #halves = new Map<string, string>();

  constructor(initializers: readonly OnnxTensor[], form: HalfForm) {
    this.initializers = [...initializers];
    this.#weights = new Map(initializers.map((tensor) => [tensor.name, tensor]));
    this.#form = form;
  }

  /** @param wanted values that something in full precision reads */
  addHalf(each: OnnxNode, wanted: ReadonlySet<string>): void {
    const inputs = each.inputs.map((name) => this.#halfOf(name));
    const outputs = each.outputs.map((name) => `${name}:half`);
    this.nodes.push({ ...each, name: `${each.name}:half`, inputs, outputs });
    each.outputs.forEach((name, i) => {
      const made = outputs[i] as string;
      if (this.#form === 'rounded') this.#round(made, name);
      else if (wanted.has(name)) this.#cast(made, name, 'float32');
      this.#halves.set(name, this.#form === 'rounded' ? name : made);
    });
  }

  #halfOf(name: string): string {
    const known = this.#halves.get(name);
    if (known !== undefined) return known;
    const weights = this.#weights.get(name);
    // An input that is left out, or one of whole numbers.
    if (name === '' || (weights && weights.type !== 'float32')) return name;
    const made = `${name}:half`;
    if (weights) this.initializers.push(this.#halfWeights(weights, made));
    else if (this.#form === 'rounded') this.#round(name, made);
    else this.#cast(name, made, 'float16');
    this.#halves.set(name, made);
    return made;
  }

  #halfWeights(weights: OnnxTensor, name: string): OnnxTensor {
    const values = floatsOf(weights);
    if (values.some((value) => !(Math.abs(value) <= MAX_HALF))) {
      throw new SideglanceError(
        'SG_MODEL_INVALID',
        `the weights ${weights.name} are too large for half precision. Use fp32`,
      );
    }
    const halves = Float16Array.from(values);
    if (this.#form === 'rounded') return floatTensor(name, weights.shape, halves);
    return rawTensor(name, 'float16', weights.shape, new Uint8Array(halves.buffer as ArrayBuffer));
  }

  #round(from: string, to: string): void {
    this.#cast(from, `${to}:16`, 'float16');
    this.#cast(`${to}:16`, to, 'float32');
  }

  #cast(from: string, to: string, type: 'float16' | 'float32'): void {
    this.nodes.push(node('Cast', [from], [to], { to: ELEMENT_TYPES[type].code }));
  }
}

/** Convolutions of values that are not constant, and the light operators between them. */
function halfNodes(graph: OnnxGraph, boundary: readonly string[]): ReadonlySet<OnnxNode> {
  const producers = new Map(graph.nodes.flatMap((each) => each.outputs.map((name) => [name, each] as const)));
  const upstream = upstreamOf(boundary, producers);
  const half = new Set<OnnxNode>();
  for (const each of upstream) {
    const fed = each.inputs.map((name) => producers.get(name)).filter((one) => one !== undefined);
    const isNetwork = each.opType === 'Conv' && producers.has(each.inputs[0] ?? '');
    if (isNetwork || (LIGHT.has(each.opType) && fed.length > 0 && fed.every((one) => half.has(one)))) half.add(each);
  }
  // From the end: what feeds no convolution is better left in full.
  for (const each of [...half].reverse()) {
    const feeds = [...half].some((other) => each.outputs.some((name) => other.inputs.includes(name)));
    if (each.opType !== 'Conv' && !feeds) half.delete(each);
  }
  return half;
}

/** Every node that these values depend on, in the order of the graph. */
function upstreamOf(names: readonly string[], producers: ReadonlyMap<string, OnnxNode>): ReadonlySet<OnnxNode> {
  const missing = names.filter((name) => !producers.has(name));
  if (missing.length > 0) {
    throw new SideglanceError(
      'SG_MODEL_INVALID',
      `the model does not say where its score head begins (no value ${missing.join(', ')}), so it cannot run in half precision. Use fp32, or export it again`,
    );
  }
  const found = new Set<OnnxNode>();
  const waiting = [...names];
  while (waiting.length > 0) {
    const each = producers.get(waiting.pop() as string);
    if (!each || found.has(each)) continue;
    found.add(each);
    waiting.push(...each.inputs);
  }
  return new Set([...producers.values()].filter((each) => found.has(each)));
}
