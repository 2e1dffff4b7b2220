import { performance } from 'node:perf_hooks';
import { SideglanceError } from '../errors.js';
import { byKind } from '../kinds.js';
import { type GoldenSample, type Manifest, MODEL_FILE, modelName } from '../model/manifest.js';
import { type Bundle, openBundle } from '../model/open.js';
import type { Picture, ProviderFailure, Region, RegionResult, ThresholdChoice, Verdict } from '../types.js';
import { megabytesOf } from './batch.js';
import { pValueOf, type Threshold, thresholdFrom } from './calibration.js';
import type { ModelFiles } from './contract.js';
import { createScorer, inFlightOf } from './create-scorer.js';
import { findDefects } from './defects.js';
import { type Engine, precisionOn, runOn } from './execution.js';
import type { ExecutionOptions } from './execution-options.js';
import { type GoldenFigures, measureSample, reproduceGolden } from './golden.js';
import type { LocateSettings } from './locate/locator.js';
import { readTemplate } from './locate/template-image.js';
import type { OpenGraph } from './open-graph.js';
import { climb } from './ort/ladder.js';
import { type Provider, Session } from './ort/session.js';
import { type Measured, measuredFor } from './precision/calibrated.js';
import type { Precision } from './precision/precision.js';
import { hottestCell } from './score.js';
import type { RegionScorer, Scored } from './scored.js';
import { ScoreTail } from './tail.js';
import { checkFieldSize } from './tiling/field-size.js';

/** The runtime plans its memory in the first run and takes it in the second: both take longer than those after. */
const LEAST_RUNS = 2;

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
interface Proven {
  readonly scorer: RegionScorer;
  readonly precision: Precision;
  readonly engines: readonly Engine[];
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
  readonly precision: Precision;
  /** Providers that were asked for first and do not run this model here. */
  readonly skipped: readonly ProviderFailure[];
  /** TensorRT's, one for each graph of the model; none on other providers. */
  readonly engines: readonly Engine[];
  readonly #bundle: Bundle;
  readonly #scorer: RegionScorer;
  readonly #measured: Measured;
  readonly #tail: ScoreTail | null;
  readonly #regionsPerPart: number | undefined;
  #threshold: Threshold;
  #nextGolden = 0;

  private constructor(bundle: Bundle, proven: Proven, skipped: readonly ProviderFailure[], options: InspectorOptions) {
    const { scorer, measured, precision, engines } = proven;
    const { scores } = measured.calibration;
    this.#bundle = bundle;
    this.#scorer = scorer;
    this.#measured = measured;
    this.manifest = bundle.manifest;
    this.model = modelName(bundle.manifest);
    this.precision = precision;
    this.skipped = skipped;
    this.engines = engines;
    this.#regionsPerPart = options.regionsPerPart;
    this.#threshold = this.thresholdBy(options.threshold, scores);
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

  get threshold(): Threshold {
    return this.#threshold;
  }

  /** Judges by another threshold from now on. */
  setThreshold(choice: ThresholdChoice): void {
    this.#threshold = this.thresholdBy(choice, this.#measured.calibration.scores);
  }

  /** @param scores of good regions, in ascending order */
  thresholdBy(choice: ThresholdChoice, scores: readonly number[]): Threshold {
    return thresholdFrom(choice, scores, this.#regionsPerPart);
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
   * @param onRun called after each run of the network: a large region takes many
   * @throws SideglanceError `SG_REGION_OUTSIDE`, `SG_REGION_SHAPE`, `SG_FRAME_FORMAT`, `SG_RUNTIME`
   */
  async inspectRegions(picture: Picture, regions: readonly Region[], onRun?: () => void): Promise<Inspected> {
    for (const region of regions) checkFieldSize(region, this.manifest);
    const results: RegionResult[] = [];
    let [cropMs, networkMs, postprocessMs] = [0, 0, 0];
    for (const [index, scored] of (await this.#scorer.scoreAll(picture, regions, onRun)).entries()) {
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
        : { result: score > this.#threshold.score ? 'fail' : 'pass' };
    const hottest = hottestCell(maps.score);
    const { rows, columns, cell, inputWidth, inputHeight } = maps;
    return {
      region,
      verdict,
      score,
      threshold: this.#threshold.score,
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
  const { region, stride, scoring, field } = manifest;
  const { threads = 1, library, uncalibrated, regionsPerPart, gpuMemoryMb } = options;
  const precision = precisionOn(provider, options);
  if (field && precision === 'int8') {
    throw new SideglanceError(
      'SG_PROVIDER_UNAVAILABLE',
      `${modelName(manifest)} is of two graphs, and a calibration table for int8 holds for one. Fix: use fp16, tf32 or fp32`,
    );
  }
  // Before a build that may take minutes.
  const measured = measuredFor(manifest, precision, uncalibrated);
  const engines: Engine[] = [];
  const open: OpenGraph = async (graph, { name, ...facts }) => {
    const { made, engine } = await runOn(provider, { graph, ...facts }, options, ({ bytes, ...rung }) =>
      Session.create(bytes, { ...rung, name, threads, ...(library !== undefined && { library }) }),
    );
    if (engine) engines.push(engine);
    return made;
  };
  const scorer = await createScorer(filesOf(bundle), {
    region,
    stride,
    scoring,
    ...(field && { field }),
    locate,
    name: `${folder}/${MODEL_FILE}`,
    provider,
    open,
    ...(regionsPerPart !== undefined && { regions: regionsPerPart }),
    ...(gpuMemoryMb !== undefined && { gpuMemoryMb }),
  });
  try {
    const { golden } = measured;
    for (let run = 0; run < Math.max(golden.length, LEAST_RUNS); run++) {
      await reproduceGolden(scorer, bundle, golden[run % golden.length] as GoldenSample);
    }
  } catch (thrown) {
    await scorer.close();
    throw thrown;
  }
  return { scorer, precision, engines, measured };
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
