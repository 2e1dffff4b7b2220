// The backbone as an ONNX model: NCHW, batch norm folded (it is in the weights), taps as named outputs.
import { floatTensor, model, node, value } from '../../dist/src/onnx/model.js';
import { TAPS } from './backbone.mjs';

/** TensorFlow's SAME padding, for the even sizes that `input_multiple` promises at every layer. */
const SAME_PADS = { 1: [1, 1, 1, 1], 2: [0, 0, 1, 1] };

/** What a user of the file must know; `src/train/teacher/teacher.ts` reads it. */
const METADATA = {
  input_layout: 'NCHW',
  input_channels: 'RGB',
  input_scale: String(1 / 127.5),
  input_offset: '-1',
  input_multiple: '16',
  taps: JSON.stringify(Object.fromEntries(Object.entries(TAPS).map(([name, { stride }]) => [name, stride]))),
  title: 'Open Images detector backbone: MobileNetV2 1.0 up to stride 16',
  license: 'Apache-2.0',
};

/**
 * @param {import('./backbone.mjs').Layer[]} layers
 * @param {string} source where the weights come from, kept in the metadata
 * @returns {import('../../dist/src/onnx/model.js').OnnxModel}
 */
export function teacherModel(layers, source) {
  const tapOf = new Map(Object.entries(TAPS).map(([tap, { tensor }]) => [tensor, tap]));
  const outputOf = (name) => tapOf.get(name) ?? name;
  const graph = {
    name: 'teacher',
    nodes: [],
    inputs: [value('input', 'float32', ['N', 3, 'H', 'W'])],
    outputs: Object.entries(TAPS).map(([name, { stride, channels }]) =>
      value(name, 'float32', ['N', channels, `H/${stride}`, `W/${stride}`]),
    ),
    initializers: [floatTensor('zero', [], [0]), floatTensor('six', [], [6])],
  };
  for (const layer of layers) {
    const inputs = layer.inputs.map(outputOf);
    const output = outputOf(layer.name);
    const linear = layer.relu6 ? `${layer.name}.linear` : output;
    if (layer.kind === 'add') {
      graph.nodes.push(node('Add', inputs, [linear]));
    } else {
      const { kernel, attributes } = convolution(layer);
      const weight = `${layer.name}.weight`;
      const bias = `${layer.name}.bias`;
      graph.initializers.push(floatTensor(weight, kernel.shape, kernel.values));
      graph.initializers.push(floatTensor(bias, layer.bias.shape, layer.bias.values));
      graph.nodes.push(node('Conv', [...inputs, weight, bias], [linear], attributes));
    }
    if (layer.relu6) graph.nodes.push(node('Clip', [linear, 'zero', 'six'], [output]));
  }
  return model(graph, { ...METADATA, source });
}

function convolution({ name, kind, stride, weight }) {
  const [, rows, columns] = weight.shape;
  if (rows !== columns || ![1, 3].includes(rows)) throw new Error(`${name} has a kernel of ${rows}×${columns}`);
  const kernel = kind === 'depthwise' ? depthwiseToOnnx(weight) : toOnnx(weight);
  return {
    kernel,
    attributes: {
      kernel_shape: [rows, columns],
      strides: [stride, stride],
      group: kind === 'depthwise' ? kernel.shape[0] : 1,
      pads: rows === 1 ? [0, 0, 0, 0] : SAME_PADS[stride],
    },
  };
}

/** OHWI → OIHW. */
function toOnnx({ shape: [outs, rows, columns, ins], values }) {
  const result = new Float32Array(values.length);
  let at = 0;
  for (let o = 0; o < outs; o++)
    for (let i = 0; i < ins; i++)
      for (let p = 0; p < rows * columns; p++) result[at++] = values[(o * rows * columns + p) * ins + i];
  return { shape: [outs, ins, rows, columns], values: result };
}

/** 1HWC → C1HW. */
function depthwiseToOnnx({ shape: [, rows, columns, channels], values }) {
  const result = new Float32Array(values.length);
  let at = 0;
  for (let c = 0; c < channels; c++) for (let p = 0; p < rows * columns; p++) result[at++] = values[p * channels + c];
  return { shape: [channels, 1, rows, columns], values: result };
}
