import type { Graph, Value } from '../graph.js';
import { add, concatenate, relu, slice, spaceToDepth, subtract } from '../operators.js';

/** Largest value of each block of 2 × 2 cells (max pooling); a last odd row or column is left out. */
export function largestOfBlocks(g: Graph, x: Value): Value {
  const [, channels, h, w] = x.shape as [number, number, number, number];
  const even = slice(g, slice(g, x, 2, 0, h - (h % 2)), 3, 0, w - (w % 2));
  const blocks = spaceToDepth(g, even, 2);
  const part = (place: number) => slice(g, blocks, 1, place * channels, channels);
  return larger(g, larger(g, part(0), part(1)), larger(g, part(2), part(3)));
}

/** max(a, b) = a + ReLU(b − a), whose gradient is known. */
function larger(g: Graph, a: Value, b: Value): Value {
  return add(g, a, relu(g, subtract(g, b, a)));
}

/** Zero padding of both spatial axes, with different numbers of cells before and after. */
export function padded(g: Graph, x: Value, before: number, after: number): Value {
  return [2, 3].reduce((value, axis) => {
    const zeros = (length: number) => {
      const shape = value.shape.map((side, index) => (index === axis ? length : side));
      return g.constant(shape, new Float32Array(shape.reduce((a, b) => a * b, 1)));
    };
    const parts = [before > 0 ? [zeros(before)] : [], [value], after > 0 ? [zeros(after)] : []].flat();
    return parts.length > 1 ? concatenate(g, parts, axis) : value;
  }, x);
}
