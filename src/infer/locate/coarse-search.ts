import { FourierPlane } from './fourier-plane.js';
import type { Pose } from './pose.js';
import type { Relief } from './relief.js';
import { shrinkRelief, valueAt } from './relief-grid.js';

export const COARSE = {
  /** Side of the square that reliefs are shrunk into and correlated in. A power of two. */
  side: 64,
  /** Turns that are tried, evenly around the circle; even, for two share a transform. */
  turns: 72,
} as const;

/** A pose in coarse pixels, and how well it fits; comparable only within one search. */
export interface Candidate extends Pose {
  readonly fit: number;
}

/**
 * Looks for the template everywhere and at every turn at once: a correlation by FFT for each of `COARSE.turns` turns of
 * the template, on reliefs of at most 64 × 64 pixels.
 */
export class CoarseSearch {
  /** Relief pixels to a coarse one. */
  readonly factor: number;
  readonly #plane = new FourierPlane(COARSE.side);
  /** Per pair of turns a, b the spectrum conj(A) + i·conj(B): real and imaginary part of one result are two searches. */
  readonly #kernels: readonly Float32Array[];
  readonly #spectrum = new Float64Array(2 * COARSE.side ** 2);

  constructor(template: Relief) {
    this.factor = Math.ceil(Math.max(template.width, template.height) / COARSE.side);
    const coarse = shrinkRelief(template, this.factor);
    const kernels: Float32Array[] = [];
    for (let turn = 0; turn < COARSE.turns; turn += 2) {
      const [a, b] = [this.#spectrumOf(coarse, turn), this.#spectrumOf(coarse, turn + 1)];
      const kernel = new Float32Array(a.length);
      for (let i = 0; i < kernel.length; i += 2) {
        kernel[i] = a[i]! + b[i + 1]!;
        kernel[i + 1] = b[i]! - a[i + 1]!;
      }
      kernels.push(kernel);
    }
    this.#kernels = kernels;
  }

  /**
   * The best place at each turn that fits better than its neighbours, the best fit first; at most `most`.
   * @param coarse the relief, shrunk by `factor`
   */
  search(coarse: Relief, most: number): Candidate[] {
    const { side, turns } = COARSE;
    this.#plane.clear();
    this.#plane.put(coarse);
    this.#plane.forward();
    this.#spectrum.set(this.#plane.data);
    const best: Candidate[] = [];
    for (const [pair, kernel] of this.#kernels.entries()) {
      const { data } = this.#plane;
      for (let i = 0; i < data.length; i += 2) {
        const [re, im] = [this.#spectrum[i]!, this.#spectrum[i + 1]!];
        data[i] = re * kernel[i]! - im * kernel[i + 1]!;
        data[i + 1] = re * kernel[i + 1]! + im * kernel[i]!;
      }
      this.#plane.inverse();
      for (const part of [0, 1]) {
        const at = this.#plane.highest(part);
        const [row, column] = [Math.floor(at / side), at % side];
        // The correlation is periodic: the far half of the square is a shift to the left or upwards.
        const dx = column > side / 2 ? column - side : column;
        const dy = row > side / 2 ? row - side : row;
        best.push({
          turn: ((2 * pair + part) * 2 * Math.PI) / turns,
          x: coarse.width / 2 + dx,
          y: coarse.height / 2 + dy,
          fit: this.#plane.data[2 * at + part]!,
        });
      }
    }
    return best
      .filter(({ fit }, i) => fit >= best[(i + turns - 1) % turns]!.fit && fit >= best[(i + 1) % turns]!.fit)
      .sort((a, b) => b.fit - a.fit)
      .slice(0, most);
  }

  #spectrumOf(coarse: Relief, turn: number): Float64Array {
    this.#plane.clear();
    this.#plane.put(turned(coarse, (turn * 2 * Math.PI) / COARSE.turns));
    this.#plane.forward();
    return this.#plane.data.slice();
  }
}

/** A relief turned about its centre; 0 where nothing is known. */
function turned(relief: Relief, turn: number): Relief {
  const { width, height } = relief;
  const [cosine, sine] = [Math.cos(turn), Math.sin(turn)];
  const values = new Float32Array(width * height);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const [dx, dy] = [x + 0.5 - width / 2, y + 0.5 - height / 2];
      values[i] = valueAt(relief, cosine * dx + sine * dy + width / 2, cosine * dy - sine * dx + height / 2);
    }
  }
  return { width, height, values };
}
