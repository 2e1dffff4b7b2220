import { decodeImage } from '../image/decode.js';
import type { LocateSettings } from '../infer/locate/locator.js';
import { Session } from '../infer/ort/session.js';
import { Scorer } from '../infer/scorer.js';
import { EXPORTED_VALUES, type ExportOptions, exportModel, type HeadNorm } from './export.js';
import { exposeValues } from './expose.js';
import { LOCAL_NET } from './networks/local-net.js';
import { pictureOf, type Raster } from './raster.js';
import type { GoodImage } from './strange-images.js';

/** What held-out good images say about a trained model. */
export interface HeldOut {
  readonly leastVariance: Float32Array;
  readonly positionNorm: HeadNorm;
  readonly contextNorm: HeadNorm;
  readonly distortionNorm: HeadNorm;
}

export const HELD_OUT = {
  /** σ² is at least this share of the mean squared residual that held-out images show, per feature. */
  varianceShare: 0.25,
  /** A head's norm puts the median of good cells at 0 and this quantile at 1. */
  upperQuantile: 0.995,
} as const;

const UNMEASURED = { centre: 0, spread: 1 } as const;

/** Measures the variance floor first and then, with it in place, the scale of each kind of evidence. */
export async function measureHeldOut(
  options: Omit<ExportOptions, keyof HeldOut>,
  images: readonly Raster[],
  threads: number,
): Promise<HeldOut> {
  const { features } = LOCAL_NET;
  const { local, mean, context, position, distortion } = EXPORTED_VALUES;
  const raw = {
    ...options,
    leastVariance: new Float32Array(features),
    positionNorm: UNMEASURED,
    contextNorm: UNMEASURED,
    distortionNorm: UNMEASURED,
  };
  const residual = new Float64Array(features);
  let cells = 0;
  await probe(exportModel(raw), [local, mean], images, threads, (values) => {
    const own = values(local);
    const predicted = values(mean);
    const count = own.length / features;
    cells += count;
    own.forEach((value, index) => {
      residual[Math.floor(index / count)]! += (value - predicted[index]!) ** 2;
    });
  });
  const leastVariance = Float32Array.from(residual, (sum) => (HELD_OUT.varianceShare * sum) / cells);

  const [misplaced, strange, distorted]: [Float32Array[], Float32Array[], Float32Array[]] = [[], [], []];
  await probe(exportModel({ ...raw, leastVariance }), [position, context, distortion], images, threads, (values) => {
    misplaced.push(values(position));
    strange.push(values(context));
    distorted.push(values(distortion));
  });
  return {
    leastVariance,
    positionNorm: headNorm(misplaced),
    contextNorm: headNorm(strange),
    distortionNorm: headNorm(distorted),
  };
}

/** Score and hottest cell of good images, by the finished model and the way of every inspection. */
export async function scoreImages(
  model: Uint8Array,
  size: { readonly width: number; readonly height: number },
  images: readonly GoodImage[],
  topCells: number,
  threads: number,
  locate: LocateSettings | null,
): Promise<{ score: number; hottest: number }[]> {
  const scorer = await Scorer.create(model, { ...size, stride: LOCAL_NET.stride, topCells, threads, locate });
  try {
    const results: { score: number; hottest: number }[] = [];
    for (const image of images) {
      const picture = locate ? await decodeImage(image.file) : pictureOf(image);
      const { width, height } = picture;
      const { score, maps } = await scorer.score(picture, { x: 0, y: 0, width, height });
      results.push({ score, hottest: maps.score.reduce((a, b) => Math.max(a, b)) });
    }
    return results;
  } finally {
    await scorer.close();
  }
}

/** Runs each image through the model and shows values of its inside. */
async function probe(
  model: Uint8Array,
  names: readonly string[],
  images: readonly Raster[],
  threads: number,
  visit: (values: (name: string) => Float32Array) => void,
): Promise<void> {
  const session = await Session.create(exposeValues(model, names), { threads });
  try {
    for (const { width, height, data } of images) {
      const outputs = await session.runOnce({ region: { type: 'uint8', shape: [1, height, width, 3], data } });
      visit((name) => outputs[name]?.data as Float32Array);
    }
  } finally {
    await session.close();
  }
}

/** The scale of a head from its maps of good images. */
export function headNorm(maps: readonly Float32Array[]): HeadNorm {
  const all = new Float32Array(maps.reduce((sum, map) => sum + map.length, 0));
  maps.reduce((offset, map) => {
    all.set(map, offset);
    return offset + map.length;
  }, 0);
  all.sort();
  const at = (quantile: number) => all[Math.min(all.length - 1, Math.floor(quantile * all.length))] as number;
  return { centre: at(0.5), spread: Math.max(1e-6, at(HELD_OUT.upperQuantile) - at(0.5)) };
}
