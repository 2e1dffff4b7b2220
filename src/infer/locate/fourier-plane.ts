import FFT from 'fft.js';
import type { Relief } from './relief.js';

/** A square of complex numbers and its Fourier transform, whose spectrum lies transposed. */
export class FourierPlane {
  readonly data: Float64Array;
  readonly #side: number;
  readonly #fft: FFT;
  readonly #other: Float64Array;
  readonly #rows: readonly Float64Array[];
  readonly #otherRows: readonly Float64Array[];

  constructor(side: number) {
    this.#side = side;
    this.#fft = new FFT(side);
    this.data = new Float64Array(2 * side * side);
    this.#other = new Float64Array(2 * side * side);
    const rowsOf = (data: Float64Array) =>
      Array.from({ length: side }, (_, row) => data.subarray(2 * side * row, 2 * side * (row + 1)));
    this.#rows = rowsOf(this.data);
    this.#otherRows = rowsOf(this.#other);
  }

  clear(): void {
    this.data.fill(0);
  }

  put({ width, height, values }: Relief): void {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) this.data[2 * (y * this.#side + x)] = values[y * width + x]!;
    }
  }

  /** Rows, transposed, rows again: the second half of an inverse transform transposes back. */
  forward(): void {
    for (let half = 0; half < 2; half++) {
      for (let row = 0; row < this.#side; row++) this.#fft.transform(this.#otherRows[row]!, this.#rows[row]!);
      if (half === 0) this.#transpose();
      else this.data.set(this.#other);
    }
  }

  inverse(): void {
    for (let half = 0; half < 2; half++) {
      for (let row = 0; row < this.#side; row++) this.#fft.inverseTransform(this.#otherRows[row]!, this.#rows[row]!);
      if (half === 0) this.#transpose();
      else this.data.set(this.#other);
    }
  }

  /** Index of the highest real (0) or imaginary (1) part. */
  highest(part: number): number {
    let at = 0;
    for (let i = 1; i < this.data.length / 2; i++) {
      if (this.data[2 * i + part]! > this.data[2 * at + part]!) at = i;
    }
    return at;
  }

  #transpose(): void {
    const side = this.#side;
    for (let y = 0; y < side; y++) {
      for (let x = 0; x < side; x++) {
        this.data[2 * (x * side + y)] = this.#other[2 * (y * side + x)]!;
        this.data[2 * (x * side + y) + 1] = this.#other[2 * (y * side + x) + 1]!;
      }
    }
  }
}
