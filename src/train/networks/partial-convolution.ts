import type { Graph, Value } from '../graph.js';
import { add, convolution, multiply } from '../operators.js';
import { ringConvolution } from './fixed-forms.js';
import type { ParameterSource } from './parameters.js';

export interface PartialConvolutionOptions {
  readonly size: number;
  /** Side of the square hole at the kernel's centre: the patch's own neighbourhood, which must not be seen. */
  readonly hole: number;
  readonly dilation?: number;
  /** 1 for cells that count, 0 for masked ones, H × W; all cells inside the image when left out. */
  readonly validity?: Float32Array;
}

/**
 * Partial convolution with a centred hole (Liu et al. 2018; design: one pass for all patches):
 * x' = Wᵀ(X⊙M)·sum(1)/sum(M) + b where sum(M) > 0, else 0. M masks the hole, cells outside the image and cells that
 * are not valid, so it is the same for every image of one size and sum(1)/sum(M) is a constant map.
 * x [N, C, H, W] → [N, out, H, W]; every returned cell is valid.
 */
export function partialConvolution(
  g: Graph,
  x: Value,
  source: ParameterSource,
  name: string,
  out: number,
  options: PartialConvolutionOptions,
): Value {
  const { size, hole, dilation = 1 } = options;
  const [, channels, rows, columns] = x.shape as [number, number, number, number];
  const validity = options.validity ?? new Float32Array(rows * columns).fill(1);
  const masked = options.validity ? multiply(g, x, g.constant([1, 1, rows, columns], validity)) : x;
  const taps = size * size - hole * hole;
  const weight = source.parameter(g, `${name}.weight`, [out, channels, size, size], channels * taps);
  const bias = source.parameter(g, `${name}.bias`, [1, out, 1, 1], 0);
  // Of 3 × 3 taps, four kernels are no faster than one.
  const summed =
    source.frozen && size > 3
      ? ringConvolution(g, masked, weight, hole, dilation)
      : convolution(g, masked, weight, { pad: (dilation * (size - 1)) / 2, dilation, hole });
  const seen = validTaps(validity, rows, columns, size, hole, dilation);
  const ratio = g.constant(
    [1, 1, rows, columns],
    seen.map((count) => (count > 0 ? taps / count : 0)),
  );
  const rescaled = multiply(g, summed, ratio);
  if (seen.every((count) => count > 0)) return add(g, rescaled, bias);
  const anySeen = g.constant(
    [1, 1, rows, columns],
    seen.map((count) => (count > 0 ? 1 : 0)),
  );
  return add(g, rescaled, multiply(g, bias, anySeen));
}

/** sum(M) for every cell: how many taps outside the hole meet a valid cell inside the image. */
export function validTaps(
  validity: Float32Array,
  rows: number,
  columns: number,
  size: number,
  hole: number,
  dilation: number,
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
        if (y >= 0 && y < rows && x >= 0 && x < columns) count += validity[y * columns + x] as number;
      }
    }
    return count;
  });
}
