import { performance } from 'node:perf_hooks';
import { SideglanceError } from '../errors.js';
import { decodeImage } from '../image/decode.js';
import { byKind } from '../kinds.js';
import { type GoldenSample, type Manifest, MODEL_FILE, modelName } from '../model/manifest.js';
import { type Bundle, openBundle } from '../model/open.js';
import type { Picture, Region, RegionResult, Verdict } from '../types.js';
import { megabytesOf } from './batch.js';
import { pValueOf, type Threshold, type ThresholdChoice, thresholdFrom } from './calibration.js';
import type { ModelFiles } from './contract.js';
import { createScorer, inFlightOf } from './create-scorer.js';
import { findDefects } from './defects.js';
import { measureGolden } from './golden.js';
import type { LocateSettings } from './locate/locator.js';
import { readTemplate } from './locate/template-image.js';
import type { Provider, SessionOptions } from './ort/session.js';
import { hottestCell } from './score.js';
import type { RegionScorer, Scored } from './scored.js';
import { ScoreTail } from './tail.js';
import { checkFieldSize } from './tiling/field-size.js';

export interface InspectorOptions extends Pick<SessionOptions, 'providers' | 'providerOptions' | 'library'> {
  /** Threads of one run; 1 when left out. */
  readonly threads?: number;
  readonly threshold: ThresholdChoice;
  /** How many regions of a part are judged together: a false reject rate holds for the part. 1 when left out. */
  readonly regionsPerPart?: number;
  /** What a run may hold on a GPU; no limit when left out. */
  readonly gpuMemoryMb?: number;
}

/** The results of one picture, with the milliseconds of each stage in sum. */
export interface Inspected {
  readonly regions: readonly RegionResult[];
  readonly cropMs: number;
  readonly networkMs: number;
  readonly postprocessMs: number;
}

/** A model bundle at work: from a picture and its regions to scores, defects and verdicts. */
export class Inspector {
  /** `<id>@<version>`. */
  readonly model: string;
  readonly manifest: Manifest;
  readonly threshold: Threshold;
  readonly #bundle: Bundle;
  readonly #scorer: RegionScorer;
  readonly #tail: ScoreTail | null;
  #nextGolden = 0;

  private constructor(bundle: Bundle, scorer: RegionScorer, threshold: Threshold) {
    this.#bundle = bundle;
    this.#scorer = scorer;
    this.manifest = bundle.manifest;
    this.model = modelName(bundle.manifest);
    this.threshold = threshold;
    this.#tail = ScoreTail.fit(bundle.manifest.calibration.scores);
  }

  /**
   * Opens a bundle, verifies its digests, loads the model and reproduces every golden sample.
   * @throws SideglanceError as `openBundle` and `of`
   */
  static async load(folder: string, options: InspectorOptions): Promise<Inspector> {
    return Inspector.of(await openBundle(folder), options);
  }

  /**
   * Loads the model of a bundle that is open and reproduces every golden sample.
   * @throws SideglanceError as `Session.create` and `readTemplate`; `SG_MODEL_GOLDEN_MISMATCH` when a golden sample does not reproduce
   */
  static async of(bundle: Bundle, options: InspectorOptions): Promise<Inspector> {
    const { folder, manifest } = bundle;
    const { threads, providers, providerOptions, library, regionsPerPart, gpuMemoryMb } = options;
    const locate = await locateSettings(bundle);
    const scorer = await createScorer(filesOf(bundle), {
      region: manifest.region,
      stride: manifest.stride,
      scoring: manifest.scoring,
      locate,
      ...(manifest.field && { field: manifest.field }),
      name: `${folder}/${MODEL_FILE}`,
      ...(threads !== undefined && { threads }),
      ...(providers && { providers }),
      ...(providerOptions && { providerOptions }),
      ...(library !== undefined && { library }),
      ...(regionsPerPart !== undefined && { regions: regionsPerPart }),
      ...(gpuMemoryMb !== undefined && { gpuMemoryMb }),
    });
    try {
      const threshold = thresholdFrom(options.threshold, manifest.calibration.scores, options.regionsPerPart);
      const inspector = new Inspector(bundle, scorer, threshold);
      for (const sample of manifest.golden) await inspector.#reproduce(sample);
      return inspector;
    } catch (thrown) {
      await scorer.close();
      throw thrown;
    }
  }

  get provider(): Provider {
    return this.#scorer.provider;
  }

  /** What a run holds at its peak, about. */
  get memoryMb(): number {
    return megabytesOf(inFlightOf(filesOf(this.#bundle), this.manifest), this.#scorer.batch);
  }

  /** Pixels of the model: of its input, or of the regions that a `field` model's scores hold for. */
  get inputWidth(): number {
    return this.manifest.region.width;
  }

  get inputHeight(): number {
    return this.manifest.region.height;
  }

  /**
   * Inspects the regions of one picture. The picture must stay as it is until the promise settles.
   *
   * The defects are the places above the bundle's map threshold, whatever the verdict: about one good region in twenty
   * has one.
   *
   * @throws SideglanceError `SG_REGION_OUTSIDE`, `SG_REGION_SHAPE`, `SG_FRAME_FORMAT`, `SG_RUNTIME`
   */
  async inspectRegions(picture: Picture, regions: readonly Region[]): Promise<Inspected> {
    for (const region of regions) checkFieldSize(region, this.manifest);
    const results: RegionResult[] = [];
    let [cropMs, networkMs, postprocessMs] = [0, 0, 0];
    for (const [index, scored] of (await this.#scorer.scoreAll(picture, regions)).entries()) {
      const begun = performance.now();
      results.push(this.#judge(regions[index] as Region, scored));
      cropMs += scored.cropMs;
      networkMs += scored.networkMs;
      postprocessMs += scored.postprocessMs + performance.now() - begun;
    }
    return { regions: results, cropMs, networkMs, postprocessMs };
  }

  /**
   * Scores one golden sample again, another one at each call: proof that the model still computes, when no part comes.
   * @throws SideglanceError `SG_MODEL_GOLDEN_MISMATCH`
   */
  async selfTest(): Promise<void> {
    const { golden } = this.manifest;
    const sample = golden[this.#nextGolden++ % golden.length] as GoldenSample;
    await this.#reproduce(sample);
  }

  /** Waits for what is under way, then frees everything native. */
  async close(): Promise<void> {
    await this.#scorer.close();
  }

  #judge(region: Region, { score, maps, located }: Scored): RegionResult {
    const { calibration } = this.manifest;
    const verdict: Verdict =
      located && !located.found
        ? noPart(located.similarity, this.manifest)
        : { result: score > this.threshold.score ? 'fail' : 'pass' };
    const hottest = hottestCell(maps.score);
    const { rows, columns, cell, inputWidth, inputHeight } = maps;
    return {
      region,
      verdict,
      score,
      threshold: this.threshold.score,
      mapThreshold: calibration.mapThreshold,
      pValue: pValueOf(score, calibration.scores, this.#tail),
      parts: byKind((kind) => maps[kind][hottest]!),
      defects: findDefects(maps, calibration.mapThreshold, region),
      map: { rows, columns, cell, inputWidth, inputHeight, values: maps.score },
    };
  }

  async #reproduce(sample: GoldenSample): Promise<void> {
    const bytes = this.#bundle.golden.get(sample.image) as Uint8Array; // `openBundle` has read every golden image
    const where = `${this.#bundle.folder}/${sample.image}`;
    const found = await measureGolden(this.#scorer, await decodeImage(bytes, where), where);
    const figures: [string, number, number][] = [['score', sample.score, found.score]];
    if (sample.map) {
      figures.push(
        ['mean of the map', sample.map.mean, found.map.mean],
        ['peak of the map', sample.map.max, found.map.max],
      );
    }
    for (const [what, expected, measured] of figures) {
      if (Math.abs(measured - expected) <= sample.tolerance) continue;
      throw new SideglanceError(
        'SG_MODEL_GOLDEN_MISMATCH',
        `${this.model} does not reproduce ${where} on ${this.provider}: ${what} ${measured}, expected ${expected} ± ${sample.tolerance}. ` +
          'The model, the runtime or the hardware computes something else than where the bundle was made: it is not used',
      );
    }
  }
}

function filesOf({ model, context }: Bundle): ModelFiles {
  return { model, ...(context && { context }) };
}

async function locateSettings({ folder, manifest, template }: Bundle): Promise<LocateSettings | null> {
  if (!manifest.locate || !template) return null;
  const { template: file, ...settings } = manifest.locate;
  return { ...settings, template: await readTemplate(template, settings.window, `${folder}/${file}`) };
}

/** Whatever the score of something else may be, it says nothing about a part. */
function noPart(similarity: number, { locate }: Manifest): Verdict {
  const detail = `nothing in the region looks like the part: similarity ${similarity.toFixed(3)}, at least ${locate?.minimumSimilarity} is needed`;
  return { result: 'invalid', reason: 'no part', detail };
}
