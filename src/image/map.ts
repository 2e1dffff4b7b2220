import type { AnomalyMap } from '../types.js';

export interface UpsampleOptions {
  /** Standard deviation of a Gaussian over the map, in pixels of the model's input. None by default. */
  readonly smoothing?: number;
  /** An array of at least width × height values to fill instead of a new one. */
  readonly into?: Float32Array;
}

/**
 * Brings an anomaly map to `width` × `height` pixels of the region that it covers: bilinear between the centres of the
 * cells, clamped outside the outermost centres. Pixel (x, y) is at index y × width + x.
 */
export function upsampleMap(
  map: AnomalyMap,
  width: number,
  height: number,
  options: UpsampleOptions = {},
): Float32Array {
  const { rows, columns } = map;
  const pixels = options.into ?? new Float32Array(width * height);
  const grid = options.smoothing === undefined ? map.values : smoothMap(map, options.smoothing);
  const across = tapsOf(width, map.inputWidth / (width * map.cell), columns);
  const down = tapsOf(height, map.inputHeight / (height * map.cell), rows);
  const line = new Float32Array(columns);
  for (let y = 0, out = 0; y < height; y++) {
    const upper = down.low[y]! * columns;
    const lower = down.high[y]! * columns;
    const weight = down.weight[y]!;
    for (let c = 0; c < columns; c++) line[c] = grid[upper + c]! * (1 - weight) + grid[lower + c]! * weight;
    for (let x = 0; x < width; x++, out++) {
      const left = line[across.low[x]!]!;
      pixels[out] = left + (line[across.high[x]!]! - left) * across.weight[x]!;
    }
  }
  return pixels;
}

interface Taps {
  readonly low: Int32Array;
  readonly high: Int32Array;
  readonly weight: Float32Array;
}

function tapsOf(size: number, cellsPerPixel: number, cells: number): Taps {
  const taps = { low: new Int32Array(size), high: new Int32Array(size), weight: new Float32Array(size) };
  for (let i = 0; i < size; i++) {
    const at = Math.min(cells - 1, Math.max(0, (i + 0.5) * cellsPerPixel - 0.5));
    const low = Math.floor(at);
    taps.low[i] = low;
    taps.high[i] = Math.min(cells - 1, low + 1);
    taps.weight[i] = at - low;
  }
  return taps;
}

/**
 * The same map with at most `maxSide` rows and columns: each cell is the highest of the k × k cells that it stands for,
 * so that no peak is lost, and not a number where one of them is none.
 */
export function reduceMap(map: AnomalyMap, maxSide: number): AnomalyMap {
  const { rows, columns, values } = map;
  const factor = Math.ceil(Math.max(rows, columns) / maxSide);
  if (factor <= 1) return map;
  const coarse = { rows: Math.ceil(rows / factor), columns: Math.ceil(columns / factor), cell: map.cell * factor };
  const highest = new Float32Array(coarse.rows * coarse.columns).fill(Number.NEGATIVE_INFINITY);
  for (let r = 0, i = 0; r < rows; r++) {
    const row = Math.floor(r / factor) * coarse.columns;
    for (let c = 0; c < columns; c++, i++) {
      const at = row + Math.floor(c / factor);
      // Math.max answers NaN where either is.
      highest[at] = Math.max(highest[at]!, values[i]!);
    }
  }
  return { ...map, ...coarse, values: highest };
}

/** The map's values after a Gaussian of `sigma` input pixels; at the edges the kernel is cut and normalised again. */
export function smoothMap(map: Pick<AnomalyMap, 'rows' | 'columns' | 'cell' | 'values'>, sigma: number): Float32Array {
  const cells = sigma / map.cell;
  if (!(cells > 0)) return map.values;
  const reach = Math.ceil(cells * 4);
  const kernel = Float64Array.from({ length: reach + 1 }, (_, i) => Math.exp(-0.5 * (i / cells) ** 2));
  const { rows, columns } = map;
  const across = smoothLines(map.values, rows, columns, columns, 1, kernel);
  return smoothLines(across, columns, rows, 1, columns, kernel);
}

function smoothLines(
  values: Float32Array,
  lines: number,
  length: number,
  lineStep: number,
  step: number,
  kernel: Float64Array,
): Float32Array {
  const smooth = new Float32Array(values.length);
  const reach = kernel.length - 1;
  for (let line = 0; line < lines; line++) {
    for (let i = 0; i < length; i++) {
      let sum = 0;
      let weights = 0;
      for (let j = Math.max(0, i - reach); j <= Math.min(length - 1, i + reach); j++) {
        const weight = kernel[Math.abs(j - i)]!;
        sum += weight * values[line * lineStep + j * step]!;
        weights += weight;
      }
      smooth[line * lineStep + i * step] = sum / weights;
    }
  }
  return smooth;
}
