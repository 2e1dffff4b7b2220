import type { Pose } from './pose.js';
import { blur, type Relief } from './relief.js';

export const REFINE = {
  /** A step that moves nothing by more than this many pixels is the last one. */
  stillPixels: 0.02,
  /** Largest steps: from farther away the relief says nothing about the way. */
  largestTurn: 0.1,
  largestShift: 3,
  /** Pixels with a weight below are left out. */
  leastWeight: 0.25,
  /** Reach, in pixels, of the blur that spreads the weight around what stands out in the template. */
  weightReach: 1,
} as const;

/** A pose, and the correlation of the region with the template there: 1 where they are the same, 0 unrelated. */
export interface Fit extends Pose {
  readonly similarity: number;
}

/**
 * Moves a pose to where template and region correlate best, by Gauss-Newton steps in which the template does the moving
 * (inverse compositional: Baker & Matthews, Lucas-Kanade 20 years on, IJCV 2004), blind to gain and offset. What stands
 * out in the template counts; a template that is a mean over many parts is flat where the belt was, so the belt does not.
 */
export class Refiner {
  readonly #width: number;
  readonly #height: number;
  /** Of the pixels that count: place relative to the centre, weight, template, and steepest descent images (3 each). */
  readonly #x: Float32Array;
  readonly #y: Float32Array;
  readonly #weight: Float32Array;
  readonly #template: Float32Array;
  readonly #descent: readonly [Float32Array, Float32Array, Float32Array];
  /** Inverse of the 3 × 3 Gauss-Newton matrix, and the template's weighted sum of squares. */
  readonly #inverse: Float64Array;
  readonly #energy: number;
  readonly #radius: number;

  constructor(template: Relief) {
    const { width, height, values } = template;
    const weights = templateWeights(template);
    const used = [...weights.keys()].filter((at) => weights[at]! > REFINE.leastWeight);
    this.#width = width;
    this.#height = height;
    this.#radius = Math.max(width, height) / 2;
    const columnOf = (at: number) => at % width;
    const rowOf = (at: number) => Math.floor(at / width);
    this.#x = Float32Array.from(used, (at) => columnOf(at) + 0.5 - width / 2);
    this.#y = Float32Array.from(used, (at) => rowOf(at) + 0.5 - height / 2);
    this.#weight = Float32Array.from(used, (at) => weights[at]!);
    const total = this.#weight.reduce((sum, weight) => sum + weight, 0);
    const centred = (list: Float32Array) => {
      const mean = list.reduce((sum, value, i) => sum + this.#weight[i]! * value, 0) / total;
      return list.map((value) => value - mean);
    };
    this.#template = centred(Float32Array.from(used, (at) => values[at]!));
    this.#energy = this.#dot(this.#template, this.#template);
    const slope = (at: number, step: number, inside: boolean) =>
      inside ? (values[at + step]! - values[at - step]!) / 2 : 0;
    const acrossX = Float32Array.from(used, (at) => slope(at, 1, columnOf(at) > 0 && columnOf(at) < width - 1));
    const acrossY = Float32Array.from(used, (at) => slope(at, width, rowOf(at) > 0 && rowOf(at) < height - 1));
    const byTurn = acrossX.map((dx, i) => acrossY[i]! * this.#x[i]! - dx * this.#y[i]!);
    // Without what gain and offset explain, so that light does not move the pose.
    const projected = [byTurn, acrossX, acrossY].map((list) => {
      const plain = centred(list);
      const gain = this.#energy > 0 ? this.#dot(plain, this.#template) / this.#energy : 0;
      return plain.map((value, i) => value - gain * this.#template[i]!);
    });
    this.#inverse = inverted(projected.map((a) => projected.map((b) => this.#dot(a, b))));
    this.#descent = projected.map((list) => list.map((value, i) => value * this.#weight[i]!)) as [
      Float32Array,
      Float32Array,
      Float32Array,
    ];
  }

  /**
   * Looks at most `mostSteps` times again. A step that makes it worse is taken back and tried at half its length: thin
   * edges lead Gauss-Newton astray.
   * @param from in pixels of the relief, which has the template's size
   */
  refine(relief: Relief, from: Pose, mostSteps: number): Fit {
    let sums = this.#sums(relief, from);
    let best: Fit = { ...from, similarity: this.#similarity(sums) };
    let step = this.#step(sums);
    for (let looks = 0; looks < mostSteps && this.#moves(step); looks++) {
      const pose = moved(best, step);
      sums = this.#sums(relief, pose);
      const similarity = this.#similarity(sums);
      if (similarity > best.similarity) {
        best = { ...pose, similarity };
        step = this.#step(sums);
      } else {
        step = { turn: step.turn / 2, x: step.x / 2, y: step.y / 2 };
      }
    }
    return best;
  }

  /** How well the region fits the template at just this pose. */
  similarityAt(relief: Relief, pose: Pose): number {
    return this.#similarity(this.#sums(relief, pose));
  }

  /** The Gauss-Newton step of the template, in its own frame; none where the correlation is not positive. */
  #step(sums: Sums): Pose {
    if (!(sums.product > 0)) return { turn: 0, x: 0, y: 0 };
    const gain = this.#energy / sums.product;
    const m = this.#inverse;
    const by = (row: number) => gain * (m[row]! * sums.turn + m[row + 1]! * sums.x + m[row + 2]! * sums.y);
    const { largestTurn, largestShift } = REFINE;
    return { turn: clamp(by(0), largestTurn), x: clamp(by(3), largestShift), y: clamp(by(6), largestShift) };
  }

  /** Whether a step is worth another look. */
  #moves({ turn, x, y }: Pose): boolean {
    return Math.abs(turn) * this.#radius + Math.hypot(x, y) >= REFINE.stillPixels;
  }

  /** One look at the region through the pose: weighted sums over the template's pixels. */
  #sums(relief: Relief, { turn, x: centreX, y: centreY }: Pose): Sums {
    const { values } = relief;
    const [width, height] = [this.#width, this.#height];
    const [cosine, sine] = [Math.cos(turn), Math.sin(turn)];
    const [descentTurn, descentX, descentY] = this.#descent;
    const sums = { weight: 0, value: 0, square: 0, product: 0, turn: 0, x: 0, y: 0 };
    for (let i = 0; i < this.#x.length; i++) {
      const [dx, dy] = [this.#x[i]!, this.#y[i]!];
      const fromX = centreX + cosine * dx - sine * dy - 0.5;
      const fromY = centreY + sine * dx + cosine * dy - 0.5;
      const weight = this.#weight[i]!;
      sums.weight += weight;
      // Outside there is nothing to compare: 0, the mean of a relief, so that leaving the region is no gain.
      if (!(fromX >= 0 && fromY >= 0 && fromX < width - 1 && fromY < height - 1)) continue;
      const [left, top] = [fromX | 0, fromY | 0];
      const [right, down] = [fromX - left, fromY - top];
      const at = top * width + left;
      const upper = values[at]! + right * (values[at + 1]! - values[at]!);
      const lower = values[at + width]! + right * (values[at + width + 1]! - values[at + width]!);
      const value = upper + down * (lower - upper);
      sums.value += weight * value;
      sums.square += weight * value * value;
      sums.product += weight * value * this.#template[i]!;
      sums.turn += descentTurn[i]! * value;
      sums.x += descentX[i]! * value;
      sums.y += descentY[i]! * value;
    }
    return sums;
  }

  #similarity({ weight, value, square, product }: Sums): number {
    const variance = square - (value * value) / weight;
    return variance > 0 && this.#energy > 0 ? product / Math.sqrt(variance * this.#energy) : 0;
  }

  #dot(a: Float32Array, b: Float32Array): number {
    let sum = 0;
    for (let i = 0; i < a.length; i++) sum += this.#weight[i]! * a[i]! * b[i]!;
    return sum;
  }
}

/** Weighted sums of the region's values: plain, squared, times the template, and times each steepest descent image. */
interface Sums {
  weight: number;
  value: number;
  square: number;
  product: number;
  turn: number;
  x: number;
  y: number;
}

/** A pose after the template has moved by a step in its own frame: the region moves the other way. */
function moved(pose: Pose, step: Pose): Pose {
  const turn = pose.turn - step.turn;
  const [cosine, sine] = [Math.cos(turn), Math.sin(turn)];
  return {
    turn,
    x: pose.x - (cosine * step.x - sine * step.y),
    y: pose.y - (sine * step.x + cosine * step.y),
  };
}

/** Between 0 where the template is flat and nearly 1 where it stands out. */
function templateWeights({ width, height, values }: Relief): Float32Array {
  const energy = values.map((value) => value * value);
  blur(energy, width, height, REFINE.weightReach, new Float32Array(Math.max(width, height)));
  const mean = energy.reduce((sum, value) => sum + value, 0) / energy.length;
  return energy.map((value) => value / Math.max(1e-9, value + mean));
}

function clamp(value: number, most: number): number {
  return Math.min(most, Math.max(-most, value));
}

/**
 * Inverse of a symmetric 3 × 3 matrix, row by row. Slightly loaded on the diagonal: a disc has no turn, and its row
 * would be 0.
 */
function inverted(matrix: readonly (readonly number[])[]): Float64Array {
  const m = matrix.map((row, i) => row.map((value, j) => (i === j ? value * 1.0001 + 1e-6 : value)));
  const at = (row: number, column: number) => m[row % 3]![column % 3]!;
  const cofactor = (r: number, c: number) => at(r + 1, c + 1) * at(r + 2, c + 2) - at(r + 1, c + 2) * at(r + 2, c + 1);
  const determinant = at(0, 0) * cofactor(0, 0) + at(0, 1) * cofactor(0, 1) + at(0, 2) * cofactor(0, 2);
  return Float64Array.from({ length: 9 }, (_, i) => cofactor(i % 3, Math.floor(i / 3)) / determinant);
}
