import { PositionGaussians } from './gaussians.js';
import { type Grid, POSITION, type PositionNorm, type PositionSettings } from './norm.js';

/** First and second moments of features over images, for each position. */
export class PositionStatistics {
  readonly grid: Grid;
  readonly #settings: PositionSettings;
  readonly #cells: number;
  readonly #sums: Float64Array;
  /** Lower triangles of Σ z·zᵀ, a row of `channels · (channels + 1) / 2` for each cell. */
  readonly #products: Float64Array;
  readonly #triangle: number;
  readonly #cell: Float64Array;
  #count = 0;

  constructor(grid: Grid, settings: PositionSettings = POSITION) {
    this.grid = grid;
    this.#settings = settings;
    this.#cells = grid.rows * grid.columns;
    this.#triangle = (grid.channels * (grid.channels + 1)) / 2;
    this.#sums = new Float64Array(grid.channels * this.#cells);
    this.#products = new Float64Array(this.#triangle * this.#cells);
    this.#cell = new Float64Array(grid.channels);
  }

  /** The moments over the images of several statistics of one grid and with the same settings. */
  static joined(parts: readonly PositionStatistics[]): PositionStatistics {
    const joined = new PositionStatistics(parts[0]!.grid, parts[0]!.#settings);
    for (const part of parts) {
      part.#sums.forEach((sum, index) => {
        joined.#sums[index]! += sum;
      });
      part.#products.forEach((sum, index) => {
        joined.#products[index]! += sum;
      });
      joined.#count += part.#count;
    }
    return joined;
  }

  /** Takes in the features of one image, [channels × rows × columns]. */
  add(features: Float32Array): void {
    for (let cell = 0; cell < this.#cells; cell += 1) this.#addCell(features, cell, this.#cells, cell);
    this.#count += 1;
  }

  /** Takes in some cells of an image, [channels × cells], each as an image of the one position that there is. */
  addCells(features: Float32Array, which: readonly number[]): void {
    const cells = features.length / this.grid.channels;
    for (const cell of which) this.#addCell(features, cell, cells, 0);
    this.#count += which.length;
  }

  #addCell(features: Float32Array, cell: number, cells: number, position: number): void {
    const { channels } = this.grid;
    const [products, z] = [this.#products, this.#cell];
    for (let c = 0; c < channels; c += 1) {
      z[c] = features[c * cells + cell]!;
      this.#sums[c * this.#cells + position]! += z[c]!;
    }
    let at = position * this.#triangle;
    for (let row = 0; row < channels; row += 1) {
      const value = z[row]!;
      for (let column = 0; column <= row; column += 1) products[at++]! += value * z[column]!;
    }
  }

  /** The trust that makes held-out images likeliest under a Gaussian at each position. */
  bestTrust(heldOut: readonly Float32Array[]): number {
    let best = { trust: 0, surprise: Number.POSITIVE_INFINITY };
    for (const trust of this.#settings.trusts) {
      const surprise = this.#gaussians(trust).surprise(heldOut);
      if (surprise < best.surprise) best = { trust, surprise };
    }
    return best.trust;
  }

  norm(trust: number): PositionNorm {
    return this.#gaussians(trust).norm();
  }

  #gaussians(trust: number): PositionGaussians {
    const means = this.#means(trust);
    return new PositionGaussians({
      grid: this.grid,
      trust,
      means,
      covariances: this.#covariances(means),
      images: this.#count,
      settings: this.#settings,
    });
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

  /** Second moments about `means`, lower triangles, a row for each cell. */
  #covariances(means: Float64Array): Float64Array {
    const { channels } = this.grid;
    const result = new Float64Array(this.#products.length);
    const [mean, own] = [new Float64Array(channels), new Float64Array(channels)];
    for (let cell = 0, at = 0; cell < this.#cells; cell += 1) {
      for (let c = 0; c < channels; c += 1) {
        mean[c] = means[c * this.#cells + cell]!;
        own[c] = this.#sums[c * this.#cells + cell]! / this.#count;
      }
      for (let row = 0; row < channels; row += 1) {
        for (let column = 0; column <= row; column += 1, at += 1) {
          const product = this.#products[at]! / this.#count;
          result[at] = product - own[row]! * mean[column]! - mean[row]! * own[column]! + mean[row]! * mean[column]!;
        }
      }
    }
    return result;
  }
}
