import { ELEMENT_TYPES } from '../onnx/model.js';
import type { Graph, Value } from './graph.js';
import { add, multiply, scalar, scale, transpose } from './operators.js';

type PerChannel = readonly [number, number, number];

/** RGB bytes x [N, H, W, 3] → x · scale + offset for each channel, [N, 3, H, W]. */
export function scaledPixels(g: Graph, bytes: Value, scale: PerChannel, offset: PerChannel): Value {
  const scaled = add(g, multiply(g, floats(g, bytes), g.constant([3], scale)), g.constant([3], offset));
  return transpose(g, scaled, [0, 3, 1, 2]);
}

/**
 * RGB bytes [N, H, W, 3] → pixels [N, 3, H, W] in −1…1: what Local-Net and Global-Net take. One factor for all channels: the
 * runtime is twenty times slower with one for each.
 */
export function pixelsFromBytes(g: Graph, bytes: Value): Value {
  return add(g, scale(g, transpose(g, floats(g, bytes), [0, 3, 1, 2]), 1 / 127.5), scalar(g, -1));
}

/** At once, before anything else: TensorRT takes bytes in no other way. */
function floats(g: Graph, bytes: Value): Value {
  return g.apply('Cast', [bytes], bytes.shape, { attributes: { to: ELEMENT_TYPES.float32.code } });
}
