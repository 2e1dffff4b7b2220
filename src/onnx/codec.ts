import { reasonOf, SideglanceError } from '../errors.js';
import {
  ELEMENT_TYPES,
  elementCount,
  type OnnxAttribute,
  type OnnxElementType,
  type OnnxGraph,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
  type OnnxValue,
} from './model.js';
import {
  AttributeKind,
  DATA_IN_ANOTHER_FILE,
  ModelProto,
  type WireAttribute,
  type WireGraph,
  type WireModel,
  type WireNode,
  type WireTensor,
  type WireValue,
} from './schema.js';

/** The bytes of an `.onnx` file. Large tensors are copied once. */
export function encodeModel(model: OnnxModel): Uint8Array {
  const wire: WireModel = {
    irVersion: model.irVersion,
    producerName: model.producerName,
    producerVersion: model.producerVersion,
    graph: wireGraph(model.graph),
    opsetImport: Object.entries(model.opsets).map(([domain, version]) => ({ domain, version })),
    metadataProps: Object.entries(model.metadata).map(([key, value]) => ({ key, value })),
  };
  return ModelProto.encode(wire).finish();
}

/**
 * Reads an `.onnx` file. Tensor data are views into `bytes` where the file holds them raw.
 *
 * @param name what to call the file in errors
 * @throws SideglanceError `SG_MODEL_UNREADABLE` for bytes that are truncated, no ONNX model, or use what is not
 * supported here (tensors in other files, sequences, strings).
 */
export function decodeModel(bytes: Uint8Array, name = 'the ONNX model'): OnnxModel {
  try {
    const wire = parse(bytes);
    if (!wire.irVersion || !wire.graph || !wire.opsetImport?.length) {
      throw new Error('it has no graph or names no operator set');
    }
    return {
      irVersion: wire.irVersion,
      opsets: Object.fromEntries(wire.opsetImport.map((set) => [set.domain ?? '', set.version ?? 0])),
      producerName: wire.producerName ?? '',
      producerVersion: wire.producerVersion ?? '',
      metadata: Object.fromEntries((wire.metadataProps ?? []).map((entry) => [entry.key ?? '', entry.value ?? ''])),
      graph: readGraph(wire.graph),
    };
  } catch (cause) {
    throw new SideglanceError(
      'SG_MODEL_UNREADABLE',
      `${name} (${bytes.byteLength} bytes) is truncated or no ONNX model: ${reasonOf(cause)}. Copy or export it again.`,
      { cause },
    );
  }
}

function parse(bytes: Uint8Array): WireModel {
  // A Buffer makes protobufjs cut byte fields out without copying them.
  const message = ModelProto.decode(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  const plain = ModelProto.toObject(message, { longs: Number });
  // Data of int64 tensors may exceed what a double holds; they are read again as text, only where a file has them.
  if (!hasTypedInt64(plain)) return plain;
  return withExactInt64(plain, ModelProto.toObject(message, { longs: String }));
}

function hasTypedInt64(model: WireModel): boolean {
  return (model.graph?.initializer ?? []).some((tensor) => tensor.int64Data?.length);
}

function withExactInt64(model: WireModel, texts: WireModel): WireModel {
  const initializer = (model.graph?.initializer ?? []).map((tensor, index): WireTensor => {
    const exact = texts.graph?.initializer?.[index]?.int64Data;
    return exact ? { ...tensor, int64Data: exact } : tensor;
  });
  return { ...model, graph: { ...model.graph, initializer } };
}

function wireGraph(graph: OnnxGraph): WireGraph {
  return {
    name: graph.name,
    node: graph.nodes.map(wireNode),
    initializer: graph.initializers.map(wireTensor),
    input: graph.inputs.map(wireValue),
    output: graph.outputs.map(wireValue),
    valueInfo: (graph.values ?? []).map(wireValue),
  };
}

function readGraph(wire: WireGraph): OnnxGraph {
  return {
    name: wire.name ?? '',
    nodes: (wire.node ?? []).map(readNode),
    initializers: (wire.initializer ?? []).map(readTensor),
    inputs: (wire.input ?? []).map(readValue),
    outputs: (wire.output ?? []).map(readValue),
    values: (wire.valueInfo ?? []).map(readValue),
  };
}

function wireNode(node: OnnxNode): WireNode {
  return {
    name: node.name,
    opType: node.opType,
    domain: node.domain,
    input: [...node.inputs],
    output: [...node.outputs],
    attribute: Object.entries(node.attributes).map(([name, attribute]) => wireAttribute(name, attribute)),
  };
}

function readNode(wire: WireNode): OnnxNode {
  if (!wire.opType) throw new Error(`node ${wire.name ?? ''} names no operator`);
  return {
    name: wire.name ?? '',
    opType: wire.opType,
    domain: wire.domain ?? '',
    inputs: wire.input ?? [],
    outputs: wire.output ?? [],
    attributes: Object.fromEntries((wire.attribute ?? []).map((each) => [each.name ?? '', readAttribute(each)])),
  };
}

function wireAttribute(name: string, attribute: OnnxAttribute): WireAttribute {
  const head = { name, type: AttributeKind[attribute.kind] };
  switch (attribute.kind) {
    case 'int':
      return { ...head, i: attribute.value };
    case 'ints':
      return { ...head, ints: [...attribute.value] };
    case 'float':
      return { ...head, f: attribute.value };
    case 'floats':
      return { ...head, floats: [...attribute.value] };
    case 'string':
      return { ...head, s: Buffer.from(attribute.value) };
    case 'strings':
      return { ...head, strings: attribute.value.map((text) => Buffer.from(text)) };
    case 'tensor':
      return { ...head, t: wireTensor(attribute.value) };
    case 'graph':
      return { ...head, g: wireGraph(attribute.value) };
  }
}

function readAttribute(wire: WireAttribute): OnnxAttribute {
  switch (wire.type) {
    case AttributeKind.int:
      return { kind: 'int', value: wire.i ?? 0 };
    case AttributeKind.ints:
      return { kind: 'ints', value: wire.ints ?? [] };
    case AttributeKind.float:
      return { kind: 'float', value: wire.f ?? 0 };
    case AttributeKind.floats:
      return { kind: 'floats', value: wire.floats ?? [] };
    case AttributeKind.string:
      return { kind: 'string', value: text(wire.s) };
    case AttributeKind.strings:
      return { kind: 'strings', value: (wire.strings ?? []).map(text) };
    case AttributeKind.tensor:
      return { kind: 'tensor', value: readTensor(wire.t ?? {}) };
    case AttributeKind.graph:
      return { kind: 'graph', value: readGraph(wire.g ?? {}) };
    default:
      throw new Error(`attribute ${wire.name ?? ''} has the unsupported type ${wire.type ?? 0}`);
  }
}

function wireTensor(tensor: OnnxTensor): WireTensor {
  return {
    name: tensor.name,
    dataType: ELEMENT_TYPES[tensor.type].code,
    dims: [...tensor.shape],
    rawData: tensor.data,
  };
}

function readTensor(wire: WireTensor): OnnxTensor {
  const name = wire.name ?? '';
  if (wire.dataLocation === DATA_IN_ANOTHER_FILE) throw new Error(`tensor ${name} is kept in another file`);
  const type = elementType(wire.dataType, `tensor ${name}`);
  const shape = wire.dims ?? [];
  const data = wire.rawData?.length ? wire.rawData : typedData(wire, type);
  const expected = elementCount(shape) * ELEMENT_TYPES[type].bytes;
  if (data.byteLength !== expected) {
    throw new Error(`tensor ${name} ([${shape.join(', ')}] ${type}) holds ${data.byteLength} of ${expected} bytes`);
  }
  return { name, type, shape, data };
}

/** Elements from the typed fields of `TensorProto`, which other exporters write instead of raw data. */
function typedData(wire: WireTensor, type: OnnxElementType): Uint8Array {
  const int32s = wire.int32Data ?? [];
  switch (type) {
    case 'float32':
      return bytesOf(Float32Array.from(wire.floatData ?? []));
    case 'float64':
      return bytesOf(Float64Array.from(wire.doubleData ?? []));
    case 'int64':
      return bytesOf(BigInt64Array.from((wire.int64Data ?? []).map((x) => BigInt(x))));
    case 'int32':
      return bytesOf(Int32Array.from(int32s));
    case 'int16':
      return bytesOf(Int16Array.from(int32s));
    case 'uint16':
    case 'float16':
      return bytesOf(Uint16Array.from(int32s));
    case 'int8':
      return bytesOf(Int8Array.from(int32s));
    case 'uint8':
    case 'bool':
      return Uint8Array.from(int32s);
    case 'uint32':
    case 'uint64':
      return new Uint8Array(0);
  }
}

function wireValue(value: OnnxValue): WireValue {
  const dim = value.shape.map((size) => (typeof size === 'number' ? { dimValue: size } : { dimParam: size }));
  return { name: value.name, type: { tensorType: { elemType: ELEMENT_TYPES[value.type].code, shape: { dim } } } };
}

function readValue(wire: WireValue): OnnxValue {
  const name = wire.name ?? '';
  const tensor = wire.type?.tensorType;
  if (!tensor) throw new Error(`value ${name} is not a tensor`);
  const dims = tensor.shape?.dim ?? [];
  return {
    name,
    type: elementType(tensor.elemType, `value ${name}`),
    shape: dims.map((dim) => dim.dimValue ?? dim.dimParam ?? ''),
  };
}

function elementType(code: number | undefined, where: string): OnnxElementType {
  for (const [type, facts] of Object.entries(ELEMENT_TYPES)) {
    if (facts.code === code) return type as OnnxElementType; // the keys of ELEMENT_TYPES are exactly this type
  }
  throw new Error(`${where} has the unsupported element type ${code ?? 0}`);
}

function text(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString('utf8');
}

function bytesOf(elements: ArrayBufferView): Uint8Array {
  return new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength);
}
