import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { isFaultOfOneImage, SideglanceError } from '../errors.js';
import { decodeImage } from '../image/decode.js';
import { calibrate, quantileThreshold, type Threshold } from '../infer/calibration.js';
import { type ExecutionOptions, executionOf } from '../infer/execution-options.js';
import { goldenTolerance } from '../infer/golden.js';
import { Inspector, type InspectorOptions } from '../infer/inspector.js';
import { precisionTolerance } from '../infer/precision/calibrated.js';
import type { Precision } from '../infer/precision/precision.js';
import { fitsField } from '../infer/tiling/field-size.js';
import { modelPixels } from '../infer/tiling/surface.js';
import { type Calibration, type Manifest, MODEL_FILE, modelName } from '../model/manifest.js';
import { type Bundle, openBundle } from '../model/open.js';
import { compareVersions, nextVersion, VERSION_PATTERN } from '../model/version.js';
import { checkTarget, writeBundle } from '../model/write.js';
import type { Box, RegionResult } from '../types.js';
import { kolmogorovSmirnov, type SampleDifference } from './kolmogorov-smirnov.js';
import { type Part, type PartsOptions, readParts } from './parts.js';

export const CALIBRATION = {
  /** Fewer scores of good parts are refused. */
  leastGood: 20,
  /** Old and new scores are called very different below this p-value, and from this distance on. */
  differencePValue: 0.01,
  differenceDistance: 0.2,
} as const;

export interface RecalibrateOptions extends PartsOptions, Partial<Pick<InspectorOptions, 'threads'>>, ExecutionOptions {
  /** Folder of the model bundle. */
  readonly model: string;
  /** Folder of the bundle to write; `model` itself when left out. */
  readonly out?: string;
  /** Of the new bundle, later than that of the old one; its last number plus one when left out. */
  readonly version?: string;
  /** Add the new scores to the old ones instead of putting them in their place. */
  readonly combine?: boolean;
  /** Share of good parts that may be rejected at the thresholds in the result. The bundle does not depend on it. */
  readonly falseRejectRate: number;
  /** What the model sees of the images, in pixels; the whole image when left out. */
  readonly region?: Box;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number, file: string) => void;
}

export interface PartScore {
  readonly file: string;
  readonly score: number;
  /** The highest cell of the map. */
  readonly hottest: number;
}

export interface SkippedPart {
  readonly file: string;
  readonly error: SideglanceError;
}

export interface Recalibration {
  readonly out: string;
  readonly previous: Manifest;
  readonly manifest: Manifest;
  /** The precision that was calibrated, and the scores that were and are its. */
  readonly precision: Precision;
  readonly old: Calibration;
  readonly calibration: Calibration;
  /** At the wanted rate. */
  readonly before: Threshold;
  readonly after: Threshold;
  /** Parts that are good: labelled `pass`, or not labelled. */
  readonly good: readonly PartScore[];
  /** Parts labelled `fail`. They have no influence on the calibration. */
  readonly failed: readonly PartScore[];
  readonly skipped: readonly SkippedPart[];
  /** Of the new scores from the old ones. */
  readonly difference: SampleDifference & { readonly large: boolean };
}

/**
 * Takes the scores that a bundle's thresholds follow from anew, from images of parts seen on the line, and writes the
 * same model with them as a new version. Nothing is written before everything is known; golden samples stay. Where the
 * network computes less finely than in FP32, its scores and golden figures go beside those of FP32. A `field` model takes
 * regions of any size, so its new scores are those of regions as large as the images'.
 *
 * @throws SideglanceError as `readParts`, `openBundle`, `Inspector.of` and `writeBundle`; `SG_USAGE` for a version that
 * is not later, or scores of regions of two sizes to be combined; `SG_TOO_FEW_IMAGES` for fewer good parts than `CALIBRATION.leastGood`; the fault of the first image
 * when none can be scored; and what `signal` was aborted with
 */
export async function recalibrate(options: RecalibrateOptions): Promise<Recalibration> {
  const { model, images, out = model, falseRejectRate, combine = false, signal } = options;
  await checkTarget(resolve(out));
  const opened = await openBundle(model);
  const previous = opened.manifest;
  const version = laterVersion(previous, options.version);
  const parts = await readParts(options);
  requireEnough(parts.filter(({ label }) => label === 'pass').length, images);
  const bundle = await forRegionsOf(opened, parts, options);

  const inspector = await loadInspector(bundle, options);
  const { precision, provider } = inspector;
  const old = oldCalibration(previous, precision, combine);
  const measuring = bundle === opened || precision === 'fp32' ? measure(inspector, parts, options) : refuseSize(bundle);
  const { good, failed, skipped, figures } = await measuring.finally(() => inspector.close());
  requireEnough(good.length, images, skipped);

  const { scores: fresh, mapThreshold } = calibrate(
    good.map(({ score }) => score),
    good.map(({ hottest }) => hottest),
  );
  const scores = combine ? [...old.scores, ...fresh].sort((a, b) => a - b) : fresh;
  const created = new Date().toISOString();
  const recalibrated = {
    at: created,
    images: good.length,
    source: basename(resolve(images)),
    previous: modelName(previous),
    combined: combine,
    provider,
  };
  const calibration = { scores, mapThreshold, recalibrated };
  signal?.throwIfAborted();
  const manifest = await writeBundle(out, {
    manifest: { ...withCalibration(bundle.manifest, precision, calibration, figures), version, created },
    model: bundle.model,
    files: await otherFiles(bundle),
  });
  const difference = kolmogorovSmirnov(fresh, old.scores);
  const { differencePValue, differenceDistance } = CALIBRATION;
  const large = difference.pValue < differencePValue && difference.distance >= differenceDistance;
  return {
    out,
    previous,
    manifest,
    precision,
    old,
    calibration,
    before: inspector.threshold,
    after: quantileThreshold(scores, falseRejectRate),
    good,
    failed,
    skipped,
    difference: { ...difference, large },
  };
}

/** The bundle as it is for regions of the size of the first image that can be read. */
async function forRegionsOf(
  bundle: Bundle,
  parts: readonly Part[],
  { region, combine = false }: RecalibrateOptions,
): Promise<Bundle> {
  const { manifest } = bundle;
  const size = manifest.field && (region ?? (await firstSize(parts)));
  if (!manifest.field || !size || fitsField(size, manifest)) return bundle;
  if (combine) {
    throw new SideglanceError(
      'SG_USAGE',
      `the scores of ${modelName(manifest)} are of regions of another size than ${size.width}×${size.height}: they cannot be combined. Leave --combine out`,
    );
  }
  // What was measured in other precisions is of the old size.
  const { precisions: _, ...kept } = manifest;
  return { ...bundle, manifest: { ...kept, region: modelPixels(size, manifest.field.scale) } };
}

/** FP32 is measured first: its scores would be of the old size. */
async function refuseSize({ manifest }: Bundle): Promise<never> {
  const { width, height } = manifest.region;
  throw new SideglanceError(
    'SG_USAGE',
    `the scores of ${modelName(manifest)} are of regions of another size than ${width}×${height} pixels of the model: calibrate it in fp32 for this size first`,
  );
}

async function firstSize(parts: readonly Part[]): Promise<Pick<Box, 'width' | 'height'> | undefined> {
  for (const { file } of parts) {
    try {
      return await decodeImage(file);
    } catch (thrown) {
      // Those that cannot be read are reported when they are to be scored.
      if (!isFaultOfOneImage(thrown)) throw thrown;
    }
  }
  return undefined;
}

function loadInspector(bundle: Bundle, options: RecalibrateOptions): Promise<Inspector> {
  const { falseRejectRate, threads = availableParallelism() } = options;
  return Inspector.of(bundle, {
    ...executionOf(options),
    threshold: { falseRejectRate },
    threads,
    uncalibrated: true,
  });
}

/** What the new scores are compared with, and added to: those of the precision, else those of FP32. */
function oldCalibration({ calibration, precisions }: Manifest, precision: Precision, combine: boolean): Calibration {
  if (precision === 'fp32') return calibration;
  const own = precisions?.[precision]?.calibration;
  if (own === undefined && combine) {
    throw new SideglanceError(
      'SG_USAGE',
      `the bundle has no scores of ${precision} that new ones could be added to: leave --combine out`,
    );
  }
  return own ?? calibration;
}

function withCalibration(
  previous: Manifest,
  precision: Precision,
  calibration: Calibration,
  figures: Awaited<ReturnType<Inspector['goldenFigures']>>,
): Manifest {
  if (precision === 'fp32') return { ...previous, calibration };
  const coarse = precisionTolerance(previous.calibration, precision);
  const golden = figures.map((each) => ({ ...each, tolerance: goldenTolerance(each) + coarse }));
  return { ...previous, precisions: { ...previous.precisions, [precision]: { golden, calibration } } };
}

async function measure(inspector: Inspector, parts: readonly Part[], options: RecalibrateOptions) {
  const scored = await scoreParts(inspector, parts, options);
  return { ...scored, figures: await inspector.goldenFigures() };
}

async function scoreParts(
  inspector: Inspector,
  parts: readonly Part[],
  { region, signal, onProgress }: RecalibrateOptions,
): Promise<{ good: PartScore[]; failed: PartScore[]; skipped: SkippedPart[] }> {
  const scored: Record<Part['label'], PartScore[]> = { pass: [], fail: [] };
  const skipped: SkippedPart[] = [];
  for (const [index, { file, label }] of parts.entries()) {
    signal?.throwIfAborted();
    try {
      scored[label].push({ file, ...(await scorePart(inspector, file, region)) });
    } catch (thrown) {
      if (!isFaultOfOneImage(thrown)) throw thrown;
      skipped.push({ file, error: thrown });
    }
    onProgress?.(index + 1, parts.length, file);
  }
  const [first] = skipped;
  if (first && skipped.length === parts.length) {
    throw new SideglanceError(
      first.error.code,
      `none of the ${parts.length} images could be scored; the first one: ${first.error.message}`,
      { cause: first.error },
    );
  }
  return { good: scored.pass, failed: scored.fail, skipped };
}

async function scorePart(inspector: Inspector, file: string, box: Box | undefined): Promise<Omit<PartScore, 'file'>> {
  const picture = await decodeImage(file);
  const region = box ?? { x: 0, y: 0, width: picture.width, height: picture.height };
  const { regions } = await inspector.inspectRegions(picture, [{ ...region, name: 'image' }]);
  const { score, map, verdict } = regions[0] as RegionResult; // one region in, one result out
  if (verdict.result === 'invalid') throw new SideglanceError('SG_NO_PART', `${file}: ${verdict.detail}`);
  return { score, hottest: map.values.reduce((a, b) => Math.max(a, b)) };
}

/** Everything in the bundle but the model; its digests were verified when it was opened. */
async function otherFiles({ folder, manifest, golden }: Bundle): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  for (const { path } of manifest.files) {
    if (path !== MODEL_FILE) files.set(path, golden.get(path) ?? (await readFile(join(folder, path))));
  }
  return files;
}

function laterVersion(previous: Manifest, wanted: string | undefined): string {
  if (wanted === undefined) return nextVersion(previous.version);
  if (VERSION_PATTERN.test(wanted) && compareVersions(wanted, previous.version) > 0) return wanted;
  throw new SideglanceError(
    'SG_USAGE',
    `the version of the new bundle is to be later than ${previous.version}, such as ${nextVersion(previous.version)}, not ${wanted}`,
  );
}

function requireEnough(count: number, folder: string, skipped: readonly SkippedPart[] = []): void {
  if (count >= CALIBRATION.leastGood) return;
  const [first] = skipped;
  const unread = first ? `; ${skipped.length} could not be scored, the first one: ${first.error.message}` : '';
  throw new SideglanceError(
    'SG_TOO_FEW_IMAGES',
    `${folder} holds ${count} images of good parts; a calibration needs at least ${CALIBRATION.leastGood}, 200 or more are better${unread}`,
  );
}
