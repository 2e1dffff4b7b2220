import { mkdir, stat, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { type OverlayOptions, renderOverlay } from './encode/overlay.js';
import { isFaultOfOneImage, reasonOf, SideglanceError } from './errors.js';
import { decodeImage, listImages } from './image/decode.js';
import { type ExecutionOptions, executionOf } from './infer/execution-options.js';
import { type Inspected, Inspector, type InspectorOptions } from './infer/inspector.js';
import type { Interval } from './infer/tail.js';
import { partVerdict } from './infer/verdict.js';
import type { Box, InvalidReason, Picture, RegionResult, Verdict } from './types.js';

export interface InspectFilesOptions
  extends Partial<Pick<InspectorOptions, 'threshold' | 'threads'>>,
    ExecutionOptions {
  /** Folder of the model bundle. */
  readonly model: string;
  /** Image files, or folders of them. */
  readonly files: readonly string[];
  /** Folder for an overlay PNG of each image. */
  readonly out?: string;
  /** In pixels of the images; the whole image when left out. */
  readonly region?: Box;
}

/** One line of `sideglance inspect`. Scores and boxes mean the same as in the published messages. */
export interface FileResult {
  readonly file: string;
  readonly verdict: Verdict['result'];
  /** Why the verdict is `invalid`. */
  readonly reason?: InvalidReason;
  readonly detail?: string;
  readonly score: number;
  readonly threshold: number;
  /** Too few held-out good scores for the false reject rate: the threshold is an estimate. */
  readonly thresholdExtrapolated: boolean;
  /** Confidence interval of an extrapolated threshold, where there is one. */
  readonly thresholdInterval?: Interval;
  readonly pValue: number;
  readonly parts: RegionResult['parts'];
  readonly defects: RegionResult['defects'];
  readonly width: number;
  readonly height: number;
  readonly region: Box;
  readonly model: string;
  readonly provider: string;
  readonly precision: string;
  readonly milliseconds: { readonly crop: number; readonly network: number; readonly postprocess: number };
  /** Path of the overlay. */
  readonly overlay?: string;
}

/** A file that could not be inspected, and why. */
export interface SkippedFile {
  readonly file: string;
  readonly error: SideglanceError;
}

export type InspectOutcome = { readonly result: FileResult } | { readonly skipped: SkippedFile };

/** The rate that a station has by default, too. */
const DEFAULT_THRESHOLD = { falseRejectRate: 0.005 } as const;

/**
 * Inspects image files one after the other and says at each what came of it. Images that cannot be decoded or do not
 * fit the model are skipped.
 *
 * @throws SideglanceError before the first image what `Inspector.load` throws, or `SG_USAGE` when there is nothing to
 * inspect; in between `SG_STORAGE` when an overlay cannot be written; at the end the fault of the first image when none
 * could be inspected
 */
export async function* inspectFiles(options: InspectFilesOptions): AsyncGenerator<InspectOutcome, void, void> {
  const files = await expand(options.files);
  const { threshold = DEFAULT_THRESHOLD, threads = availableParallelism() } = options;
  const inspector = await Inspector.load(options.model, { ...executionOf(options), threshold, threads });
  try {
    const overlays = overlayPaths(files, options.out);
    const skipped: SkippedFile[] = [];
    for (const [index, file] of files.entries()) {
      try {
        yield { result: await inspectFile(inspector, file, options.region, overlays[index]) };
      } catch (thrown) {
        if (!isFaultOfOneImage(thrown)) throw thrown;
        skipped.push({ file, error: thrown });
        yield { skipped: { file, error: thrown } };
      }
    }
    const [first] = skipped;
    if (first && skipped.length === files.length) {
      throw new SideglanceError(
        first.error.code,
        `none of the ${files.length} images could be inspected; the first one: ${first.error.message}`,
        { cause: first.error },
      );
    }
  } finally {
    await inspector.close();
  }
}

async function inspectFile(
  inspector: Inspector,
  file: string,
  box: Box | undefined,
  overlay: string | undefined,
): Promise<FileResult> {
  const picture = await decodeImage(file);
  const { width, height } = picture;
  const region = box ?? { x: 0, y: 0, width, height };
  const inspected = await inspector.inspectRegions(picture, [{ ...region, name: 'image' }]);
  if (overlay !== undefined) await writeOverlay(overlay, picture, inspected, { title: basename(file) });
  const judged = inspected.regions[0] as RegionResult; // one region in, one result out
  const { verdict } = judged;
  return {
    file,
    verdict: verdict.result,
    ...(verdict.result === 'invalid' && { reason: verdict.reason }),
    ...(verdict.result === 'invalid' && verdict.detail !== undefined && { detail: verdict.detail }),
    score: judged.score,
    threshold: judged.threshold,
    thresholdExtrapolated: inspector.threshold.extrapolated,
    ...(inspector.threshold.interval && { thresholdInterval: inspector.threshold.interval }),
    pValue: judged.pValue,
    parts: judged.parts,
    defects: judged.defects,
    width,
    height,
    region: { x: region.x, y: region.y, width: region.width, height: region.height },
    model: inspector.model,
    provider: inspector.provider,
    precision: inspector.precision,
    milliseconds: {
      crop: inMicroseconds(inspected.cropMs),
      network: inMicroseconds(inspected.networkMs),
      postprocess: inMicroseconds(inspected.postprocessMs),
    },
    ...(overlay !== undefined && { overlay }),
  };
}

async function writeOverlay(
  path: string,
  picture: Picture,
  { regions }: Inspected,
  options: OverlayOptions,
): Promise<void> {
  const bytes = await renderOverlay(picture, { verdict: partVerdict(regions), regions }, options);
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, bytes);
  } catch (cause) {
    throw new SideglanceError(
      'SG_STORAGE',
      `the overlay ${path} cannot be written: ${reasonOf(cause)}. Free some space or choose another --out`,
      { cause },
    );
  }
}

/** Folders become the images in them. */
async function expand(names: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  for (const name of names) {
    // What cannot be looked at is left to the decoder, which names it.
    const isFolder = await stat(name).then(
      (facts) => facts.isDirectory(),
      () => false,
    );
    files.push(...(isFolder ? await listImages(name) : [name]));
  }
  if (files.length === 0) {
    const where = names.length > 0 ? `: ${names.join(', ')} holds no image` : '';
    throw new SideglanceError('SG_USAGE', `there is nothing to inspect${where}. Name image files or a folder of them`);
  }
  return files;
}

/**
 * `<name>.overlay.png` in `out` for each file. Equal names from different folders take as many folder names with them
 * as tell them apart: `scratch/000.png` becomes `scratch-000.overlay.png`.
 */
export function overlayPaths(files: readonly string[], out: string | undefined): (string | undefined)[] {
  if (out === undefined) return files.map(() => undefined);
  const parts = files.map((file) => resolve(file).split('/'));
  const longest = Math.max(...parts.map((part) => part.length));
  for (let depth = 1; depth <= longest; depth++) {
    const names = parts.map((part) => stem(part.slice(-depth).join('-')));
    // A file that was named twice may have one overlay.
    if (new Set(names).size === new Set(parts.map((part) => part.join('/'))).size) {
      return names.map((name) => join(out, `${name}.overlay.png`));
    }
  }
  // Names that differ in their extension alone.
  return files.map((file, index) => join(out, `${index}-${stem(basename(file))}.overlay.png`));
}

function stem(name: string): string {
  return name.slice(0, name.length - extname(name).length);
}

function inMicroseconds(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1000;
}
