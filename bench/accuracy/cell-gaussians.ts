import { CholeskyDecomposition, inverse, Matrix } from 'ml-matrix';

/**
 * A Gaussian with full covariance at each cell of a grid, and the Mahalanobis distance from it
 * (Defard et al. 2021, PaDiM, sections III-B and III-C).
 */
export class CellGaussians {
  readonly #channels: number;
  readonly #cells: number;
  /** [channels × cells] */
  readonly #mean: Float32Array;
  /** 1 / deviation of each channel over all images and cells. */
  readonly #precision: Float32Array;
  /** L⁻¹ of each cell, where L·Lᵀ is its covariance: lower triangles, row by row. */
  readonly #whitening: Float32Array;

  /**
   * @param images features of the good images, [channels × cells] each; at least two
   * @param ridge added to the diagonal of each covariance, after the channels are brought to a deviation of 1
   */
  constructor(images: readonly Float32Array[], channels: number, ridge: number) {
    const cells = images[0]!.length / channels;
    this.#channels = channels;
    this.#cells = cells;
    this.#mean = meanOf(images);
    this.#precision = precisions(images, channels);
    const triangle = (channels * (channels + 1)) / 2;
    this.#whitening = new Float32Array(cells * triangle);
    const centred = new Matrix(images.length, channels);
    for (let cell = 0; cell < cells; cell += 1) {
      images.forEach((features, row) => {
        for (let c = 0; c < channels; c += 1) centred.set(row, c, this.#standardised(features, c, cell));
      });
      const covariance = centred
        .transpose()
        .mmul(centred)
        .div(images.length - 1);
      covariance.add(Matrix.eye(channels).mul(ridge));
      const whitening = inverse(new CholeskyDecomposition(covariance).lowerTriangularMatrix);
      let at = cell * triangle;
      for (let row = 0; row < channels; row += 1) {
        for (let column = 0; column <= row; column += 1) this.#whitening[at++] = whitening.get(row, column);
      }
    }
  }

  /** Memory of mean, precision and whitening. */
  get bytes(): number {
    return this.#mean.byteLength + this.#precision.byteLength + this.#whitening.byteLength;
  }

  /** Features [channels × cells] → √((x − μ)ᵀ Σ⁻¹ (x − μ)) of each cell. */
  distances(features: Float32Array): Float32Array {
    const channels = this.#channels;
    const distances = new Float32Array(this.#cells);
    const z = new Float64Array(channels);
    let at = 0;
    for (let cell = 0; cell < this.#cells; cell += 1) {
      let squared = 0;
      for (let row = 0; row < channels; row += 1) {
        z[row] = this.#standardised(features, row, cell);
        let white = 0;
        for (let column = 0; column <= row; column += 1) white += this.#whitening[at++]! * z[column]!;
        squared += white * white;
      }
      distances[cell] = Math.sqrt(squared);
    }
    return distances;
  }

  #standardised(features: Float32Array, channel: number, cell: number): number {
    const index = channel * this.#cells + cell;
    return (features[index]! - this.#mean[index]!) * this.#precision[channel]!;
  }
}

function meanOf(images: readonly Float32Array[]): Float32Array {
  const sums = new Float64Array(images[0]!.length);
  for (const features of images) for (let i = 0; i < sums.length; i += 1) sums[i]! += features[i]!;
  return Float32Array.from(sums, (sum) => sum / images.length);
}

function precisions(images: readonly Float32Array[], channels: number): Float32Array {
  const cells = images[0]!.length / channels;
  return Float32Array.from({ length: channels }, (_, channel) => {
    let [sum, squares] = [0, 0];
    for (const features of images) {
      for (const value of features.subarray(channel * cells, (channel + 1) * cells)) {
        sum += value;
        squares += value * value;
      }
    }
    const count = images.length * cells;
    const variance = squares / count - (sum / count) ** 2;
    // A channel that never changes says nothing.
    return variance > 0 ? 1 / Math.sqrt(variance) : 0;
  });
}
