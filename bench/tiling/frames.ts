import { createScorer } from '../../src/infer/create-scorer.js';
import { type RegionScorer, scoreOne } from '../../src/infer/scored.js';
import { TILE_GEOMETRY } from '../../src/train/export-tiles.js';
import { LOCAL_NET } from '../../src/train/networks/local-net.js';
import type { Picture } from '../../src/types.js';
import { FIELD_SCORING, RandomFieldModel } from '../../test/support/field-model.js';

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Sizes of common cameras, and one that is a whole number of the largest tiles. */
export const FRAMES: readonly Size[] = [
  { width: 1024, height: 1024 },
  { width: 1600, height: 1200 },
  { width: 2448, height: 2048 },
  { width: 4096, height: 3000 },
];

/** Time and memory do not ask what a network has learnt. */
export const untrained = new RandomFieldModel(1);

/** A frame at work: a grey camera's noise, and a scorer whose tiles are fitted to it as training would. */
export class Frame {
  readonly megapixels: number;
  readonly scorer: RegionScorer;
  readonly #picture: Picture;

  private constructor(picture: Picture, scorer: RegionScorer) {
    this.#picture = picture;
    this.scorer = scorer;
    this.megapixels = (picture.width * picture.height) / 1e6;
  }

  static async open(size: Size, threads: number): Promise<Frame> {
    const { stride } = LOCAL_NET;
    const field = { ...TILE_GEOMETRY, scale: 1 };
    const facts = { region: size, stride, field, scoring: FIELD_SCORING };
    return new Frame(noise(size), await createScorer(untrained.files(), { ...facts, locate: null, threads }));
  }

  /** Scores it so often that about so many megapixels are seen, and once at least. */
  time(megapixels = 0): Promise<Taken> {
    const times = Math.max(1, Math.round(megapixels / this.megapixels));
    return taken(async () => {
      for (let i = 0; i < times; i++) await scoreOne(this.scorer, this.#picture, wholeOf(this.#picture));
    }, times * this.megapixels);
  }
}

/** Milliseconds for each megapixel. */
export interface Taken {
  readonly elapsed: number;
  /** Of all cores together: other work on the machine lengthens it little. */
  readonly cpu: number;
}

export async function taken(work: () => Promise<unknown>, megapixels: number): Promise<Taken> {
  const [begun, usage] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(usage);
  return { elapsed: (performance.now() - begun) / megapixels, cpu: (user + system) / 1000 / megapixels };
}

export function wholeOf({ width, height }: Size) {
  return { x: 0, y: 0, width, height };
}

export function noise({ width, height }: Size): Picture {
  const data = new Uint8Array(width * height);
  let state = 1;
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    data[i] = 96 + (state >>> 26);
  }
  return { width, height, stride: width, format: 'GRAY8', data };
}
