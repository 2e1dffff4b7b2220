import type { Graph, Value } from '../graph.js';
import { add, clip, convolution, divide, multiply, scalar } from '../operators.js';
import { ringConvolution } from './fixed-forms.js';
import type { ParameterSource } from './parameters.js';
import { countTaps, type Taps, type Validity } from './validity.js';

export interface PartialConvolutionOptions {
  readonly size: number;
  /** Side of the square hole at the kernel's centre: the patch's own neighbourhood, which must not be seen. */
  readonly hole: number;
  readonly dilation: number;
  /** The cells that count. */
  readonly validity: Validity;
}

/**
 * Partial convolution with a centred hole (Liu et al. 2018; design: one pass for all patches):
 * x' = Wᵀ(X⊙M)·sum(1)/sum(M) + b where sum(M) > 0, else 0. M masks the hole, cells outside the image and cells that
 * are not valid. Where it is the same for every image, sum(1)/sum(M) is a constant map.
 * x [N, C, H, W] → [N, out, H, W]; every returned cell is valid.
 */
export function partialConvolution(
  g: Graph,
  x: Value,
  source: ParameterSource,
  name: string,
  out: number,
  { size, hole, dilation, validity }: PartialConvolutionOptions,
): Value {
  const channels = x.shape[1]!;
  const taps = size * size - hole * hole;
  const weight = source.parameter(g, `${name}.weight`, [out, channels, size, size], channels * taps);
  const bias = source.parameter(g, `${name}.bias`, [1, out, 1, 1], 0);
  const known = masked(g, x, validity);
  // Of 3 × 3 taps, four kernels are no faster than one.
  const summed =
    source.frozen && size > 3
      ? ringConvolution(g, known, weight, hole, dilation)
      : convolution(g, known, weight, { pad: (dilation * (size - 1)) / 2, dilation, hole });
  const { ratio, anySeen } = coverage(g, validity, { size, hole, dilation });
  const rescaled = multiply(g, summed, ratio);
  return add(g, rescaled, anySeen ? multiply(g, bias, anySeen) : bias);
}

/** X⊙M */
function masked(g: Graph, x: Value, validity: Validity): Value {
  if ('value' in validity) return multiply(g, x, validity.value);
  const { rows, columns, values } = validity;
  return values.every((value) => value === 1) ? x : multiply(g, x, g.constant([1, 1, rows, columns], values));
}

interface Coverage {
  /** sum(1)/sum(M), or 0 where nothing is seen. */
  readonly ratio: Value;
  /** 1 where anything is seen, else 0; null where everything sees something. */
  readonly anySeen: Value | null;
}

function coverage(g: Graph, validity: Validity, taps: Taps): Coverage {
  const all = taps.size ** 2 - taps.hole ** 2;
  if ('value' in validity) {
    const ones = g.constant([1, 1, taps.size, taps.size], new Float32Array(taps.size ** 2).fill(1));
    const pad = (taps.dilation * (taps.size - 1)) / 2;
    const seen = convolution(g, validity.value, ones, { pad, dilation: taps.dilation, hole: taps.hole });
    // Where nothing is seen, the sum that the ratio is for is 0.
    return { ratio: divide(g, scalar(g, all), clip(g, seen, 1, all)), anySeen: clip(g, seen, 0, 1) };
  }
  const { rows, columns } = validity;
  const seen = countTaps(validity, taps);
  const ratio = g.constant(
    [1, 1, rows, columns],
    seen.map((count) => (count > 0 ? all / count : 0)),
  );
  if (seen.every((count) => count > 0)) return { ratio, anySeen: null };
  const anySeen = g.constant(
    [1, 1, rows, columns],
    seen.map((count) => (count > 0 ? 1 : 0)),
  );
  return { ratio, anySeen };
}
