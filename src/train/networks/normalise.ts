import { ELEMENT_TYPES } from '../../onnx/model.js';
import type { Graph, Value } from '../graph.js';
import { convolution, matmul, subtract, transpose } from '../operators.js';
import type { PositionNorm } from '../position.js';

/**
 * Z_l as every later network works with it: A·W·(Z_l − mean), [N, C, h, w]. The matrices of the positions are stored as
 * 16-bit floats: they are the largest part of a model.
 *
 * @param raw Z_l as Local-Net gives it, [N, C, h, w]
 */
export function normalisedFeature(g: Graph, raw: Value, norm: PositionNorm): Value {
  const [n, channels, rows, columns] = raw.shape as [number, number, number, number];
  const cells = rows * columns;
  const centred = subtract(g, raw, g.constant([1, channels, rows, columns], norm.mean));
  const whitened = convolution(g, centred, g.constant([channels, channels, 1, 1], norm.whitening));
  if (!norm.factors) return whitened;
  const shape = [1, cells, channels, channels];
  const halves = g.halves(shape, norm.factors);
  const factors = g.apply('Cast', [halves], shape, { attributes: { to: ELEMENT_TYPES.float32.code } });
  const vectors = rearranged(g, transpose(g, whitened, [0, 2, 3, 1]), [n, cells, channels, 1]);
  const turned = rearranged(g, matmul(g, factors, vectors), [n, rows, columns, channels]);
  return transpose(g, turned, [0, 3, 1, 2]);
}

/** Reshapes everything but the first axis, whose length stays free in the file. */
function rearranged(g: Graph, x: Value, shape: readonly number[]): Value {
  return g.apply('Reshape', [x, g.integers([0, ...shape.slice(1)])], shape);
}
