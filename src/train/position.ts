/**
 * Normalisation of Z_l for each channel and position: z = (Z_l − mean) / deviation, from the good images. Position is
 * believed only as far as held-out images show that it says something (docs/method.md).
 */
export interface PositionNorm {
  /** [channels × rows × columns] */
  readonly mean: Float32Array;
  readonly deviation: Float32Array;
  /** How far position was believed, 0…1. */
  readonly trust: number;
}

export interface Grid {
  readonly channels: number;
  readonly rows: number;
  readonly columns: number;
}

const TRUSTS = [0, 0.25, 0.5, 0.75, 0.9, 1] as const;

/** Smallest deviation, relative to the channel's over all positions: keeps flat backgrounds from exploding. */
const LEAST_DEVIATION = 0.25;

/** Sums over images, for each channel and position. */
export class PositionStatistics {
  readonly grid: Grid;
  readonly #sums: Float64Array;
  readonly #squares: Float64Array;
  #count = 0;

  constructor(grid: Grid) {
    this.grid = grid;
    const length = grid.channels * grid.rows * grid.columns;
    this.#sums = new Float64Array(length);
    this.#squares = new Float64Array(length);
  }

  /** Takes in Z_l of one image, [channels × rows × columns]. */
  add(features: Float32Array): void {
    for (let index = 0; index < features.length; index += 1) {
      const value = features[index] as number;
      this.#sums[index]! += value;
      this.#squares[index]! += value * value;
    }
    this.#count += 1;
  }

  /** The norm at a given trust in position. */
  norm(trust: number): PositionNorm {
    const { channels, rows, columns } = this.grid;
    const cells = rows * columns;
    const mean = new Float32Array(channels * cells);
    const deviation = new Float32Array(channels * cells);
    for (let channel = 0; channel < channels; channel += 1) {
      const place = (values: Float64Array) => {
        const own = values.subarray(channel * cells, (channel + 1) * cells);
        return smooth(
          Float64Array.from(own, (value) => value / this.#count),
          rows,
          columns,
        );
      };
      const means = place(this.#sums);
      const squares = place(this.#squares);
      const overall = average(means);
      const overallVariance = Math.max(1e-8, average(squares) - overall ** 2);
      for (let cell = 0; cell < cells; cell += 1) {
        const at = channel * cells + cell;
        const here = Math.max(0, squares[cell]! - means[cell]! ** 2);
        const least = LEAST_DEVIATION ** 2 * overallVariance;
        mean[at] = trust * means[cell]! + (1 - trust) * overall;
        deviation[at] = Math.sqrt(Math.max(least, trust * here + (1 - trust) * overallVariance));
      }
    }
    return { mean, deviation, trust };
  }

  /** The norm whose trust in position makes held-out images likeliest under a Gaussian at each place. */
  bestNorm(heldOut: readonly Float32Array[]): PositionNorm {
    let best = this.norm(0);
    let bestSurprise = Number.POSITIVE_INFINITY;
    for (const trust of TRUSTS) {
      const norm = this.norm(trust);
      const surprise = average(heldOut.map((features) => negativeLogLikelihood(features, norm)));
      if (surprise < bestSurprise) {
        best = norm;
        bestSurprise = surprise;
      }
    }
    return best;
  }
}

function negativeLogLikelihood(features: Float32Array, { mean, deviation }: PositionNorm): number {
  let sum = 0;
  for (let index = 0; index < features.length; index += 1) {
    const z = (features[index]! - mean[index]!) / deviation[index]!;
    sum += 0.5 * z * z + Math.log(deviation[index]!);
  }
  return sum / features.length;
}

function average(values: ArrayLike<number>): number {
  let sum = 0;
  for (let index = 0; index < values.length; index += 1) sum += values[index]!;
  return sum / values.length;
}

/** Mean over each 3 × 3 neighbourhood, within the grid. */
function smooth(values: Float64Array, rows: number, columns: number): Float64Array {
  return values.map((_, index) => {
    const row = Math.floor(index / columns);
    const column = index % columns;
    let sum = 0;
    let count = 0;
    for (let y = Math.max(0, row - 1); y <= Math.min(rows - 1, row + 1); y += 1) {
      for (let x = Math.max(0, column - 1); x <= Math.min(columns - 1, column + 1); x += 1) {
        sum += values[y * columns + x]!;
        count += 1;
      }
    }
    return sum / count;
  });
}
