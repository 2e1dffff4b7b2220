import { Session } from '../infer/ort/session.js';
import { imageScore } from '../infer/score.js';
import { EXPORTED_VALUES, type ExportOptions, exportModel, type HeadNorm } from './export.js';
import { exposeValues } from './expose.js';
import { LOCAL_NET } from './networks/local-net.js';
import type { Raster } from './raster.js';

/** What held-out good images say about a trained model. */
export interface HeldOut {
  readonly leastVariance: Float32Array;
  readonly inconsistencyNorm: HeadNorm;
  readonly distortionNorm: HeadNorm;
}

export const HELD_OUT = {
  /** σ² is at least this share of the mean squared residual that held-out images show, per feature. */
  varianceShare: 0.25,
  /** A head's norm puts the median of good cells at 0 and this quantile at 1. */
  upperQuantile: 0.995,
} as const;

type Unmeasured = Omit<ExportOptions, 'leastVariance' | 'inconsistencyNorm' | 'distortionNorm'>;

/** Measures the variance floor first and then, with it in place, the scale of both heads. */
export async function measureHeldOut(
  options: Unmeasured,
  images: readonly Raster[],
  threads: number,
): Promise<HeldOut> {
  const raw = {
    ...options,
    leastVariance: new Float32Array(LOCAL_NET.features),
    inconsistencyNorm: { centre: 0, spread: 1 },
    distortionNorm: { centre: 0, spread: 1 },
  };
  const { features } = LOCAL_NET;
  const residual = new Float64Array(features);
  let cells = 0;
  const probe = exposeValues(exportModel(raw), [EXPORTED_VALUES.local, EXPORTED_VALUES.mean]);
  await forEachImage(probe, options, images, threads, (maps) => {
    const local = maps[EXPORTED_VALUES.local] as Float32Array;
    const mean = maps[EXPORTED_VALUES.mean] as Float32Array;
    const count = local.length / features;
    cells += count;
    local.forEach((value, index) => {
      residual[Math.floor(index / count)]! += (value - mean[index]!) ** 2;
    });
  });
  const leastVariance = Float32Array.from(residual, (sum) => (HELD_OUT.varianceShare * sum) / cells);

  const strange: Float32Array[] = [];
  const distorted: Float32Array[] = [];
  await forEachImage(exportModel({ ...raw, leastVariance }), options, images, threads, (maps) => {
    strange.push(Float32Array.from(maps.inconsistency as Float32Array));
    distorted.push(Float32Array.from(maps.distortion as Float32Array));
  });
  return { leastVariance, inconsistencyNorm: headNorm(strange), distortionNorm: headNorm(distorted) };
}

/** Score and hottest cell of good images, by the finished model. */
export async function scoreImages(
  model: Uint8Array,
  size: { readonly width: number; readonly height: number },
  images: readonly Raster[],
  topCells: number,
  threads: number,
): Promise<{ score: number; hottest: number }[]> {
  const results: { score: number; hottest: number }[] = [];
  await forEachImage(model, size, images, threads, (maps) => {
    const map = maps.score as Float32Array;
    results.push({ score: imageScore(map, topCells), hottest: map.reduce((a, b) => Math.max(a, b)) });
  });
  return results;
}

async function forEachImage(
  model: Uint8Array,
  { height, width }: { readonly width: number; readonly height: number },
  images: readonly Raster[],
  threads: number,
  visit: (maps: Readonly<Record<string, Float32Array>>) => void,
): Promise<void> {
  const session = await Session.create(model, { threads });
  const [rows, columns] = [height / LOCAL_NET.stride, width / LOCAL_NET.stride];
  const shapes = Object.fromEntries(
    session.outputs.map(({ name, shape }) => [
      name,
      shape.length === 3 ? [1, rows, columns] : [1, LOCAL_NET.features, rows, columns],
    ]),
  );
  const region = new Uint8Array(height * width * 3);
  const outputs = Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => {
      const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
      return [name, { type: 'float32' as const, shape, data }];
    }),
  );
  const binding = session.bind({ region: { type: 'uint8', shape: [1, height, width, 3], data: region } }, outputs);
  const maps = Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, tensor.data]));
  try {
    for (const image of images) {
      region.set(image.data);
      await session.run(binding);
      visit(maps);
    }
  } finally {
    await session.close();
  }
}

function headNorm(maps: readonly Float32Array[]): HeadNorm {
  const all = new Float32Array(maps.reduce((sum, map) => sum + map.length, 0));
  maps.reduce((offset, map) => {
    all.set(map, offset);
    return offset + map.length;
  }, 0);
  all.sort();
  const at = (quantile: number) => all[Math.min(all.length - 1, Math.floor(quantile * all.length))] as number;
  return { centre: at(0.5), spread: Math.max(1e-6, at(HELD_OUT.upperQuantile) - at(0.5)) };
}
