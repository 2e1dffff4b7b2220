import { performance } from 'node:perf_hooks';
import { byKind } from '../kinds.js';
import { type GoldenSample, type Manifest, MODEL_FILE, modelName } from '../model/manifest.js';
import { type Bundle, openBundle } from '../model/open.js';
import type { Picture, ProviderFailure, Region, RegionResult, Verdict } from '../types.js';
import { pValueOf, type Threshold, type ThresholdChoice, thresholdFrom } from './calibration.js';
import { INPUT_NAME } from './contract.js';
import { findDefects } from './defects.js';
import { precisionOn, type Ran, runOn } from './execution.js';
import type { ExecutionOptions } from './execution-options.js';
import { type GoldenFigures, measureSample, reproduceGolden } from './golden.js';
import type { LocateSettings } from './locate/locator.js';
import { readTemplate } from './locate/template-image.js';
import { climb } from './ort/ladder.js';
import type { Provider } from './ort/providers.js';
import { type Measured, measuredFor } from './precision/calibrated.js';
import type { Precision } from './precision/precision.js';
import { hottestCell } from './score.js';
import { type Scored, Scorer } from './scorer.js';
import { ScoreTail } from './tail.js';

export interface InspectorOptions extends ExecutionOptions {
  /** Threads of one run; 1 when left out. */
  readonly threads?: number;
  readonly threshold: ThresholdChoice;
  /** How many regions of a part are judged together: a false reject rate holds for the part. 1 when left out. */
  readonly regionsPerPart?: number;
  /** Loads a model whose thresholds do not hold for the precision that it runs in: to calibrate it. */
  readonly uncalibrated?: boolean;
}

/** A model that runs, and what its figures are compared with. */
interface Proven extends Ran<Scorer> {
  readonly measured: Measured;
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
  readonly precision: Precision;
  /** Providers that were asked for first and do not run this model here. */
  readonly skipped: readonly ProviderFailure[];
  /** The TensorRT engine, where there is one. */
  readonly engine: Ran<unknown>['engine'];
  readonly #bundle: Bundle;
  readonly #scorer: Scorer;
  readonly #measured: Measured;
  readonly #tail: ScoreTail | null;
  #nextGolden = 0;

  private constructor(bundle: Bundle, proven: Proven, skipped: readonly ProviderFailure[], options: InspectorOptions) {
    const { made, measured, precision, engine } = proven;
    const { scores } = measured.calibration;
    this.#bundle = bundle;
    this.#scorer = made;
    this.#measured = measured;
    this.manifest = bundle.manifest;
    this.model = modelName(bundle.manifest);
    this.precision = precision;
    this.skipped = skipped;
    this.engine = engine;
    this.threshold = thresholdFrom(options.threshold, scores, options.regionsPerPart);
    this.#tail = ScoreTail.fit(scores);
  }

  /**
   * Opens a bundle, verifies its digests, loads the model and reproduces every golden sample.
   * @throws SideglanceError as `openBundle` and `of`
   */
  static async load(folder: string, options: InspectorOptions): Promise<Inspector> {
    return Inspector.of(await openBundle(folder), options);
  }

  /**
   * Loads the model of a bundle that is open, on the first provider that reproduces every golden sample.
   * @throws SideglanceError as `climb`, `measuredFor` and `readTemplate`; `SG_MODEL_GOLDEN_MISMATCH` when a golden sample
   * does not reproduce on the CPU
   */
  static async of(bundle: Bundle, options: InspectorOptions): Promise<Inspector> {
    const locate = await locateSettings(bundle);
    const { made, skipped } = await climb(options, (provider) => prove(bundle, locate, provider, options));
    return new Inspector(bundle, made, skipped, options);
  }

  get provider(): Provider {
    return this.#scorer.provider;
  }

  /** Pixels of the model's input; regions of another size are scaled to it. */
  get inputWidth(): number {
    return this.#scorer.inputWidth;
  }

  get inputHeight(): number {
    return this.#scorer.inputHeight;
  }

  /**
   * Inspects the regions of one picture, one after the other. The picture must stay as it is until the promise settles.
   *
   * The defects are the places above the bundle's map threshold, whatever the verdict: about one good region in twenty
   * has one.
   *
   * @throws SideglanceError `SG_REGION_OUTSIDE`, `SG_REGION_SHAPE`, `SG_FRAME_FORMAT`, `SG_RUNTIME`
   */
  async inspectRegions(picture: Picture, regions: readonly Region[]): Promise<Inspected> {
    const results: RegionResult[] = [];
    let [cropMs, networkMs, postprocessMs] = [0, 0, 0];
    for (const region of regions) {
      const scored = await this.#scorer.score(picture, region);
      const begun = performance.now();
      results.push(this.#judge(region, scored));
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
    const { golden } = this.#measured;
    const sample = golden[this.#nextGolden++ % golden.length] as GoldenSample;
    await reproduceGolden(this.#scorer, this.#bundle, sample);
  }

  /** The figures of every golden sample, as they are here and now. */
  async goldenFigures(): Promise<(GoldenFigures & Pick<GoldenSample, 'image'>)[]> {
    const found: (GoldenFigures & Pick<GoldenSample, 'image'>)[] = [];
    for (const { image } of this.manifest.golden) {
      found.push({ image, ...(await measureSample(this.#scorer, this.#bundle, image)) });
    }
    return found;
  }

  /** Waits for what is under way, then frees everything native. */
  async close(): Promise<void> {
    await this.#scorer.close();
  }

  #judge(region: Region, { score, maps, located }: Scored): RegionResult {
    const { calibration } = this.#measured;
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
}

/** The model on one provider, where it has reproduced every golden sample. */
async function prove(
  bundle: Bundle,
  locate: LocateSettings | null,
  provider: Provider,
  options: InspectorOptions,
): Promise<Proven> {
  const { folder, manifest } = bundle;
  const { region, stride, scoring } = manifest;
  const { threads, library, uncalibrated } = options;
  // Before a build that may take minutes.
  const measured = measuredFor(manifest, precisionOn(provider, options), uncalibrated);
  const shapes = { [INPUT_NAME]: [1, region.height, region.width, 3] };
  const ran = await runOn(provider, bundle.model, shapes, options, ({ bytes, ...rung }) =>
    Scorer.create(bytes, {
      ...region,
      stride,
      scoring,
      locate,
      name: `${folder}/${MODEL_FILE}`,
      ...rung,
      ...(threads !== undefined && { threads }),
      ...(library !== undefined && { library }),
    }),
  );
  try {
    for (const sample of measured.golden) await reproduceGolden(ran.made, bundle, sample);
  } catch (thrown) {
    await ran.made.close();
    throw thrown;
  }
  return { ...ran, measured };
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
