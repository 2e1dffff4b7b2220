import { performance } from 'node:perf_hooks';
import { SideglanceError } from '../errors.js';
import type { Box, Picture } from '../types.js';
import { checkContract, INPUT_NAME, type ModelGeometry, OUTPUT_NAMES } from './contract.js';
import type { HeadMaps } from './defects.js';
import { Cropper, type Found } from './locate/cropper.js';
import type { LocateSettings } from './locate/locator.js';
import { placeMaps, regionGrid } from './locate/place-map.js';
import { type Binding, type Provider, Session, type SessionOptions } from './ort/session.js';
import { hottestMeans, type Scoring, scoreOf } from './score.js';

export interface ScorerOptions
  extends ModelGeometry,
    Pick<SessionOptions, 'provider' | 'providerOptions' | 'library' | 'optimisation' | 'saveOptimised'> {
  readonly scoring: Scoring;
  readonly threads?: number;
  /** What messages call the model. */
  readonly name?: string;
  /** Finds the part first; null where parts lie in one place. */
  readonly locate: LocateSettings | null;
}

/** What the network says about one region. The maps belong to the receiver. */
export interface Scored {
  readonly score: number;
  /** Of the hottest cells, one for each term of the score. */
  readonly means: readonly number[];
  /** In the region's own grid, however the part lies. */
  readonly maps: HeadMaps;
  /** Where the part was found, and whether it was; null for a model that does not look for it. */
  readonly located: Found | null;
  readonly cropMs: number;
  readonly networkMs: number;
  readonly postprocessMs: number;
}

/** The largest difference of the aspect ratios of region and model input. */
const ASPECT_TOLERANCE = 0.05;

/**
 * The one way from pixels to scores: find the part where the model asks for it, crop and scale, run the network, take
 * the score. Calibration, golden samples, evaluation, `inspect` and the stations all come through here, so that equal
 * pixels give equal scores.
 */
export class Scorer {
  readonly provider: Provider;
  readonly inputWidth: number;
  readonly inputHeight: number;
  /** Pixels of a region that lose nothing when they are scaled to the input; no more are looked at. */
  readonly regionWidth: number;
  readonly regionHeight: number;
  readonly #session: Session;
  readonly #binding: Binding;
  readonly #options: ScorerOptions;
  readonly #cropper: Cropper;
  readonly #input: Uint8Array;
  readonly #maps: HeadMaps;
  /** Ends when the last caller has its result: the buffers serve one region at a time. */
  #queue: Promise<unknown> = Promise.resolve();

  private constructor(session: Session, options: ScorerOptions) {
    const { width, height, stride } = options;
    this.provider = session.provider;
    this.inputWidth = width;
    this.inputHeight = height;
    this.#session = session;
    this.#options = options;
    this.#cropper = new Cropper(options.locate);
    this.#input = new Uint8Array(width * height * 3);
    const [rows, columns] = [height / stride, width / stride];
    const map = () => new Float32Array(rows * columns);
    const maps = { score: map(), position: map(), context: map(), distortion: map() };
    const [inputWidth, inputHeight] = [width, height];
    this.#maps = { rows, columns, cell: stride, inputWidth, inputHeight, ...maps };
    const region = options.locate ? regionGrid(this.#maps, options.locate) : this.#maps;
    this.regionWidth = region.inputWidth;
    this.regionHeight = region.inputHeight;
    const output = (data: Float32Array) => ({ type: 'float32' as const, shape: [1, rows, columns], data });
    this.#binding = session.bind(
      { [INPUT_NAME]: { type: 'uint8', shape: [1, height, width, 3], data: this.#input } },
      Object.fromEntries(OUTPUT_NAMES.map((name) => [name, output(maps[name])])),
    );
  }

  /**
   * @param model the bytes of an ONNX file
   * @throws SideglanceError `SG_MODEL_INVALID` when it does not keep the contract of `contract.ts`; otherwise as
   * `Session.create`
   */
  static async create(model: Uint8Array, options: ScorerOptions): Promise<Scorer> {
    const {
      threads = 1,
      name = 'the model',
      provider,
      providerOptions,
      library,
      optimisation,
      saveOptimised,
    } = options;
    const session = await Session.create(model, {
      threads,
      name,
      ...(provider && { provider }),
      ...(providerOptions && { providerOptions }),
      ...(library !== undefined && { library }),
      ...(optimisation && { optimisation }),
      ...(saveOptimised !== undefined && { saveOptimised }),
    });
    try {
      checkContract(session, options, name);
      return new Scorer(session, options);
    } catch (thrown) {
      await session.close();
      throw thrown;
    }
  }

  /**
   * Scores one region of a picture, which must stay as it is until the promise settles. Calls are answered in order.
   *
   * @throws SideglanceError `SG_REGION_OUTSIDE`, `SG_REGION_SHAPE` when the region's aspect ratio is not the model's,
   * `SG_FRAME_FORMAT`, `SG_RUNTIME` when the run fails or gives values that are not finite
   */
  async score(picture: Picture, region: Box & { readonly name?: string }): Promise<Scored> {
    const turn = this.#queue.then(() => this.#scoreNow(picture, region));
    this.#queue = turn.catch(() => undefined);
    return turn;
  }

  /** Waits for what is under way, then frees everything native. */
  async close(): Promise<void> {
    await this.#queue;
    await this.#session.close();
  }

  async #scoreNow(picture: Picture, region: Box & { readonly name?: string }): Promise<Scored> {
    const begun = performance.now();
    this.#checkShape(region);
    const target = { width: this.inputWidth, height: this.inputHeight, data: this.#input };
    const located = this.#cropper.crop(picture, region, target);
    const cropped = performance.now();
    await this.#session.run(this.#binding);
    const ran = performance.now();
    const { scoring } = this.#options;
    const means = hottestMeans(this.#maps, scoring);
    const score = scoreOf(means, scoring.terms);
    if (!Number.isFinite(score)) {
      throw new SideglanceError(
        'SG_RUNTIME',
        `${this.#options.name ?? 'the model'} gave values that are not finite (score ${score}) on ${this.provider}; ` +
          'run `sideglance doctor` and train the model again if it stays',
      );
    }
    return {
      score,
      means,
      maps: this.#mapsOf(located),
      located,
      cropMs: cropped - begun,
      networkMs: ran - cropped,
      postprocessMs: performance.now() - ran,
    };
  }

  #mapsOf(located: Found | null): HeadMaps {
    const { locate } = this.#options;
    const { score, position, context, distortion, ...geometry } = this.#maps;
    const maps = [score, position, context, distortion];
    const placed =
      located && locate
        ? placeMaps(geometry, maps, located.pose, locate)
        : { ...geometry, maps: maps.map((map) => map.slice()) };
    const { maps: owned, ...grid } = placed;
    return { ...grid, score: owned[0]!, position: owned[1]!, context: owned[2]!, distortion: owned[3]! };
  }

  #checkShape({ name, width, height }: Box & { readonly name?: string }): void {
    // An empty region is the resampler's to refuse.
    if (!(width > 0 && height > 0)) return;
    const { template } = this.#options.locate ?? {};
    const shape = template ?? { width: this.inputWidth, height: this.inputHeight };
    const [wanted, given] = [shape.width / shape.height, width / height];
    if (Math.abs(given / wanted - 1) <= ASPECT_TOLERANCE) return;
    throw new SideglanceError(
      'SG_REGION_SHAPE',
      `region ${name === undefined ? '' : `"${name}" `}of ${width}×${height} has the aspect ratio ${given.toFixed(3)}, ` +
        `but ${template ? 'the template that finds the part' : "the model's input"} of ${shape.width}×${shape.height} has ${wanted.toFixed(3)}. ` +
        'Choose a region of that shape, or train a model for this one',
    );
  }
}
