// The backbone of the detector as a list of layers, cut after the last feature tap, under readable names.

/**
 * Feature taps by the tensor they name. `x` taps are the expansion (post-ReLU6) that reads the tap before it.
 * s16a is the last 64-channel block at stride 16, s16 the last of 96 channels.
 */
export const TAPS = {
  s2: { tensor: 'expanded_conv.project', stride: 2, channels: 16 },
  s4: { tensor: 'expanded_conv_2.add', stride: 4, channels: 24 },
  s4x: { tensor: 'expanded_conv_3.expand', stride: 4, channels: 144 },
  s8: { tensor: 'expanded_conv_5.add', stride: 8, channels: 32 },
  s8x: { tensor: 'expanded_conv_6.expand', stride: 8, channels: 192 },
  s16a: { tensor: 'expanded_conv_9.add', stride: 16, channels: 64 },
  s16: { tensor: 'expanded_conv_12.add', stride: 16, channels: 96 },
  s16x: { tensor: 'expanded_conv_13.expand', stride: 16, channels: 576 },
};

/** @typedef {{shape: number[], values: Float32Array}} Weights */
/**
 * @typedef {object} Layer
 * @property {'conv' | 'depthwise' | 'add'} kind
 * @property {string} name its output
 * @property {string[]} inputs names of layers, or `input`
 * @property {number} stride
 * @property {boolean} relu6
 * @property {Weights} [weight] conv: OHWI; depthwise: 1HWC
 * @property {Weights} [bias]
 */

/**
 * @param {import('./tflite.mjs').Graph} graph
 * @returns {Layer[]} in order of execution, every tap among them
 */
export function backboneOf({ tensors, operators, inputs }) {
  const layers = [];
  const nameOf = new Map([[inputs[0], 'input']]);
  const stored = new Map();
  const weights = (index) => {
    const source = stored.get(index) ?? index;
    return { shape: tensors[index].shape, values: tensors[source].values };
  };
  for (const { type, inputs: from, outputs, options } of operators) {
    const [to] = outputs;
    if (type === 'DEQUANTIZE') {
      stored.set(to, from[0]); // fp16 weights widened to fp32: the values are the same numbers
      continue;
    }
    const kind = { CONV_2D: 'conv', DEPTHWISE_CONV_2D: 'depthwise', ADD: 'add' }[type];
    if (kind === undefined) throw new Error(`operator ${type} stands before the last tap`);
    if (options.padding !== 'SAME' && kind !== 'add') throw new Error(`${type} without SAME padding`);
    if (options.dilation !== 1) throw new Error(`${type} with dilation`);
    if (!['NONE', 'RELU6'].includes(options.activation)) throw new Error(`${type} with ${options.activation}`);
    const name = readableName(tensors[to].name);
    nameOf.set(to, name);
    const layer = { kind, name, stride: options.stride, relu6: options.activation === 'RELU6' };
    layers.push(
      kind === 'add'
        ? { ...layer, inputs: from.map((index) => nameOf.get(index)) }
        : { ...layer, inputs: [nameOf.get(from[0])], weight: weights(from[1]), bias: weights(from[2]) },
    );
    if (name === TAPS.s16x.tensor) return checked(layers);
  }
  throw new Error(`the model has no layer ${TAPS.s16x.tensor}`);
}

/** `FeatureExtractor/MobilenetV2/expanded_conv_3/expand/Relu6;…` → `expanded_conv_3.expand`. */
function readableName(name) {
  const found =
    /^FeatureExtractor\/MobilenetV2\/(Conv|expanded_conv(?:_\d+)?)(?:\/(expand|depthwise|project|add))?/.exec(name);
  if (found === null) throw new Error(`a layer of another kind: ${name}`);
  return found[2] === undefined ? found[1] : `${found[1]}.${found[2]}`;
}

function checked(layers) {
  const names = new Set(['input']);
  for (const { name, inputs } of layers) {
    if (names.has(name)) throw new Error(`two layers are called ${name}`);
    for (const input of inputs) if (!names.has(input)) throw new Error(`${name} reads ${input}, which is not there`);
    names.add(name);
  }
  for (const { tensor } of Object.values(TAPS)) if (!names.has(tensor)) throw new Error(`no layer ${tensor}`);
  return layers;
}
