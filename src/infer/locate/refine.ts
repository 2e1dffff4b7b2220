import { look, SUMS, type TemplatePixels } from './look.js';
import type { Pose } from './pose.js';
import { blur, blurSpace, type Relief } from './relief.js';

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
  readonly #pixels: TemplatePixels;
  /** Of all weights. */
  readonly #total: number;
  /** Inverse of the 3 × 3 Gauss-Newton matrix, and the template's weighted sum of squares. */
  readonly #inverse: Float64Array;
  readonly #energy: number;
  readonly #radius: number;
  readonly #found = new Float64Array(SUMS);

  constructor(template: Relief) {
    const { width, height, values } = template;
    const weights = templateWeights(template);
    const used = placesAbove(weights, REFINE.leastWeight);
    const count = used.length;
    this.#width = width;
    this.#height = height;
    this.#radius = Math.max(width, height) / 2;
    const [x, y, weight, value] = [list(count), list(count), list(count), list(count)];
    const [acrossX, acrossY, byTurn] = [list(count), list(count), list(count)];
    let total = 0;
    for (let i = 0; i < count; i++) {
      const at = used[i]!;
      const column = at % width;
      const row = (at - column) / width;
      x[i] = column + 0.5 - width / 2;
      y[i] = row + 0.5 - height / 2;
      weight[i] = weights[at]!;
      value[i] = values[at]!;
      if (column > 0 && column < width - 1) acrossX[i] = (values[at + 1]! - values[at - 1]!) / 2;
      if (row > 0 && row < height - 1) acrossY[i] = (values[at + width]! - values[at - width]!) / 2;
      byTurn[i] = acrossY[i]! * x[i]! - acrossX[i]! * y[i]!;
      total += weight[i]!;
    }
    const seen = centred(value, weight, total);
    const energy = dot(seen, seen, weight);
    // Without what gain and offset explain, so that light does not move the pose.
    const projected = [byTurn, acrossX, acrossY].map((image) => {
      const plain = centred(image, weight, total);
      const gain = energy > 0 ? dot(plain, seen, weight) / energy : 0;
      for (let i = 0; i < count; i++) plain[i] = plain[i]! - gain * seen[i]!;
      return plain;
    });
    this.#inverse = inverted(projected.map((a) => projected.map((b) => dot(a, b, weight))));
    for (const image of projected) for (let i = 0; i < count; i++) image[i] = image[i]! * weight[i]!;
    const [turns, rights, downs] = projected as [Float32Array, Float32Array, Float32Array];
    this.#pixels = { x, y, weight, template: seen, byTurn: turns, byX: rights, byY: downs };
    this.#total = total;
    this.#energy = energy;
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

  /** One look at the region through the pose. */
  #sums({ values }: Relief, { turn, x, y }: Pose): Sums {
    const sums = this.#found;
    look(values, this.#width, this.#height, this.#pixels, Math.cos(turn), Math.sin(turn), x, y, sums);
    const [value, square, product, byTurn, byX, byY] = sums as unknown as [
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    return { weight: this.#total, value, square, product, turn: byTurn, x: byX, y: byY };
  }

  #similarity({ weight, value, square, product }: Sums): number {
    const variance = square - (value * value) / weight;
    return variance > 0 && this.#energy > 0 ? product / Math.sqrt(variance * this.#energy) : 0;
  }
}

/** Weighted sums of the region's values: plain, squared, times the template, and times each steepest descent image. */
interface Sums extends Pose {
  readonly weight: number;
  readonly value: number;
  readonly square: number;
  readonly product: number;
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

function list(count: number): Float32Array {
  return new Float32Array(count);
}

/** Where values are larger than that. */
function placesAbove(values: Float32Array, least: number): Uint32Array {
  const found = new Uint32Array(values.length);
  let count = 0;
  for (let at = 0; at < values.length; at++) if (values[at]! > least) found[count++] = at;
  return found.subarray(0, count);
}

/** Weighted sum of products. Plain loops here: a model that is loaded beside another must not hold up its parts. */
function dot(a: Float32Array, b: Float32Array, weight: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += weight[i]! * a[i]! * b[i]!;
  return sum;
}

/** Without its weighted mean. */
function centred(values: Float32Array, weight: Float32Array, total: number): Float32Array {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += weight[i]! * values[i]!;
  const mean = sum / total;
  const found = list(values.length);
  for (let i = 0; i < found.length; i++) found[i] = values[i]! - mean;
  return found;
}

/** Between 0 where the template is flat and nearly 1 where it stands out. */
function templateWeights({ width, height, values }: Relief): Float32Array {
  const found = list(values.length);
  for (let i = 0; i < found.length; i++) found[i] = values[i]! * values[i]!;
  blur(found, { width, height }, REFINE.weightReach, blurSpace({ width, height }));
  let sum = 0;
  for (let i = 0; i < found.length; i++) sum += found[i]!;
  const mean = sum / found.length;
  for (let i = 0; i < found.length; i++) found[i] = found[i]! / Math.max(1e-9, found[i]! + mean);
  return found;
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
