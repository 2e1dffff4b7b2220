import { performance } from 'node:perf_hooks';
import { SideglanceError } from '../errors.js';
import { byKind } from '../kinds.js';
import { spareMoment } from '../native/background.js';
import { withPauses } from '../pieces.js';
import type { Picture } from '../types.js';
import { checkContract, HEAD_VALUES, INPUT_NAME, type ModelGeometry, OUTPUT_NAMES } from './contract.js';
import type { HeadMaps } from './defects.js';
import { Cropper, type Found } from './locate/cropper.js';
import type { LocateSettings } from './locate/locator.js';
import { placeMaps, regionGrid } from './locate/place-map.js';
import { type OpenGraph, openOnCpu } from './open-graph.js';
import type { Binding, Provider, Session } from './ort/session.js';
import { type Scoring, scoreMaps } from './score.js';
import type { RegionScorer, Scored, ScoredRegion } from './scored.js';

export interface ScorerOptions extends ModelGeometry {
  readonly scoring: Scoring;
  /** Loads the model; on the CPU, with so many `threads`, when left out. */
  readonly open?: OpenGraph;
  readonly threads?: number;
  /** What messages call the model. */
  readonly name?: string;
  /** Finds the part first; null where parts lie in one place. */
  readonly locate: LocateSettings | null;
  /** How many regions each run takes; 1 when left out. */
  readonly batch?: number;
}

/** So long, about, the crop of a large frame keeps everything else waiting. */
const HOLD_MS = 4;

interface Crop {
  readonly located: Found | null;
  readonly cropMs: number;
}

/** The largest difference of the aspect ratios of region and model input. */
export const ASPECT_TOLERANCE = 0.05;

/**
 * Scores regions with a model whose input has one size: finds the part where the model asks for it, crops and scales, runs
 * the network on a batch of fixed size, takes the scores.
 */
export class Scorer implements RegionScorer {
  readonly provider: Provider;
  readonly batch: number;
  readonly regionSize: { readonly width: number; readonly height: number };
  readonly #session: Session;
  readonly #binding: Binding;
  readonly #options: ScorerOptions;
  readonly #cropper: Cropper;
  /** A region's part of the batch. */
  readonly #slots: readonly { readonly input: Uint8Array; readonly maps: HeadMaps }[];
  /** Ends when the last caller has its result: the buffers serve one batch at a time. */
  #queue: Promise<unknown> = Promise.resolve();

  private constructor(session: Session, options: ScorerOptions) {
    const { width, height, stride, batch: regions = 1 } = options;
    this.provider = session.provider;
    this.#session = session;
    this.#options = options;
    this.#cropper = new Cropper(options.locate);
    this.batch = regions;
    const geometry = {
      rows: height / stride,
      columns: width / stride,
      cell: stride,
      inputWidth: width,
      inputHeight: height,
    };
    const region = options.locate ? regionGrid(geometry, options.locate) : geometry;
    this.regionSize = { width: region.inputWidth, height: region.inputHeight };
    const input = new Uint8Array(regions * width * height * 3);
    const { rows, columns } = geometry;
    const cells = rows * columns;
    const map = () => new Float32Array(regions * cells);
    const maps = { score: map(), position: map(), context: map(), distortion: map() };
    this.#slots = Array.from({ length: regions }, (_, index) => {
      const part = (values: Float32Array) => values.subarray(index * cells, (index + 1) * cells);
      const bytes = input.length / regions;
      return {
        input: input.subarray(index * bytes, (index + 1) * bytes),
        maps: { ...geometry, score: part(maps.score), ...byKind((kind) => part(maps[kind])) },
      };
    });
    const output = (data: Float32Array) => ({ type: 'float32' as const, shape: [regions, rows, columns], data });
    this.#binding = session.bind(
      { [INPUT_NAME]: { type: 'uint8', shape: inputShape(options), data: input } },
      Object.fromEntries(OUTPUT_NAMES.map((name) => [name, output(maps[name])])),
    );
  }

  /**
   * @param model the bytes of an ONNX file
   * @throws SideglanceError `SG_MODEL_INVALID` when it does not keep the contract of `contract.ts`; otherwise as
   * `open`
   */
  static async create(model: Uint8Array, options: ScorerOptions): Promise<Scorer> {
    const { open = openOnCpu(options.threads), name = 'the model' } = options;
    const shapes = { [INPUT_NAME]: inputShape(options) };
    const session = await open(model, { name, shapes, boundary: HEAD_VALUES });
    try {
      checkContract(session, options, name);
      await spareMoment();
      return new Scorer(session, options);
    } catch (thrown) {
      await session.close();
      throw thrown;
    }
  }

  async scoreAll(picture: Picture, regions: readonly ScoredRegion[], onRun?: () => void): Promise<Scored[]> {
    const turn = this.#queue.then(async () => {
      const results: Scored[] = [];
      for (let start = 0; start < regions.length; start += this.batch) {
        results.push(...(await this.#scoreTogether(picture, regions.slice(start, start + this.batch))));
        onRun?.();
      }
      return results;
    });
    this.#queue = turn.catch(() => undefined);
    return turn;
  }

  /** Waits for what is under way, then frees everything native. */
  async close(): Promise<void> {
    await this.#queue;
    await this.#session.close();
  }

  /** @param regions no more than there are slots; what the others hold is run again, for nothing */
  async #scoreTogether(picture: Picture, regions: readonly ScoredRegion[]): Promise<Scored[]> {
    const crops: Crop[] = [];
    for (const region of regions) crops.push(await this.#crop(picture, region, this.#slots[crops.length]!.input));
    const begun = performance.now();
    await this.#session.run(this.#binding);
    const networkMs = (performance.now() - begun) / regions.length;
    return crops.map(({ located, cropMs }, index) => {
      const started = performance.now();
      const { maps } = this.#slots[index]!;
      const { scoring, name = 'the model' } = this.#options;
      const scored = scoreMaps(maps, scoring, { name, provider: this.provider });
      const placed = this.#mapsOf(maps, located);
      return { ...scored, maps: placed, located, cropMs, networkMs, postprocessMs: performance.now() - started };
    });
  }

  async #crop(picture: Picture, region: ScoredRegion, data: Uint8Array): Promise<Crop> {
    const begun = performance.now();
    this.#checkShape(region);
    const { width, height } = this.#options;
    const pieces = this.#cropper.crop(picture, region, { width, height, data });
    const located = await withPauses(pieces, HOLD_MS);
    return { located, cropMs: performance.now() - begun };
  }

  #mapsOf(maps: HeadMaps, located: Found | null): HeadMaps {
    const { locate } = this.#options;
    const { score, position, context, distortion, ...geometry } = maps;
    const own = [score, position, context, distortion];
    const placed =
      located && locate
        ? placeMaps(geometry, own, located.pose, locate)
        : { ...geometry, maps: own.map((map) => map.slice()) };
    const { maps: owned, ...grid } = placed;
    return { ...grid, score: owned[0]!, position: owned[1]!, context: owned[2]!, distortion: owned[3]! };
  }

  #checkShape({ name, width, height }: ScoredRegion): void {
    // An empty region is the resampler's to refuse.
    if (!(width > 0 && height > 0)) return;
    const { template } = this.#options.locate ?? {};
    const shape = template ?? this.#options;
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

function inputShape({ batch = 1, height, width }: ScorerOptions): readonly number[] {
  return [batch, height, width, 3];
}
