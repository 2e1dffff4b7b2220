import { CholeskyDecomposition, EigenvalueDecomposition, Matrix } from 'ml-matrix';
import type { Grid, PositionNorm, PositionSettings } from './norm.js';

export interface PositionGaussiansOptions {
  readonly grid: Grid;
  /** How far position is believed, 0…1. */
  readonly trust: number;
  /** [channels × rows × columns] */
  readonly means: Float64Array;
  /** About the means, lower triangles, [rows × columns × channels·(channels + 1)/2]. */
  readonly covariances: Float64Array;
  /** How many images they were taken from. */
  readonly images: number;
  readonly settings: PositionSettings;
}

/**
 * A Gaussian for the features at each position. Few images say little about a covariance, so that of a position is
 * joined with what lies around it (as a prior that counts like `neighbourhoodImages` more images) and is bounded
 * from below.
 */
export class PositionGaussians {
  readonly #grid: Grid;
  readonly #trust: number;
  readonly #means: Float64Array;
  /** Lower triangles, a row for each cell. */
  readonly #covariances: Float64Array;
  readonly #whitening: Matrix;
  readonly #settings: PositionSettings;

  constructor({ grid, trust, means, covariances, images, settings }: PositionGaussiansOptions) {
    this.#grid = grid;
    this.#trust = trust;
    this.#means = means;
    this.#settings = settings;
    this.#whitening = whiteningOf(covariances, grid, settings.ridge);
    const around = smoothed(covariances, grid, settings.neighbourhoodCells);
    const share = images / (images + settings.neighbourhoodImages);
    this.#covariances = covariances.map((own, index) => share * own + (1 - share) * around[index]!);
  }

  norm(): PositionNorm {
    const { channels, rows, columns } = this.#grid;
    const factors = this.#trust === 0 ? null : new Float32Array(rows * columns * channels ** 2);
    for (let cell = 0; factors && cell < rows * columns; cell += 1) {
      factors.set(inverseRoot(this.#whitenedCovariance(cell)).to1DArray(), cell * channels ** 2);
    }
    return {
      mean: Float32Array.from(this.#means),
      whitening: Float32Array.from(this.#whitening.to1DArray()),
      factors,
      trust: this.#trust,
    };
  }

  /** Mean negative log-likelihood of the features of images, up to a constant. */
  surprise(images: readonly Float32Array[]): number {
    const { channels, rows, columns } = this.#grid;
    const cells = rows * columns;
    const step = Math.max(1, Math.floor(cells / this.#settings.probes));
    let sum = 0;
    let probes = 0;
    for (let cell = Math.floor(step / 2); cell < cells; cell += step) {
      const lower = new CholeskyDecomposition(this.#whitenedCovariance(cell)).lowerTriangularMatrix;
      let logVolume = 0;
      for (let c = 0; c < channels; c += 1) logVolume += Math.log(lower.get(c, c));
      const centred = new Matrix(channels, images.length);
      images.forEach((features, index) => {
        for (let c = 0; c < channels; c += 1) {
          centred.set(c, index, features[c * cells + cell]! - this.#means[c * cells + cell]!);
        }
      });
      for (const distance of squaredDistances(lower, this.#whitening.mmul(centred))) sum += 0.5 * distance + logVolume;
      probes += 1;
    }
    // The volume of W counts too: trusts differ in it.
    const own = new EigenvalueDecomposition(this.#whitening, { assumeSymmetric: true }).realEigenvalues;
    const volume = own.reduce((total, value) => total - Math.log(value), 0);
    return sum / (probes * images.length) + volume;
  }

  /** Covariance at a cell of the whitened features, bounded from below. */
  #whitenedCovariance(cell: number): Matrix {
    const { channels } = this.#grid;
    const own = this.#whitening.mmul(unpacked(this.#covariances, cell, channels)).mmul(this.#whitening);
    const symmetric = own.add(own.transpose()).mul(0.5); // exactly, as the decompositions demand
    const least = Matrix.eye(channels).mul(1 - this.#trust + this.#settings.leastVariance);
    return symmetric.mul(this.#trust).add(least);
  }
}

/** W: the inverse square root of the mean covariance of all positions, with `share` of its mean variance added. */
function whiteningOf(covariances: Float64Array, { channels, rows, columns }: Grid, share: number): Matrix {
  const cells = rows * columns;
  const pooled = new Float64Array(covariances.length / cells);
  covariances.forEach((value, index) => {
    pooled[index % pooled.length]! += value / cells;
  });
  const matrix = unpacked(pooled, 0, channels);
  const ridge = Math.max(1e-9, (share * matrix.trace()) / channels);
  return inverseRoot(matrix.add(Matrix.eye(channels).mul(ridge)));
}

/**
 * Weighted means over the cells around each cell; beyond the border, the outermost cells go on.
 *
 * @param deviation of the Gaussian that weights them, in cells
 */
function smoothed(covariances: Float64Array, { rows, columns }: Grid, deviation: number): Float64Array {
  const weights = gaussian(deviation);
  const length = covariances.length / (rows * columns);
  const across = smoothedAlong(weights, covariances, length, columns, rows, columns * length);
  return smoothedAlong(weights, across, columns * length, rows, 1, 0);
}

/** Along lines of `count` blocks of `length` values each; line n begins at `n · pitch`. */
function smoothedAlong(
  weights: Float64Array,
  values: Float64Array,
  length: number,
  count: number,
  lines: number,
  pitch: number,
): Float64Array {
  const reach = (weights.length - 1) / 2;
  const result = new Float64Array(values.length);
  for (let line = 0; line < lines; line += 1) {
    for (let block = 0; block < count; block += 1) {
      const target = result.subarray(line * pitch + block * length, line * pitch + (block + 1) * length);
      weights.forEach((weight, tap) => {
        const from = Math.min(count - 1, Math.max(0, block + tap - reach));
        const start = line * pitch + from * length;
        for (let index = 0; index < length; index += 1) target[index]! += weight * values[start + index]!;
      });
    }
  }
  return result;
}

/** Three deviations to each side, 1 in sum. */
function gaussian(deviation: number): Float64Array {
  const reach = Math.ceil(3 * deviation);
  const raw = Float64Array.from({ length: 2 * reach + 1 }, (_, index) =>
    Math.exp(-0.5 * ((index - reach) / deviation) ** 2),
  );
  const sum = raw.reduce((total, value) => total + value, 0);
  return raw.map((value) => value / sum);
}

/** The symmetric matrix whose lower triangle is the `index`-th of a list. */
function unpacked(triangles: Float64Array, index: number, n: number): Matrix {
  const matrix = Matrix.zeros(n, n);
  let at = (index * n * (n + 1)) / 2;
  for (let row = 0; row < n; row += 1) {
    for (let column = 0; column <= row; column += 1, at += 1) {
      matrix.set(row, column, triangles[at]!);
      matrix.set(column, row, triangles[at]!);
    }
  }
  return matrix;
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
