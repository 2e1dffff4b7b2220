import { resampleInBands } from '../../image/resample.js';
import { PosedResampler } from '../../image/resample-posed.js';
import type { Pieces } from '../../pieces.js';
import type { Box, Picture } from '../../types.js';
import { type Located, type LocateSettings, Locator } from './locator.js';
import { uprightPose } from './pose.js';

/** Where the part was found, and whether that is alike enough to be one. */
export interface Found extends Located {
  readonly found: boolean;
}

/** From a region to a network's input: as it is, or the part alone, brought to the pose that the model knows. */
export class Cropper {
  readonly #settings: LocateSettings | null;
  readonly #locator: Locator | null;
  readonly #resampler = new PosedResampler();

  constructor(settings: LocateSettings | null) {
    this.#settings = settings;
    this.#locator = settings && new Locator(settings.template, settings.search);
  }

  /**
   * Fills `target`, which has the input's size. One picture at a time.
   * @returns where the part is; null when none is looked for
   * @throws SideglanceError as `resampleToRgb`
   */
  *crop(
    picture: Picture,
    region: Box & { readonly name?: string },
    target: { readonly width: number; readonly height: number; readonly data: Uint8Array },
  ): Pieces<Found | null> {
    if (!this.#settings || !this.#locator) {
      const { width, height, data } = target;
      const window = { x: 0, y: 0, width, height, data, offset: 0, pitch: 3 * width };
      yield* resampleInBands(picture, region, target, window);
      return null;
    }
    const { search, template, window, minimumSimilarity } = this.#settings;
    const located = yield* this.#locator.locate(picture, region);
    const similar = located.similarity >= minimumSimilarity;
    // In a fixture, what is not like a good part is inspected where it should be: it may be a very bad one.
    const pose = similar || search === 'everywhere' ? located.pose : uprightPose(template);
    yield* this.#resampler.resample(picture, region, { ...pose, frame: template, window }, target);
    return { pose, similarity: located.similarity, found: similar || search === 'nearby' };
  }
}
