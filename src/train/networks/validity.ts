import type { Graph, Value } from '../graph.js';
import { convolution, relu, scalar, subtract } from '../operators.js';

/**
 * The mask M of a partial convolution, carried along with the features: 1 for cells that count, 0 for masked ones. Either it
 * is known when the graph is built, h × w, or it is a value in the graph, [N, 1, h, w].
 */
export type Validity =
  | { readonly rows: number; readonly columns: number; readonly values: Float32Array }
  | { readonly value: Value };

/** All cells of a grid. */
export function everywhere(rows: number, columns: number): Validity {
  return { rows, columns, values: new Float32Array(rows * columns).fill(1) };
}

/** The cells all of whose 3 × 3 neighbours count; beyond the grid none does. */
export function interior(g: Graph, validity: Validity): Validity {
  if ('value' in validity) {
    const neighbours = convolution(g, validity.value, g.constant([1, 1, 3, 3], new Float32Array(9).fill(1)), {
      pad: 1,
    });
    return { value: relu(g, subtract(g, neighbours, scalar(g, 8))) };
  }
  const { rows, columns, values } = validity;
  const counts = countTaps(validity, { size: 3, hole: 0, dilation: 1 });
  return { rows, columns, values: values.map((_, cell) => (counts[cell] === 9 ? 1 : 0)) };
}

/** 1 for cells that count and have a neighbour that does not, or that lies beyond the grid, else 0; [1 or N, 1, h, w]. */
export function outermost(g: Graph, validity: Validity): Value {
  const inner = interior(g, validity);
  if ('value' in validity && 'value' in inner) return subtract(g, validity.value, inner.value);
  if (!('values' in validity && 'values' in inner)) throw new Error('a mask and its interior are of one form');
  const values = validity.values.map((value, cell) => value - inner.values[cell]!);
  return g.constant([1, 1, validity.rows, validity.columns], values);
}

export interface Taps {
  readonly size: number;
  /** Side of the square of taps at the centre that take no part. */
  readonly hole: number;
  readonly dilation: number;
}

/** sum(M) for every cell: how many taps outside the hole meet a cell that counts. */
export function countTaps(
  { rows, columns, values }: Extract<Validity, { readonly values: Float32Array }>,
  { size, hole, dilation }: Taps,
): Float32Array {
  const reach = (size - 1) / 2;
  const innermost = hole > 0 ? (hole - 1) / 2 : -1;
  return Float32Array.from({ length: rows * columns }, (_, index) => {
    const row = Math.floor(index / columns);
    const column = index % columns;
    let count = 0;
    for (let dy = -reach; dy <= reach; dy += 1) {
      for (let dx = -reach; dx <= reach; dx += 1) {
        if (Math.abs(dy) <= innermost && Math.abs(dx) <= innermost) continue;
        const y = row + dy * dilation;
        const x = column + dx * dilation;
        if (y >= 0 && y < rows && x >= 0 && x < columns) count += values[y * columns + x]!;
      }
    }
    return count;
  });
}
