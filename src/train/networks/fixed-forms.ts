import type { Graph, Value } from '../graph.js';
import { add, reshape, slice, transpose, trim } from '../operators.js';

/**
 * Faster forms of convolutions whose weights no longer change: equal but for rounding, without a gradient. The runtime computes what
 * they do to the weights once, when it loads the model. Measured: docs/decisions.md, "Speed".
 */

/**
 * A convolution with a centred hole as four convolutions around it, without the taps of the hole. Each of the four kernels fits
 * into the processor's first cache, which the whole does not.
 *
 * @param x [N, C, H, W]
 * @param weight [O, C, K, K]
 * @returns [N, O, H, W]; cells outside count as zeros
 */
export function ringConvolution(g: Graph, x: Value, weight: Value, hole: number, dilation: number): Value {
  const size = weight.shape[2] as number;
  const side = (size - hole) / 2;
  const rest = size - side;
  const parts: readonly Rectangle[] = [
    { top: 0, left: 0, rows: side, columns: rest },
    { top: 0, left: rest, rows: rest, columns: side },
    { top: rest, left: side, rows: side, columns: rest },
    { top: side, left: 0, rows: rest, columns: side },
  ];
  return parts
    .map((part) => rectangleConvolution(g, x, weight, part, dilation))
    .reduce((sum, part) => add(g, part, sum));
}

/** Taps of a kernel. */
interface Rectangle {
  readonly top: number;
  readonly left: number;
  readonly rows: number;
  readonly columns: number;
}

/** The part of a convolution that comes through a rectangle of its kernel's taps. */
function rectangleConvolution(g: Graph, x: Value, weight: Value, part: Rectangle, dilation: number): Value {
  const [n, , h, w] = x.shape as [number, number, number, number];
  const [out, , size] = weight.shape as [number, number, number];
  const { top, left, rows, columns } = part;
  const reach = (size - 1) / 2;
  const kernel = slice(g, slice(g, weight, 2, top, rows), 3, left, columns);
  // Cells between the map's edge and the outermost tap there: zeros to add, or where negative, cells that no tap meets.
  const before = [top, left].map((first) => dilation * (reach - first));
  const after = [top + rows, left + columns].map((end) => dilation * (end - 1 - reach));
  const spare = (margins: readonly number[]) => margins.map((cells) => Math.max(0, -cells)) as [number, number];
  const isSpare = [...before, ...after].some((cells) => cells < 0);
  const met = isSpare ? trim(g, x, spare(before), spare(after)) : x;
  return g.apply('Conv', [met, kernel], [n, out, h, w], {
    attributes: {
      kernel_shape: [rows, columns],
      pads: [...before, ...after].map((cells) => Math.max(0, cells)),
      dilations: [dilation, dilation],
      strides: [1, 1],
    },
  });
}

/**
 * `spaceToDepth` and a 1 × 1 convolution, as one convolution with a stride.
 *
 * @param x [N, C, H, W]
 * @param weight [O, C·block², 1, 1]
 * @returns [N, O, H / block, W / block]
 */
export function blockConvolution(g: Graph, x: Value, weight: Value, block: number): Value {
  const [n, channels, h, w] = x.shape as [number, number, number, number];
  const out = weight.shape[0] as number;
  const kernel = transpose(g, reshape(g, weight, [out, block, block, channels]), [0, 3, 1, 2]);
  return g.apply('Conv', [x, kernel], [n, out, h / block, w / block], {
    attributes: { kernel_shape: [block, block], strides: [block, block] },
  });
}
