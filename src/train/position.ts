import { CholeskyDecomposition, EigenvalueDecomposition, Matrix } from 'ml-matrix';

/**
 * Normalisation of Z_l from the good images: z = A·W·(Z_l − mean). W makes the features uncorrelated over all patches
 * (the compactness of Wang et al. 2021, section 3.1, in closed form); A, a matrix for each position, does so for the
 * patches that were seen there. Position is believed only as far as held-out images show that it says something.
 */
export interface PositionNorm {
  /** [channels × rows × columns] */
  readonly mean: Float32Array;
  /** W, [channels × channels], symmetric */
  readonly whitening: Float32Array;
  /** A, [rows × columns × channels × channels], each symmetric; null when position says nothing */
  readonly factors: Float32Array | null;
  /** How far position was believed, 0…1. */
  readonly trust: number;
  /** How far the covariance at a position was drawn towards the pooled one; from `POSITION.shrinkages`. */
  readonly shrinkage: number;
}

export interface Grid {
  readonly channels: number;
  readonly rows: number;
  readonly columns: number;
}

/** What `PositionStatistics.bestNorm` chooses from, by the likelihood of held-out images. */
export const POSITION = {
  trusts: [0, 0.5, 0.8, 1] as readonly number[],
  /** Added to the covariance at a position, whose pooled value is 1; a quarter of it times its own mean variance, too. */
  shrinkages: [0.05, 0.1, 0.2, 0.4, 0.8] as readonly number[],
  /** Added to the pooled covariance, relative to its mean variance. */
  ridge: 1e-3,
  /** Likelihoods are measured at this many positions, evenly spread. */
  probes: 150,
} as const;

/** First and second moments of Z_l over images, for each position. */
export class PositionStatistics {
  readonly grid: Grid;
  readonly #cells: number;
  readonly #sums: Float64Array;
  /** Lower triangles of Σ z·zᵀ, a row of `channels · (channels + 1) / 2` for each cell. */
  readonly #products: Float64Array;
  readonly #triangle: number;
  #count = 0;

  constructor(grid: Grid) {
    this.grid = grid;
    this.#cells = grid.rows * grid.columns;
    this.#triangle = (grid.channels * (grid.channels + 1)) / 2;
    this.#sums = new Float64Array(grid.channels * this.#cells);
    this.#products = new Float64Array(this.#triangle * this.#cells);
  }

  /** Takes in Z_l of one image, [channels × rows × columns]. */
  add(features: Float32Array): void {
    const { channels } = this.grid;
    const products = this.#products;
    const z = new Float64Array(channels);
    for (let cell = 0; cell < this.#cells; cell += 1) {
      for (let c = 0; c < channels; c += 1) {
        z[c] = features[c * this.#cells + cell]!;
        this.#sums[c * this.#cells + cell]! += z[c]!;
      }
      let at = cell * this.#triangle;
      for (let row = 0; row < channels; row += 1) {
        const value = z[row]!;
        for (let column = 0; column <= row; column += 1) products[at++]! += value * z[column]!;
      }
    }
    this.#count += 1;
  }

  /** The norm that makes held-out images likeliest under a Gaussian at each position. */
  bestNorm(heldOut: readonly Float32Array[]): PositionNorm {
    let best = { trust: 0, shrinkage: 0, surprise: Number.POSITIVE_INFINITY };
    for (const trust of POSITION.trusts) {
      const means = this.#means(trust);
      const whitening = this.#whitening(means);
      for (const shrinkage of trust === 0 ? POSITION.shrinkages.slice(0, 1) : POSITION.shrinkages) {
        const surprise = this.#surprise(heldOut, means, whitening, trust, shrinkage);
        if (surprise < best.surprise) best = { trust, shrinkage, surprise };
      }
    }
    return this.norm(best.trust, best.shrinkage);
  }

  norm(trust: number, shrinkage: number): PositionNorm {
    const { channels } = this.grid;
    const means = this.#means(trust);
    const whitening = this.#whitening(means);
    const factors = trust === 0 ? null : new Float32Array(this.#cells * channels * channels);
    for (let cell = 0; factors && cell < this.#cells; cell += 1) {
      const factor = inverseRoot(this.#covariance(cell, means, whitening, trust, shrinkage));
      factors.set(factor.to1DArray(), cell * channels * channels);
    }
    return {
      mean: Float32Array.from(means),
      whitening: Float32Array.from(whitening.to1DArray()),
      factors,
      trust,
      shrinkage,
    };
  }

  /** Mean negative log-likelihood of a feature, up to a constant. */
  #surprise(
    heldOut: readonly Float32Array[],
    means: Float64Array,
    whitening: Matrix,
    trust: number,
    shrinkage: number,
  ): number {
    const { channels } = this.grid;
    const step = Math.max(1, Math.floor(this.#cells / POSITION.probes));
    let sum = 0;
    let probes = 0;
    for (let cell = Math.floor(step / 2); cell < this.#cells; cell += step) {
      const lower = new CholeskyDecomposition(this.#covariance(cell, means, whitening, trust, shrinkage))
        .lowerTriangularMatrix;
      let logVolume = 0;
      for (let c = 0; c < channels; c += 1) logVolume += Math.log(lower.get(c, c));
      const centred = new Matrix(channels, heldOut.length);
      heldOut.forEach((features, index) => {
        for (let c = 0; c < channels; c += 1) {
          centred.set(c, index, features[c * this.#cells + cell]! - means[c * this.#cells + cell]!);
        }
      });
      const distances = squaredDistances(lower, whitening.mmul(centred));
      for (const distance of distances) sum += 0.5 * distance + logVolume;
      probes += 1;
    }
    // The volume of W counts too: trusts differ in it.
    const own = new EigenvalueDecomposition(whitening, { assumeSymmetric: true }).realEigenvalues;
    const volume = own.reduce((total, value) => total - Math.log(value), 0);
    return sum / (probes * heldOut.length) + volume;
  }

  #means(trust: number): Float64Array {
    const { channels } = this.grid;
    const means = this.#sums.map((sum) => sum / this.#count);
    for (let c = 0; c < channels; c += 1) {
      const own = means.subarray(c * this.#cells, (c + 1) * this.#cells);
      const overall = own.reduce((sum, value) => sum + value, 0) / own.length;
      own.forEach((value, cell) => {
        own[cell] = trust * value + (1 - trust) * overall;
      });
    }
    return means;
  }

  /** W for the given means: the inverse square root of the pooled covariance about them. */
  #whitening(means: Float64Array): Matrix {
    const { channels } = this.grid;
    const pooled = Matrix.zeros(channels, channels);
    for (let cell = 0; cell < this.#cells; cell += 1) pooled.add(this.#moments(cell, means));
    pooled.div(this.#cells);
    const ridge = Math.max(1e-9, (POSITION.ridge * pooled.trace()) / channels);
    return inverseRoot(pooled.add(Matrix.eye(channels).mul(ridge)));
  }

  /** Covariance at a cell of whitened features, shrunk. */
  #covariance(cell: number, means: Float64Array, whitening: Matrix, trust: number, shrinkage: number): Matrix {
    const { channels } = this.grid;
    const product = whitening.mmul(this.#moments(cell, means)).mmul(whitening);
    const own = product.add(product.transpose()).mul(0.5); // exactly symmetric, as the decompositions demand
    const least = shrinkage * (1 + own.trace() / channels / 4);
    return own.mul(trust).add(Matrix.eye(channels).mul(1 - trust + least));
  }

  /** Second moments at a cell about `means`. */
  #moments(cell: number, means: Float64Array): Matrix {
    const { channels } = this.grid;
    const mean = (c: number) => means[c * this.#cells + cell]!;
    const own = (c: number) => this.#sums[c * this.#cells + cell]! / this.#count;
    const result = Matrix.zeros(channels, channels);
    let at = cell * this.#triangle;
    for (let row = 0; row < channels; row += 1) {
      for (let column = 0; column <= row; column += 1) {
        const product = this.#products[at++]! / this.#count;
        const about = product - own(row) * mean(column) - mean(row) * own(column) + mean(row) * mean(column);
        result.set(row, column, about);
        result.set(column, row, about);
      }
    }
    return result;
  }
}

/** Places that `strangeness` averages over. */
const STRANGEST = 3;

/**
 * How strange the strangest places of an image are: the mean of its largest distances (1/C)‖A·W·(Z_l − mean)‖².
 *
 * @param features Z_l, [channels × rows × columns]
 * @param learntFrom number of images that the norm was learnt from, if this was one of them: each had its share in the
 * norm and is judged, about, as if it had had none (d / (1 − d·C/n), the leverage of a linear fit); else 0
 */
export function strangeness(features: Float32Array, norm: PositionNorm, grid: Grid, learntFrom: number): number {
  const { channels, rows, columns } = grid;
  const cells = rows * columns;
  const centred = new Float64Array(channels);
  const whitened = new Float64Array(channels);
  const distances = new Float64Array(cells);
  for (let cell = 0; cell < cells; cell += 1) {
    for (let c = 0; c < channels; c += 1) centred[c] = features[c * cells + cell]! - norm.mean[c * cells + cell]!;
    multiplyInto(whitened, norm.whitening, 0, centred);
    if (norm.factors) {
      multiplyInto(centred, norm.factors, cell * channels * channels, whitened);
      distances[cell] = meanSquare(centred);
    } else distances[cell] = meanSquare(whitened);
  }
  const strangest = distances.sort().subarray(-STRANGEST);
  const share = learntFrom > 0 ? channels / learntFrom : 0;
  return strangest.reduce((sum, value) => sum + value / (1 - Math.min(0.99, share * value)), 0) / strangest.length;
}

/** y = matrix · x, with the square matrix at `offset` of a list. */
function multiplyInto(y: Float64Array, matrices: Float32Array, offset: number, x: Float64Array): void {
  const n = x.length;
  for (let row = 0; row < n; row += 1) {
    let sum = 0;
    const start = offset + row * n;
    for (let column = 0; column < n; column += 1) sum += matrices[start + column]! * x[column]!;
    y[row] = sum;
  }
}

function meanSquare(values: Float64Array): number {
  let sum = 0;
  for (let index = 0; index < values.length; index += 1) sum += values[index]! ** 2;
  return sum / values.length;
}

/** S^(−1/2), symmetric, of a symmetric positive definite S. */
function inverseRoot(symmetric: Matrix): Matrix {
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(symmetric, { assumeSymmetric: true });
  const scaled = eigenvectorMatrix.clone().mulRowVector(realEigenvalues.map((value) => 1 / Math.sqrt(value)));
  return scaled.mmul(eigenvectorMatrix.transpose());
}

/** ‖L⁻¹·x‖² of each column x. */
function squaredDistances(lower: Matrix, columns: Matrix): number[] {
  const n = lower.rows;
  return Array.from({ length: columns.columns }, (_, index) => {
    const solved = new Float64Array(n);
    let total = 0;
    for (let row = 0; row < n; row += 1) {
      let value = columns.get(row, index);
      for (let k = 0; k < row; k += 1) value -= lower.get(row, k) * solved[k]!;
      solved[row] = value / lower.get(row, row);
      total += solved[row]! ** 2;
    }
    return total;
  });
}
