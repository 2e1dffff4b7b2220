/** Boxes that come out of arithmetic may overshoot the frame by rounding, never by more than this. */
export const EDGE_TOLERANCE_PIXELS = 1e-6;

/**
 * Which source pixels make one target pixel, per axis: `count[t]` of them from `start[t]`. The first and the last have
 * weights of their own, those between share `inner`: that is all that area averaging and bilinear weights need, and it
 * turns the inner loop into plain integer sums.
 */
export interface Axis {
  readonly start: Int32Array;
  readonly count: Int32Array;
  readonly first: Float32Array;
  readonly last: Float32Array;
  readonly inner: number;
}

/** The weights of one axis: `from` and `length` of the box on it, `frame` source pixels in all, `size` target pixels. */
export function axisOf(from: number, length: number, frame: number, size: number): Axis {
  const axis = {
    start: new Int32Array(size),
    count: new Int32Array(size),
    first: new Float32Array(size),
    last: new Float32Array(size),
    inner: size / length,
  };
  const begin = Math.max(0, from);
  const end = Math.min(frame, from + length);
  const step = (end - begin) / size;
  if (step >= 1) areaWeights(axis, begin, end, step);
  else bilinearWeights(axis, begin, end, step);
  return axis;
}

function areaWeights(axis: Axis, begin: number, end: number, step: number): void {
  const size = axis.start.length;
  for (let t = 0; t < size; t++) {
    const left = begin + t * step;
    // The last edge is the box's own: accumulated rounding must not reach into the pixel after it.
    const right = t === size - 1 ? end : begin + (t + 1) * step;
    // An edge a rounding error away from a pixel border is on that border.
    const start = Math.floor(left + EDGE_TOLERANCE_PIXELS);
    const stop = Math.max(start + 1, Math.ceil(right - EDGE_TOLERANCE_PIXELS));
    axis.start[t] = start;
    axis.count[t] = stop - start;
    axis.first[t] = stop - start === 1 ? 1 : (start + 1 - left) / step;
    axis.last[t] = stop - start === 1 ? 0 : (right - (stop - 1)) / step;
  }
}

function bilinearWeights(axis: Axis, begin: number, end: number, step: number): void {
  const lowest = Math.floor(begin);
  const highest = Math.ceil(end) - 1;
  for (let t = 0; t < axis.start.length; t++) {
    const centre = Math.min(highest, Math.max(lowest, begin + (t + 0.5) * step - 0.5));
    const start = Math.min(highest, Math.floor(centre));
    const fraction = centre - start;
    axis.start[t] = start;
    axis.count[t] = fraction > 0 ? 2 : 1;
    axis.first[t] = 1 - fraction;
    axis.last[t] = fraction;
  }
}
