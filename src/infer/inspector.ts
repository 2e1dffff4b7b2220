import { performance } from 'node:perf_hooks';
import { byKind } from '../kinds.js';
import { type GoldenSample, type Manifest, MODEL_FILE, modelName } from '../model/manifest.js';
import { type Bundle, openBundle } from '../model/open.js';
import type { Picture, ProviderFailure, Region, RegionResult, Verdict } from '../types.js';
import { pValueOf, type Threshold, type ThresholdChoice, thresholdFrom } from './calibration.js';
import { findDefects } from './defects.js';
import { reproduceGolden } from './golden.js';
import type { LocateSettings } from './locate/locator.js';
import { readTemplate } from './locate/template-image.js';
import { climb, type LadderOptions } from './ort/ladder.js';
import type { Provider } from './ort/providers.js';
import { hottestCell } from './score.js';
import { type Scored, Scorer } from './scorer.js';
import { ScoreTail } from './tail.js';

export interface InspectorOptions extends LadderOptions {
  /** Threads of one run; 1 when left out. */
  readonly threads?: number;
  readonly threshold: ThresholdChoice;
  /** How many regions of a part are judged together: a false reject rate holds for the part. 1 when left out. */
  readonly regionsPerPart?: number;
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
  /** Providers that were asked for first and do not run this model here. */
  readonly skipped: readonly ProviderFailure[];
  readonly #bundle: Bundle;
  readonly #scorer: Scorer;
  readonly #tail: ScoreTail | null;
  #nextGolden = 0;

  private constructor(bundle: Bundle, scorer: Scorer, threshold: Threshold, skipped: readonly ProviderFailure[]) {
    this.#bundle = bundle;
    this.#scorer = scorer;
    this.manifest = bundle.manifest;
    this.model = modelName(bundle.manifest);
    this.threshold = threshold;
    this.skipped = skipped;
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
   * Loads the model of a bundle that is open, on the first provider that reproduces every golden sample.
   * @throws SideglanceError as `climb` and `readTemplate`; `SG_MODEL_GOLDEN_MISMATCH` when a golden sample does not
   * reproduce on the CPU
   */
  static async of(bundle: Bundle, options: InspectorOptions): Promise<Inspector> {
    const { manifest } = bundle;
    const threshold = thresholdFrom(options.threshold, manifest.calibration.scores, options.regionsPerPart);
    const locate = await locateSettings(bundle);
    const { made, skipped } = await climb(options, (provider) => provenScorer(bundle, locate, provider, options));
    return new Inspector(bundle, made, threshold, skipped);
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
    const { golden } = this.manifest;
    const sample = golden[this.#nextGolden++ % golden.length] as GoldenSample;
    await reproduceGolden(this.#scorer, this.#bundle, sample);
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
}

/** The model on one provider, which has reproduced every golden sample. */
async function provenScorer(
  bundle: Bundle,
  locate: LocateSettings | null,
  provider: Provider,
  { threads, library }: InspectorOptions,
): Promise<Scorer> {
  const { folder, manifest } = bundle;
  const scorer = await Scorer.create(bundle.model, {
    ...manifest.region,
    stride: manifest.stride,
    scoring: manifest.scoring,
    locate,
    name: `${folder}/${MODEL_FILE}`,
    provider,
    ...(threads !== undefined && { threads }),
    ...(library !== undefined && { library }),
  });
  try {
    for (const sample of manifest.golden) await reproduceGolden(scorer, bundle, sample);
    return scorer;
  } catch (thrown) {
    await scorer.close();
    throw thrown;
  }
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
