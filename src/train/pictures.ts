import { SideglanceError } from '../errors.js';
import { decodeImage } from '../image/decode.js';
import type { Picture } from '../types.js';

/** Largest difference of an image's aspect ratio, or of its sides, from that of the others. */
const TOLERANCE = 0.05;

/** Decodes images and checks that they have the shape, or the size, of the first one that could be read. */
export class Pictures {
  readonly #signal: AbortSignal | undefined;
  readonly #alike: 'shape' | 'size';
  #first: { readonly width: number; readonly height: number } | null = null;

  constructor(signal: AbortSignal | undefined, alike: 'shape' | 'size') {
    this.#signal = signal;
    this.#alike = alike;
  }

  async read(file: string): Promise<{ readonly picture: Picture } | { readonly reason: string }> {
    this.#signal?.throwIfAborted();
    try {
      const picture = await decodeImage(file, file);
      const { width, height } = picture;
      this.#first ??= { width, height };
      const first = this.#first;
      const ratios = [width / first.width, height / first.height] as const;
      const off = this.#alike === 'shape' ? [ratios[0] / ratios[1]] : ratios;
      if (off.some((ratio) => Math.abs(ratio - 1) > TOLERANCE)) {
        return { reason: `its ${this.#alike} ${width} × ${height} differs from the first image's` };
      }
      return { picture };
    } catch (error) {
      if (!(error instanceof SideglanceError)) throw error;
      return { reason: error.message };
    }
  }
}
