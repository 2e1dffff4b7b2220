import { connectedComponents } from './components.js';

/**
 * Metrics over pixels in bounded memory, whatever the number of images: pixels are counted in 2²² bins that follow the
 * order of float32 values. A bin spans a relative width of 2⁻¹³ (0.012 %) of the score, at any magnitude; scores in one
 * bin count as ties. How much that can move the pixel AUROC is measured, not assumed: see `pixelAurocError`.
 */
const BIN_BITS = 22;
const BINS = 2 ** BIN_BITS;
const BIN_SHIFT = 32 - BIN_BITS;
const MINUS_ZERO = 0x80000000;

/** The pixels of a set of images, by score. Takes 16 MiB for good images, 64 MiB once there are defective ones. */
export class PixelTally {
  readonly normal = new Uint32Array(BINS);
  #defective: Uint32Array | null = null;
  #overlap: Float64Array | null = null;
  /** Connected regions of the ground truth so far. */
  components = 0;

  /** Defective pixels a bin; null before the first. */
  get defective(): Uint32Array | null {
    return this.#defective;
  }

  /** Per bin the sum of 1 / area of its component over the defective pixels: adds up to the sum of overlaps. */
  get overlap(): Float64Array | null {
    return this.#overlap;
  }

  /**
   * Adds an image.
   * @param scores width × height finite scores.
   * @param mask 1 where a pixel is defective; null where none is.
   */
  add(scores: Float32Array, mask: Uint8Array | null, width: number, height: number): void {
    const pixels = width * height;
    const bits = new Uint32Array(scores.buffer, scores.byteOffset, pixels);
    if (mask === null) {
      for (let i = 0; i < pixels; i++) this.normal[binOf(bits[i]!)]!++;
      return;
    }
    const { labels, areas } = connectedComponents(mask, width, height);
    this.components += areas.length;
    this.#defective ??= new Uint32Array(BINS);
    this.#overlap ??= new Float64Array(BINS);
    for (let i = 0; i < pixels; i++) {
      const bin = binOf(bits[i]!);
      const label = labels[i]!;
      if (label === 0) {
        this.normal[bin]!++;
      } else {
        this.#defective[bin]!++;
        this.#overlap[bin]! += 1 / areas[label - 1]!;
      }
    }
  }

  addAll(other: PixelTally): void {
    this.components += other.components;
    for (let bin = 0; bin < BINS; bin++) this.normal[bin]! += other.normal[bin]!;
    if (other.defective === null || other.overlap === null) return;
    this.#defective ??= new Uint32Array(BINS);
    this.#overlap ??= new Float64Array(BINS);
    for (let bin = 0; bin < BINS; bin++) {
      this.#defective[bin]! += other.defective[bin]!;
      this.#overlap[bin]! += other.overlap[bin]!;
    }
  }

  clear(): void {
    this.components = 0;
    this.normal.fill(0);
    this.#defective?.fill(0);
    this.#overlap?.fill(0);
  }
}

function binOf(bits: number): number {
  return orderOf(bits) >>> BIN_SHIFT;
}

/** Turns the bits of a float32 into 32 bits that are ordered as the values are, negative ones included. */
export function orderOf(bits: number): number {
  return bits === MINUS_ZERO ? MINUS_ZERO : (((bits >> 31) | 0x80000000) ^ bits) >>> 0;
}

export interface PixelMetrics {
  /** Area under the ROC curve over pixels; null where there are no normal or no defective pixels. */
  readonly pixelAuroc: number | null;
  /** The most that `pixelAuroc` can be off because scores in one bin count as ties. */
  readonly pixelAurocError: number | null;
  /** Area under the per-region overlap up to a false positive rate of 0.3, normalised; null as above. */
  readonly aupro: number | null;
  /** The same up to 0.05. */
  readonly aupro05: number | null;
}

/** The metrics of several tallies taken together. */
export function pixelMetrics(tallies: readonly PixelTally[]): PixelMetrics {
  return metricsOf(stepsOf(tallies));
}

/** Pixels by ascending score, a number for each bin, and their totals. Bins may be empty. */
export interface PixelSteps {
  readonly normal: Float64Array;
  readonly defective: Float64Array;
  /** The sum of 1 / area of its component over the defective pixels. */
  readonly overlap: Float64Array;
  readonly normalPixels: number;
  readonly defectivePixels: number;
  readonly components: number;
}

export function metricsOf(steps: PixelSteps): PixelMetrics {
  return { ...rocMetrics(steps), aupro: aupro(steps, 0.3), aupro05: aupro(steps, 0.05) };
}

/** The bins that hold any pixel. */
function stepsOf(tallies: readonly PixelTally[]): PixelSteps {
  const used = new Uint8Array(BINS);
  for (const { normal, defective } of tallies) {
    for (let bin = 0; bin < BINS; bin++) if (normal[bin] !== 0) used[bin] = 1;
    if (defective !== null) for (let bin = 0; bin < BINS; bin++) if (defective[bin] !== 0) used[bin] = 1;
  }
  let size = 0;
  for (const mark of used) size += mark;
  const steps = { normal: new Float64Array(size), defective: new Float64Array(size), overlap: new Float64Array(size) };
  for (const tally of tallies) {
    for (let bin = 0, step = 0; bin < BINS; bin++) {
      if (used[bin] === 0) continue;
      steps.normal[step]! += tally.normal[bin]!;
      steps.defective[step]! += tally.defective?.[bin] ?? 0;
      steps.overlap[step]! += tally.overlap?.[bin] ?? 0;
      step++;
    }
  }
  return {
    ...steps,
    normalPixels: sumOf(steps.normal),
    defectivePixels: sumOf(steps.defective),
    components: tallies.reduce((sum, tally) => sum + tally.components, 0),
  };
}

function sumOf(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}

function rocMetrics(steps: PixelSteps): Pick<PixelMetrics, 'pixelAuroc' | 'pixelAurocError'> {
  // Both counts reach 10⁹, their product 10¹⁸: shares keep the sums where float64 is exact enough.
  const pairs = steps.normalPixels * steps.defectivePixels;
  if (pairs === 0) return { pixelAuroc: null, pixelAurocError: null };
  let normalBelow = 0;
  let wins = 0;
  let ties = 0;
  for (let step = 0; step < steps.normal.length; step++) {
    const normalShare = steps.normal[step]! / steps.normalPixels;
    const defectiveShare = steps.defective[step]! / steps.defectivePixels;
    wins += defectiveShare * normalBelow;
    ties += defectiveShare * normalShare;
    normalBelow += normalShare;
  }
  return { pixelAuroc: wins + ties / 2, pixelAurocError: ties / 2 };
}

/**
 * Area under the PRO curve from 0 to `limit`, divided by `limit` (Bergmann et al., CVPR 2020, §4.2), by trapezoids. Null
 * where there are no regions or no normal pixels.
 */
function aupro(steps: PixelSteps, limit: number): number | null {
  if (steps.components === 0 || steps.normalPixels === 0) return null;
  let area = 0;
  let last: ProPoint = { falsePositiveRate: 0, overlap: 0 };
  for (const point of proCurve(steps, limit)) {
    area += ((point.falsePositiveRate - last.falsePositiveRate) * (last.overlap + point.overlap)) / 2;
    last = point;
  }
  return area / limit;
}

/** One point of a PRO curve. */
export interface ProPoint {
  /** Over all normal pixels of all images. */
  readonly falsePositiveRate: number;
  /** Mean over the 8-connected components of the ground truth of the share that is found, whatever their size. */
  readonly overlap: number;
}

/**
 * The curve of the mean per-region overlap over the false positive rate, from (0, 0) to the rate `limit` in (0, 1], where
 * it is interpolated linearly. Nothing where there are no regions or no normal pixels.
 */
export function* proCurve(steps: PixelSteps, limit: number): Generator<ProPoint, void, void> {
  if (steps.components === 0 || steps.normalPixels === 0) return;
  let falsePositives = 0;
  let found = 0;
  let last: ProPoint = { falsePositiveRate: 0, overlap: 0 };
  yield last;
  for (let step = steps.normal.length - 1; step >= 0; step--) {
    falsePositives += steps.normal[step]!;
    found += steps.overlap[step]!;
    const falsePositiveRate = falsePositives / steps.normalPixels;
    // The shares of a region add up to 1 only within rounding.
    const overlap = Math.min(1, found / steps.components);
    if (falsePositiveRate >= limit) {
      const share = (limit - last.falsePositiveRate) / (falsePositiveRate - last.falsePositiveRate);
      yield { falsePositiveRate: limit, overlap: last.overlap + (overlap - last.overlap) * share };
      return;
    }
    last = { falsePositiveRate, overlap };
    yield last;
  }
}
