// A plain, slow evaluation of the backbone straight from the TensorFlow Lite weights, in their own layout (NHWC) and
// with TensorFlow's own padding rule. It shares nothing with the ONNX file but the numbers, so it can judge it.

/** @typedef {{height: number, width: number, channels: number, values: Float64Array}} Picture */

/**
 * @param {import('./backbone.mjs').Layer[]} layers
 * @param {Picture} input normalised as the network wants it
 * @returns {Map<string, Picture>} the output of every layer
 */
export function evaluate(layers, input) {
  const outputs = new Map([['input', input]]);
  for (const layer of layers) {
    const [first, second] = layer.inputs.map((name) => outputs.get(name));
    const result = layer.kind === 'add' ? add(first, second) : convolve(layer, first);
    if (layer.relu6)
      result.values.forEach((v, i) => {
        result.values[i] = Math.min(Math.max(v, 0), 6);
      });
    outputs.set(layer.name, result);
  }
  return outputs;
}

function add(a, b) {
  return { ...a, values: a.values.map((v, i) => v + b.values[i]) };
}

function convolve({ kind, stride, weight, bias }, { height, width, channels, values }) {
  const [, rows, columns] = weight.shape;
  const vertical = samePadding(height, rows, stride);
  const horizontal = samePadding(width, columns, stride);
  const outChannels = bias.values.length;
  const result = new Float64Array(vertical.out * horizontal.out * outChannels);
  for (let y = 0; y < vertical.out; y++) {
    for (let x = 0; x < horizontal.out; x++) {
      for (let o = 0; o < outChannels; o++) {
        let sum = bias.values[o];
        for (let r = 0; r < rows; r++) {
          const inY = y * stride + r - vertical.before;
          if (inY < 0 || inY >= height) continue;
          for (let c = 0; c < columns; c++) {
            const inX = x * stride + c - horizontal.before;
            if (inX < 0 || inX >= width) continue;
            const pixel = (inY * width + inX) * channels;
            if (kind === 'depthwise') {
              sum += values[pixel + o] * weight.values[(r * columns + c) * channels + o];
            } else {
              const kernel = ((o * rows + r) * columns + c) * channels;
              for (let i = 0; i < channels; i++) sum += values[pixel + i] * weight.values[kernel + i];
            }
          }
        }
        result[(y * horizontal.out + x) * outChannels + o] = sum;
      }
    }
  }
  return { height: vertical.out, width: horizontal.out, channels: outChannels, values: result };
}

/** TensorFlow's SAME: as many outputs as the stride allows, the odd row of padding at the far side. */
function samePadding(size, kernel, stride) {
  const out = Math.ceil(size / stride);
  return { out, before: Math.floor(Math.max((out - 1) * stride + kernel - size, 0) / 2) };
}
