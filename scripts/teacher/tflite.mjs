// Reads the few tables of a TensorFlow Lite model that the teacher needs. The file is a FlatBuffer; field numbers are
// those of tensorflow/lite/schema/schema.fbs (version 3).

const OPERATOR_NAMES = new Map([
  [0, 'ADD'],
  [3, 'CONV_2D'],
  [4, 'DEPTHWISE_CONV_2D'],
  [6, 'DEQUANTIZE'],
]);
const PADDINGS = ['SAME', 'VALID'];
const ACTIVATIONS = ['NONE', 'RELU', 'RELU_N1_TO_1', 'RELU6'];
const TENSOR_FLOAT32 = 0;
const TENSOR_FLOAT16 = 1;

/**
 * @typedef {object} Tensor
 * @property {string} name
 * @property {number[]} shape NHWC for pictures, OHWI for convolution weights, 1HWC for depthwise weights
 * @property {Float32Array | null} values null where the tensor is computed and not stored
 *
 * @typedef {object} Operator
 * @property {string} type ADD, CONV_2D, DEPTHWISE_CONV_2D, DEQUANTIZE; anything else as `#` and its code
 * @property {number[]} inputs tensor indices
 * @property {number[]} outputs tensor indices
 * @property {{padding: string, stride: number, dilation: number, activation: string}} options
 *
 * @typedef {object} Graph
 * @property {Tensor[]} tensors
 * @property {Operator[]} operators in order of execution
 * @property {number[]} inputs tensor indices
 */

/**
 * The first subgraph of a TensorFlow Lite model.
 * @param {Buffer} bytes the whole file
 * @returns {Graph}
 */
export function readTflite(bytes) {
  if (bytes.toString('latin1', 4, 8) !== 'TFL3') throw new Error('not a TensorFlow Lite file: no TFL3 identifier');
  const table = flatBuffer(bytes);
  const model = table(bytes.readUInt32LE(0));
  const codes = model.tables(1).map((code) => Math.max(code.int8(0), code.int32(3)));
  const graph = model.tables(2)[0];
  const buffers = model.tables(4);
  return {
    tensors: graph.tables(0).map((tensor) => ({
      name: tensor.string(3),
      shape: tensor.int32s(0),
      values: decode(buffers[tensor.uint32(2)].bytes(0), tensor.int8(1)),
    })),
    operators: graph.tables(3).map((operator) => readOperator(operator, codes)),
    inputs: graph.int32s(1),
  };
}

function readOperator(operator, codes) {
  const code = codes[operator.uint32(0)];
  const type = OPERATOR_NAMES.get(code) ?? `#${code}`;
  const options = operator.table(4);
  // Conv2DOptions, DepthwiseConv2DOptions (one field more) and AddOptions
  const activation = { CONV_2D: 3, DEPTHWISE_CONV_2D: 4, ADD: 0 }[type];
  const dilation = { CONV_2D: 5, DEPTHWISE_CONV_2D: 6 }[type];
  const convolution = dilation !== undefined;
  if (convolution && options.int32(1) !== options.int32(2)) throw new Error(`${type} with two different strides`);
  return {
    type,
    inputs: operator.int32s(1),
    outputs: operator.int32s(2),
    options: {
      padding: convolution ? PADDINGS[options.int8(0)] : 'VALID',
      stride: convolution ? options.int32(1) : 1,
      dilation: convolution ? options.int32(dilation, 1) : 1,
      activation: activation === undefined ? 'NONE' : ACTIVATIONS[options.int8(activation)],
    },
  };
}

/** Stored numbers as float32; null for a tensor without data and for types that the teacher does not use. */
function decode(data, type) {
  if (data.length === 0) return null;
  if (type === TENSOR_FLOAT32) return Float32Array.from({ length: data.length / 4 }, (_, i) => data.readFloatLE(4 * i));
  if (type === TENSOR_FLOAT16)
    return Float32Array.from({ length: data.length / 2 }, (_, i) => half(data.readUInt16LE(2 * i)));
  return null;
}

/** IEEE 754 binary16. */
function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** FlatBuffers: a table points back to its vtable, which holds the offset of each field, 0 where the field is absent. */
function flatBuffer(bytes) {
  const at = (position) => position + bytes.readUInt32LE(position);
  const table = (start) => {
    const vtable = start - bytes.readInt32LE(start);
    const field = (number) => {
      const slot = 4 + 2 * number;
      const offset = slot < bytes.readUInt16LE(vtable) ? bytes.readUInt16LE(vtable + slot) : 0;
      return offset === 0 ? null : start + offset;
    };
    const scalar =
      (read) =>
      (number, absent = 0) => {
        const position = field(number);
        return position === null ? absent : read.call(bytes, position);
      };
    const vector = (number) => {
      const position = field(number);
      if (position === null) return { start: 0, length: 0 };
      const start = at(position);
      return { start: start + 4, length: bytes.readUInt32LE(start) };
    };
    const elements = (number, read) => {
      const { start, length } = vector(number);
      return Array.from({ length }, (_, i) => read(start + 4 * i));
    };
    return {
      int8: scalar(bytes.readInt8),
      int32: scalar(bytes.readInt32LE),
      uint32: scalar(bytes.readUInt32LE),
      table: (number) => (field(number) === null ? null : table(at(field(number)))),
      tables: (number) => elements(number, (position) => table(at(position))),
      int32s: (number) => elements(number, (position) => bytes.readInt32LE(position)),
      bytes: (number) => {
        const { start, length } = vector(number);
        return bytes.subarray(start, start + length);
      },
      string: (number) => {
        const { start, length } = vector(number);
        return bytes.toString('utf8', start, start + length);
      },
    };
  };
  return table;
}
