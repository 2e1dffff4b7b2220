import { connectedComponents } from './components.js';
import { orderOf, type PixelSteps } from './pixel-metrics.js';

/**
 * A bin spans a relative width of 2⁻⁷ (0.8 %) of the score. Coarser than the bins that the metrics are measured with:
 * enough to see how far they vary from one choice of images to the next, and few enough to keep them for every image.
 */
const BIN_BITS = 16;
const BINS = 2 ** BIN_BITS;
const BIN_SHIFT = 32 - BIN_BITS;

/** The pixels of one image, in the bins that hold any. */
interface ImageTally {
  readonly bins: Uint16Array;
  readonly normal: Uint32Array;
  readonly defective: Uint32Array;
  readonly overlap: Float64Array;
  readonly components: number;
}

/**
 * The pixels of a set of images, by score and by image, so that sets drawn from them can be measured. An image takes 10
 * to 50 kB, whatever its size.
 */
export class ImageTallies {
  readonly #images: ImageTally[] = [];
  readonly #normal = new Uint32Array(BINS);
  readonly #defective = new Uint32Array(BINS);
  readonly #overlap = new Float64Array(BINS);

  get length(): number {
    return this.#images.length;
  }

  /**
   * Adds an image.
   * @param scores width × height finite scores.
   * @param mask 1 where a pixel is defective; null where none is.
   */
  add(scores: Float32Array, mask: Uint8Array | null, width: number, height: number): void {
    const pixels = width * height;
    const bits = new Uint32Array(scores.buffer, scores.byteOffset, pixels);
    const components = mask === null ? null : connectedComponents(mask, width, height);
    for (let i = 0; i < pixels; i++) {
      const bin = orderOf(bits[i]!) >>> BIN_SHIFT;
      const label = components?.labels[i] ?? 0;
      if (components === null || label === 0) {
        this.#normal[bin]!++;
      } else {
        this.#defective[bin]!++;
        this.#overlap[bin]! += 1 / components.areas[label - 1]!;
      }
    }
    const bins: number[] = [];
    for (let bin = 0; bin < BINS; bin++) if (this.#normal[bin] !== 0 || this.#defective[bin] !== 0) bins.push(bin);
    this.#images.push({
      bins: Uint16Array.from(bins),
      normal: Uint32Array.from(bins, (bin) => this.#normal[bin]!),
      defective: Uint32Array.from(bins, (bin) => this.#defective[bin]!),
      overlap: Float64Array.from(bins, (bin) => this.#overlap[bin]!),
      components: components?.areas.length ?? 0,
    });
    this.#normal.fill(0);
    this.#defective.fill(0);
    this.#overlap.fill(0);
  }

  /** The pixels of all images, image i counted `times[i]` times; once each where left out. */
  steps(times?: ArrayLike<number>): PixelSteps {
    const [lowest, highest] = this.#range();
    const size = Math.max(0, highest - lowest + 1);
    const steps = {
      normal: new Float64Array(size),
      defective: new Float64Array(size),
      overlap: new Float64Array(size),
      normalPixels: 0,
      defectivePixels: 0,
      components: 0,
    };
    this.#images.forEach(({ bins, normal, defective, overlap, components }, image) => {
      const count = times?.[image] ?? 1;
      if (count === 0) return;
      for (let i = 0; i < bins.length; i++) {
        const step = bins[i]! - lowest;
        steps.normal[step]! += count * normal[i]!;
        steps.defective[step]! += count * defective[i]!;
        steps.overlap[step]! += count * overlap[i]!;
        steps.normalPixels += count * normal[i]!;
        steps.defectivePixels += count * defective[i]!;
      }
      steps.components += count * components;
    });
    return steps;
  }

  #range(): [number, number] {
    let [lowest, highest] = [BINS, -1];
    for (const { bins } of this.#images) {
      lowest = Math.min(lowest, bins[0] ?? BINS);
      highest = Math.max(highest, bins.at(-1) ?? -1);
    }
    return [lowest, highest];
  }
}
