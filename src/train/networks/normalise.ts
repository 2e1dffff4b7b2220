import { ELEMENT_TYPES } from '../../onnx/model.js';
import type { Graph, Value } from '../graph.js';
import { convolution, matmul, reshape, subtract, transpose } from '../operators.js';
import type { PositionNorm } from '../position/norm.js';

/**
 * Z_l as every later network works with it: A·W·(Z_l − mean), [N, C, h, w]. The matrices A of the positions are the
 * largest part of a model: the file holds their lower triangles as 16-bit floats, which the runtime unfolds at load.
 *
 * @param raw Z_l as Local-Net gives it, [N, C, h, w]
 */
export function normalisedFeature(g: Graph, raw: Value, norm: PositionNorm): Value {
  const [n, channels, rows, columns] = raw.shape as [number, number, number, number];
  const cells = rows * columns;
  const perPosition = norm.mean.length > channels;
  const mean = g.constant(perPosition ? [1, channels, rows, columns] : [1, channels, 1, 1], norm.mean);
  const centred = subtract(g, raw, mean);
  const whitened = convolution(g, centred, g.constant([channels, channels, 1, 1], norm.whitening));
  if (!norm.factors) return whitened;
  const triangles = lowerTriangles(norm.factors, cells, channels);
  const halves = g.halves([cells, triangles.length / cells], triangles);
  const floats = g.apply('Cast', [halves], halves.shape, { attributes: { to: ELEMENT_TYPES.float32.code } });
  const unfolded = g.apply('Gather', [floats, g.integers(unfolding(channels))], [cells, channels ** 2], {
    attributes: { axis: 1 },
  });
  const factors = reshape(g, unfolded, [1, cells, channels, channels]);
  // Row vectors: the matrices are symmetric, and the runtime has a faster product for rows.
  const vectors = rearranged(g, transpose(g, whitened, [0, 2, 3, 1]), [n, cells, 1, channels]);
  const turned = rearranged(g, matmul(g, vectors, factors), [n, rows, columns, channels]);
  return transpose(g, turned, [0, 3, 1, 2]);
}

/** Reshapes everything but the first axis, whose length stays free in the file. */
function rearranged(g: Graph, x: Value, shape: readonly number[]): Value {
  return g.apply('Reshape', [x, g.integers([0, ...shape.slice(1)])], shape);
}

/** Of each symmetric n × n matrix the rows of its lower triangle, one after the other. */
function lowerTriangles(matrices: Float32Array, count: number, n: number): Float32Array {
  const triangles = new Float32Array((count * n * (n + 1)) / 2);
  let at = 0;
  for (let matrix = 0; matrix < count; matrix += 1) {
    for (let row = 0; row < n; row += 1) {
      const start = (matrix * n + row) * n;
      triangles.set(matrices.subarray(start, start + row + 1), at);
      at += row + 1;
    }
  }
  return triangles;
}

/** For each element of a symmetric n × n matrix, its place in the lower triangle. */
function unfolding(n: number): number[] {
  return Array.from({ length: n * n }, (_, index) => {
    const [a, b] = [Math.floor(index / n), index % n];
    const [row, column] = [Math.max(a, b), Math.min(a, b)];
    return (row * (row + 1)) / 2 + column;
  });
}
