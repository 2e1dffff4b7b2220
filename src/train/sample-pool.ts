import type { Random } from '../random.js';
import { type AugmentationLimits, augment, noiseTable } from './augment.js';
import { FeatureExtractor } from './features.js';
import { LOCAL_NET } from './networks/local-net.js';
import type { Weights } from './networks/parameters.js';
import type { PositionNorm } from './position/norm.js';
import { drawPseudoDefects, labelCells } from './pseudo-defects.js';
import type { Raster } from './raster.js';

/** A good image, changed a little, and the same with pseudo-defects: pixels and Z_l of both, and the cells' labels. */
export interface Sample {
  readonly clean: View;
  readonly marked: View;
  readonly labels: Float32Array;
  readonly counts: Float32Array;
}

/** One image as training sees it. */
export interface View {
  readonly pixels: Uint8Array;
  readonly local: Float32Array;
}

export interface SamplePoolOptions {
  readonly images: readonly Raster[];
  readonly localNet: Weights;
  readonly norm: PositionNorm;
  readonly augmentation: AugmentationLimits;
  readonly random: Random;
  readonly threads: number;
}

export const SAMPLE_POOL = {
  /** Samples made at a time. */
  batch: 2,
  most: 400,
  /** The pool holds fewer samples when they would need more memory than this. */
  bytes: 768 * 2 ** 20,
} as const;

/**
 * Samples to train on. Local-Net is by far the dearest part of a training step and never changes, so that its features
 * are used several times: each `renew` replaces the oldest samples by new ones, and `draw` picks any.
 */
export class SamplePool {
  readonly #options: SamplePoolOptions;
  readonly #extractor: FeatureExtractor;
  readonly #noise: Int8Array;
  readonly #capacity: number;
  readonly #samples: Sample[] = [];
  #oldest = 0;

  private constructor(options: SamplePoolOptions, extractor: FeatureExtractor) {
    this.#options = options;
    this.#extractor = extractor;
    this.#noise = noiseTable(options.random);
    const bytes = 2 * (extractor.imageBytes + 4 * extractor.featuresLength);
    this.#capacity = Math.max(2 * SAMPLE_POOL.batch, Math.min(SAMPLE_POOL.most, Math.floor(SAMPLE_POOL.bytes / bytes)));
  }

  static async create(options: SamplePoolOptions): Promise<SamplePool> {
    const { width, height } = options.images[0] as Raster;
    const { localNet: weights, norm, threads } = options;
    const batch = 2 * SAMPLE_POOL.batch;
    return new SamplePool(options, await FeatureExtractor.create({ weights, batch, height, width, norm, threads }));
  }

  /** Any sample. Its arrays stay as they are until a later `renew` replaces it. */
  draw(): Sample {
    return this.#options.random.pick(this.#samples);
  }

  /** Makes `SAMPLE_POOL.batch` new samples. */
  async renew(): Promise<void> {
    const { images, random, augmentation } = this.#options;
    const { width, height } = images[0] as Raster;
    const extractor = this.#extractor;
    const cells = (width / LOCAL_NET.stride) * (height / LOCAL_NET.stride);
    const fresh = Array.from({ length: SAMPLE_POOL.batch }, () => this.#slot(cells));
    fresh.forEach((sample, index) => {
      augment(random.pick(images), augmentation, random, this.#noise, sample.clean.pixels);
      const clean = { width, height, data: sample.clean.pixels };
      drawPseudoDefects(clean, random.pick(images), random, sample.marked.pixels);
      labelCells(clean.data, sample.marked.pixels, width, height, LOCAL_NET.stride, LOCAL_NET.border, sample);
      extractor.image(2 * index).set(sample.clean.pixels);
      extractor.image(2 * index + 1).set(sample.marked.pixels);
    });
    await extractor.run();
    fresh.forEach((sample, index) => {
      sample.clean.local.set(extractor.feature(2 * index));
      sample.marked.local.set(extractor.feature(2 * index + 1));
    });
  }

  async close(): Promise<void> {
    await this.#extractor.close();
  }

  /** A new sample while there is room, else the oldest one, to be overwritten. */
  #slot(cells: number): Sample {
    if (this.#samples.length === this.#capacity) {
      const sample = this.#samples[this.#oldest] as Sample;
      this.#oldest = (this.#oldest + 1) % this.#capacity;
      return sample;
    }
    const view = (): View => ({
      pixels: new Uint8Array(this.#extractor.imageBytes),
      local: new Float32Array(this.#extractor.featuresLength),
    });
    const sample: Sample = {
      clean: view(),
      marked: view(),
      labels: new Float32Array(cells),
      counts: new Float32Array(cells),
    };
    this.#samples.push(sample);
    return sample;
  }
}
