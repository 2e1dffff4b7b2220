import type { SimulatedDefect } from '../src/capture/simulated/defects.js';
import type { Placement } from '../src/capture/simulated/render.js';
import { renderPart } from '../src/capture/simulated/render.js';
import type { Picture } from '../src/types.js';

/**
 * The detector that the simulated line must not be a gift to: how far is a picture from the mean of good pictures?
 * Four readings of the question, each at several smoothings; whoever reports takes the best of them all.
 */
export const READINGS = ['difference', 'difference of blurred', 'z-score', 'z-score of blurred'] as const;
export type Reading = (typeof READINGS)[number];

/** Gaussian smoothing in pixels of the compared picture. */
export const SMOOTHINGS = [0, 1, 2, 4] as const;

/** Grey levels added to a pixel's deviation, so that a pixel that never changes does not decide alone. */
const DEVIATION_FLOOR = 1;

export interface DifferenceResult {
  readonly reading: Reading;
  readonly smoothing: number;
  readonly auroc: number;
}

export interface DifferencePart {
  readonly index: number;
  readonly defect: SimulatedDefect | 'random' | null;
}

export interface DifferenceOptions {
  readonly seed: number;
  /** Side of the rendered, square frame; it is compared at half of it. */
  readonly size: number;
  readonly placement: Placement;
  readonly format: 'GRAY8' | 'RGB';
  /** Indices of good parts that the mean and deviation are taken from. */
  readonly reference: readonly number[];
  readonly test: readonly DifferencePart[];
  /** Called for each test part with its scores, in the order of `SETTINGS`. */
  readonly onScores?: (part: DifferencePart, scores: readonly number[]) => void;
}

/** Every reading at every smoothing. */
export const SETTINGS: readonly { reading: Reading; smoothing: number }[] = READINGS.flatMap((reading) =>
  SMOOTHINGS.map((smoothing) => ({ reading, smoothing })),
);

/** Image AUROC of each reading and smoothing, best first. */
export function measureDifference(options: DifferenceOptions): DifferenceResult[] {
  const channels = options.format === 'RGB' ? 3 : 1;
  const statistics = SMOOTHINGS.map(() => Array.from({ length: channels }, () => new Moments()));
  for (const index of options.reference) {
    planesOf(options, { index, defect: null }).forEach((plane, channel) => {
      SMOOTHINGS.forEach((smoothing, s) => {
        statistics[s]![channel]!.add(blurred(plane, smoothing));
      });
    });
  }
  const scores = SETTINGS.map(() => ({ good: [] as number[], defective: [] as number[] }));
  for (const part of options.test) {
    const partScores = new Array<number>(SETTINGS.length).fill(0);
    planesOf(options, part).forEach((plane, channel) => {
      const raw = statistics[0]![channel]!;
      const difference = plane.map((value, i) => Math.abs(value - raw.mean(i)));
      const z = difference.map((value, i) => value / (raw.deviation(i) + DEVIATION_FLOOR));
      SMOOTHINGS.forEach((smoothing, s) => {
        const smooth = blurred(plane, smoothing);
        const moments = statistics[s]![channel]!;
        const values: Record<Reading, number> = {
          difference: highest(blurred(difference, smoothing)),
          'z-score': highest(blurred(z, smoothing)),
          'difference of blurred': highest(smooth.map((value, i) => Math.abs(value - moments.mean(i)))),
          'z-score of blurred': highest(
            smooth.map((value, i) => Math.abs(value - moments.mean(i)) / (moments.deviation(i) + DEVIATION_FLOOR)),
          ),
        };
        SETTINGS.forEach((setting, n) => {
          if (setting.smoothing === smoothing) partScores[n] = Math.max(partScores[n]!, values[setting.reading]);
        });
      });
    });
    partScores.forEach((score, n) => {
      (part.defect === null ? scores[n]!.good : scores[n]!.defective).push(score);
    });
    options.onScores?.(part, partScores);
  }
  return SETTINGS.map((setting, n) => ({ ...setting, auroc: auroc(scores[n]!.good, scores[n]!.defective) })).sort(
    (a, b) => b.auroc - a.auroc,
  );
}

/** Area under the ROC curve: the chance that a defective part scores higher than a good one; ties count half. */
export function auroc(good: readonly number[], defective: readonly number[]): number {
  let wins = 0;
  for (const bad of defective) for (const fine of good) wins += bad > fine ? 1 : bad === fine ? 0.5 : 0;
  return wins / (good.length * defective.length);
}

/** Mean and deviation of each pixel over many pictures. */
class Moments {
  #count = 0;
  #sum = new Float64Array(0);
  #squares = new Float64Array(0);

  add(plane: Float32Array): void {
    if (this.#count === 0) {
      this.#sum = new Float64Array(plane.length);
      this.#squares = new Float64Array(plane.length);
    }
    this.#count++;
    for (let i = 0; i < plane.length; i++) {
      this.#sum[i] = this.#sum[i]! + plane[i]!;
      this.#squares[i] = this.#squares[i]! + plane[i]! * plane[i]!;
    }
  }

  mean(i: number): number {
    return this.#sum[i]! / this.#count;
  }

  deviation(i: number): number {
    return Math.sqrt(Math.max(0, this.#squares[i]! / this.#count - this.mean(i) ** 2));
  }
}

function planesOf(options: DifferenceOptions, part: DifferencePart): Float32Array[] {
  const { seed, size, placement, format } = options;
  const { picture } = renderPart({
    seed,
    index: part.index,
    width: size,
    height: size,
    format,
    placement,
    defect: part.defect,
  });
  return halved(picture);
}

/** One plane a channel, each pixel the mean of 2 × 2. */
function halved(picture: Picture): Float32Array[] {
  const channels = picture.format === 'RGB' ? 3 : 1;
  const width = picture.width >> 1;
  const height = picture.height >> 1;
  return Array.from({ length: channels }, (_, channel) => {
    const plane = new Float32Array(width * height);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const at = 2 * y * picture.stride + 2 * x * channels + channel;
        const { data, stride } = picture;
        plane[y * width + x] =
          (data[at]! + data[at + channels]! + data[at + stride]! + data[at + stride + channels]!) / 4;
      }
    }
    return plane;
  });
}

/** Gaussian blur of a square plane, separable, cut at three deviations, edges mirrored by clamping. */
function blurred(plane: Float32Array, deviation: number): Float32Array {
  if (deviation === 0) return plane;
  const side = Math.round(Math.sqrt(plane.length));
  const radius = Math.ceil(3 * deviation);
  const kernel = Float32Array.from({ length: 2 * radius + 1 }, (_, k) =>
    Math.exp(-0.5 * ((k - radius) / deviation) ** 2),
  );
  const total = kernel.reduce((sum, weight) => sum + weight, 0);
  let from = plane;
  for (const step of [1, side]) {
    const to = new Float32Array(plane.length);
    const across = step === 1 ? side : 1;
    for (let line = 0; line < side; line++) {
      for (let i = 0; i < side; i++) {
        let sum = 0;
        for (let k = -radius; k <= radius; k++) {
          const at = i + k < 0 ? 0 : i + k >= side ? side - 1 : i + k;
          sum += kernel[k + radius]! * from[line * across + at * step]!;
        }
        to[line * across + i * step] = sum / total;
      }
    }
    from = to;
  }
  return from;
}

function highest(plane: Float32Array): number {
  let best = 0;
  for (const value of plane) if (value > best) best = value;
  return best;
}
