import { ELEMENT_TYPES } from '../onnx/model.js';
import type { Graph, Value } from './graph.js';
import { add, multiply, transpose } from './operators.js';

type PerChannel = readonly [number, number, number];

/** RGB bytes x [N, H, W, 3] → x · scale + offset for each channel, [N, 3, H, W]. */
export function scaledPixels(g: Graph, bytes: Value, scale: PerChannel, offset: PerChannel): Value {
  const real = g.apply('Cast', [bytes], bytes.shape, { attributes: { to: ELEMENT_TYPES.float32.code } });
  const scaled = add(g, multiply(g, real, g.constant([3], scale)), g.constant([3], offset));
  return transpose(g, scaled, [0, 3, 1, 2]);
}

/** RGB bytes [N, H, W, 3] → pixels [N, 3, H, W] in −1…1: what Local-Net and Global-Net take. */
export function pixelsFromBytes(g: Graph, bytes: Value): Value {
  return scaledPixels(g, bytes, [1 / 127.5, 1 / 127.5, 1 / 127.5], [-1, -1, -1]);
}
