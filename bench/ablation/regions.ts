import { createHash } from 'node:crypto';
import type { Scored, Scorer } from '../../src/evaluate/evaluate.js';
import { Cropper, type Found } from '../../src/infer/locate/cropper.js';
import type { LocateSettings } from '../../src/infer/locate/locator.js';
import { placeMap } from '../../src/infer/locate/place-map.js';
import { allAtOnce } from '../../src/pieces.js';
import { LOCAL_NET } from '../../src/train/networks/local-net.js';
import type { Picture } from '../../src/types.js';
import type { Composition } from './composition.js';
import type { EvidenceReader, Readings } from './evidence.js';

interface Region {
  readonly readings: Readings;
  readonly found: Found | null;
}

/** The evidence of pictures, read once for all variants: pictures are known again by their pixels. */
export class Regions {
  readonly #reader: EvidenceReader;
  readonly #input: { readonly width: number; readonly height: number; readonly data: Uint8Array };
  readonly #locate: LocateSettings | null;
  readonly #cropper: Cropper;
  readonly #known = new Map<string, Region>();

  constructor(reader: EvidenceReader, input: { width: number; height: number }, locate: LocateSettings | null) {
    const { width, height } = input;
    this.#reader = reader;
    this.#input = { width, height, data: new Uint8Array(width * height * 3) };
    this.#locate = locate;
    this.#cropper = new Cropper(locate);
  }

  scorer(composition: Composition): Scorer {
    return { score: (picture) => this.#score(picture, composition) };
  }

  async #score(picture: Picture, composition: Composition): Promise<Scored> {
    const { readings, found } = await this.#regionOf(picture);
    const { score, map: values } = composition.compose(readings);
    const { width: inputWidth, height: inputHeight } = this.#input;
    const cell = LOCAL_NET.stride;
    const map = { rows: inputHeight / cell, columns: inputWidth / cell, cell, inputWidth, inputHeight, values };
    return { score, map: found && this.#locate ? placeMap(map, found.pose, this.#locate) : map };
  }

  async #regionOf(picture: Picture): Promise<Region> {
    const digest = createHash('sha256').update(`${picture.width} `).update(picture.data).digest('hex');
    const known = this.#known.get(digest);
    if (known) return known;
    const whole = { x: 0, y: 0, width: picture.width, height: picture.height };
    const found = allAtOnce(this.#cropper.crop(picture, whole, this.#input));
    const region = { readings: await this.#reader.read(this.#input.data), found };
    this.#known.set(digest, region);
    return region;
  }
}
