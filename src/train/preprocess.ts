import { ELEMENT_TYPES } from '../onnx/model.js';
import type { Graph, Value } from './graph.js';
import { add, multiply, scalar, transpose } from './operators.js';

/** RGB bytes [N, H, W, 3] → pixels [N, 3, H, W] in −1…1: x / 127.5 − 1, as the teacher was trained. */
export function pixelsFromBytes(g: Graph, bytes: Value): Value {
  const real = g.apply('Cast', [bytes], bytes.shape, { attributes: { to: ELEMENT_TYPES.float32.code } });
  const scaled = add(g, multiply(g, real, scalar(g, 1 / 127.5)), scalar(g, -1));
  return transpose(g, scaled, [0, 3, 1, 2]);
}
