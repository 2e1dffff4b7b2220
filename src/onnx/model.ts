/**
 * An ONNX model as plain objects: what `codec.ts` reads and writes, and small helpers to build one.
 * Tensors hold their elements as bytes (row-major, little endian), exactly as they stand in the file.
 */

/** `TensorProto.DataType` numbers of the element types sideglance knows. */
export const ELEMENT_TYPES = {
  float32: { code: 1, bytes: 4 },
  uint8: { code: 2, bytes: 1 },
  int8: { code: 3, bytes: 1 },
  uint16: { code: 4, bytes: 2 },
  int16: { code: 5, bytes: 2 },
  int32: { code: 6, bytes: 4 },
  int64: { code: 7, bytes: 8 },
  bool: { code: 9, bytes: 1 },
  float16: { code: 10, bytes: 2 },
  float64: { code: 11, bytes: 8 },
  uint32: { code: 12, bytes: 4 },
  uint64: { code: 13, bytes: 8 },
} as const;

export type OnnxElementType = keyof typeof ELEMENT_TYPES;

export interface OnnxTensor {
  readonly name: string;
  readonly type: OnnxElementType;
  readonly shape: readonly number[];
  /** Row-major, little endian; its length is the product of `shape` times the element size. */
  readonly data: Uint8Array;
}

/** A graph input, output or intermediate value. A text in `shape` is a free dimension of that name. */
export interface OnnxValue {
  readonly name: string;
  readonly type: OnnxElementType;
  readonly shape: readonly (number | string)[];
}

export type OnnxAttribute =
  | { readonly kind: 'int'; readonly value: number }
  | { readonly kind: 'ints'; readonly value: readonly number[] }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'floats'; readonly value: readonly number[] }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'strings'; readonly value: readonly string[] }
  | { readonly kind: 'tensor'; readonly value: OnnxTensor }
  | { readonly kind: 'graph'; readonly value: OnnxGraph };

export interface OnnxNode {
  readonly name: string;
  readonly opType: string;
  /** Empty for the standard operators. */
  readonly domain: string;
  /** An empty name is an optional input left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

export interface OnnxGraph {
  readonly name: string;
  /** In an order in which every input is known before it is used. */
  readonly nodes: readonly OnnxNode[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly initializers: readonly OnnxTensor[];
  readonly values?: readonly OnnxValue[];
}

export interface OnnxModel {
  readonly irVersion: number;
  /** Operator set version for each domain; the standard one is `''`. */
  readonly opsets: Readonly<Record<string, number>>;
  readonly producerName: string;
  readonly producerVersion: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly graph: OnnxGraph;
}

/** What `node()` takes: a whole number or list of them is an int, for floats say `float()` or `floats()`. */
export type AttributeInput = number | readonly number[] | string | OnnxAttribute;

/** A model around `graph` with IR version 8 and opset 17, which every ONNX Runtime from 1.12 on reads. */
export function model(graph: OnnxGraph, metadata: Readonly<Record<string, string>> = {}): OnnxModel {
  return { irVersion: 8, opsets: { '': 17 }, producerName: 'sideglance', producerVersion: '', metadata, graph };
}

/** One operator. The node takes the name of its first output, so that errors of the runtime point to it. */
export function node(
  opType: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, AttributeInput>> = {},
): OnnxNode {
  const typed: Record<string, OnnxAttribute> = {};
  for (const [name, value] of Object.entries(attributes)) typed[name] = attributeOf(`${opType}.${name}`, value);
  return { name: outputs[0] ?? '', opType, domain: '', inputs, outputs, attributes: typed };
}

export const float = (value: number): OnnxAttribute => ({ kind: 'float', value });
export const floats = (value: readonly number[]): OnnxAttribute => ({ kind: 'floats', value });

export function value(name: string, type: OnnxElementType, shape: readonly (number | string)[]): OnnxValue {
  return { name, type, shape };
}

/** @throws RangeError when `data` does not fill `shape` exactly. */
export function floatTensor(name: string, shape: readonly number[], data: ArrayLike<number>): OnnxTensor {
  const elements = data instanceof Float32Array ? data : Float32Array.from(data);
  return rawTensor(name, 'float32', shape, bytesOf(elements));
}

/** @throws RangeError when `data` does not fill `shape` exactly or holds anything but whole numbers. */
export function int64Tensor(name: string, shape: readonly number[], data: ArrayLike<number | bigint>): OnnxTensor {
  const elements = data instanceof BigInt64Array ? data : BigInt64Array.from(Array.from(data, (x) => BigInt(x)));
  return rawTensor(name, 'int64', shape, bytesOf(elements));
}

/** A tensor from bytes that are little endian already. @throws RangeError when they do not fill `shape` exactly. */
export function rawTensor(name: string, type: OnnxElementType, shape: readonly number[], data: Uint8Array): OnnxTensor {
  const expected = elementCount(shape) * ELEMENT_TYPES[type].bytes;
  if (data.byteLength !== expected) {
    throw new RangeError(
      `tensor ${name}: ${type} [${shape.join(', ')}] needs ${expected} bytes, ${data.byteLength} were given`,
    );
  }
  return { name, type, shape, data };
}

/** The elements of a float32 tensor, copied. @throws TypeError for any other type. */
export function floatsOf(tensor: OnnxTensor): Float32Array {
  if (tensor.type !== 'float32') throw new TypeError(`tensor ${tensor.name} holds ${tensor.type}, not float32`);
  return new Float32Array(new Uint8Array(tensor.data).buffer);
}

/** The elements of an int64 tensor, copied. @throws TypeError for any other type. */
export function int64sOf(tensor: OnnxTensor): BigInt64Array {
  if (tensor.type !== 'int64') throw new TypeError(`tensor ${tensor.name} holds ${tensor.type}, not int64`);
  return new BigInt64Array(new Uint8Array(tensor.data).buffer);
}

export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function attributeOf(where: string, input: AttributeInput): OnnxAttribute {
  if (typeof input === 'string') return { kind: 'string', value: input };
  if (typeof input === 'number') return { kind: 'int', value: wholeNumber(where, input) };
  if ('kind' in input) return input;
  return { kind: 'ints', value: input.map((x) => wholeNumber(where, x)) };
}

/** A float attribute written as an int is a model that ONNX Runtime refuses later, far from the mistake. */
function wholeNumber(where: string, x: number): number {
  if (!Number.isInteger(x)) throw new TypeError(`${where}: ${x} is not a whole number; wrap it in float() or floats()`);
  return x;
}

/** Typed arrays share the machine's byte order, which is little endian on every platform that Node ≥ 20 runs on here. */
function bytesOf(elements: ArrayBufferView): Uint8Array {
  return new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength);
}
