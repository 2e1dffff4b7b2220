/** Of the template's pixels that count, one entry for each. */
export interface TemplatePixels {
  /** Place relative to the template's centre. */
  readonly x: Float32Array;
  readonly y: Float32Array;
  readonly weight: Float32Array;
  /** Without its mean. */
  readonly template: Float32Array;
  /** Steepest descent images, weighted. */
  readonly byTurn: Float32Array;
  readonly byX: Float32Array;
  readonly byY: Float32Array;
}

/** How many sums {@link look} fills. */
export const SUMS = 6;

/**
 * The innermost loop of locating: fills `sums` with the region's values, plain, squared, times the template, and times each steepest
 * descent image. A function of its own that sees nothing but numbers and arrays, so that it stays compiled.
 */
export function look(
  values: Float32Array,
  width: number,
  height: number,
  { x: xs, y: ys, weight: weights, template, byTurn: turns, byX: acrosses, byY: downs }: TemplatePixels,
  cosine: number,
  sine: number,
  centreX: number,
  centreY: number,
  sums: Float64Array,
): void {
  const [right, bottom] = [width - 1, height - 1];
  let value = 0;
  let square = 0;
  let product = 0;
  let byTurn = 0;
  let byX = 0;
  let byY = 0;
  for (let i = 0; i < xs.length; i++) {
    const dx = xs[i]!;
    const dy = ys[i]!;
    const fromX = centreX + cosine * dx - sine * dy - 0.5;
    const fromY = centreY + sine * dx + cosine * dy - 0.5;
    // Outside there is nothing to compare: 0, the mean of a relief, so that leaving the region is no gain.
    if (!(fromX >= 0 && fromY >= 0 && fromX < right && fromY < bottom)) continue;
    const left = fromX | 0;
    const top = fromY | 0;
    const across = fromX - left;
    const at = top * width + left;
    const upper = values[at]! + across * (values[at + 1]! - values[at]!);
    const lower = values[at + width]! + across * (values[at + width + 1]! - values[at + width]!);
    const seen = upper + (fromY - top) * (lower - upper);
    const weighted = weights[i]! * seen;
    value += weighted;
    square += weighted * seen;
    product += weighted * template[i]!;
    byTurn += turns[i]! * seen;
    byX += acrosses[i]! * seen;
    byY += downs[i]! * seen;
  }
  sums[0] = value;
  sums[1] = square;
  sums[2] = product;
  sums[3] = byTurn;
  sums[4] = byX;
  sums[5] = byY;
}
