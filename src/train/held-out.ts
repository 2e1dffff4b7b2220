import { Session } from '../infer/ort/session.js';
import { byKind, type DefectKind } from '../kinds.js';
import { EXPORTED_VALUES, type ExportOptions, exportModel, type HeadNorm } from './export.js';
import { exposeValues } from './expose.js';
import { LOCAL_NET } from './networks/local-net.js';
import type { Raster } from './raster.js';

/** What held-out good images say about a trained model. */
export interface HeldOut {
  readonly leastVariance: Float32Array;
  readonly scales: Readonly<Record<DefectKind, HeadNorm>>;
  /** Of the outermost cells, for a surface: mirrored at the border, a regular one looks stranger there than anywhere. */
  readonly edgeScales?: Readonly<Record<DefectKind, HeadNorm>>;
}

export const HELD_OUT = {
  /** σ² is at least this share of the mean squared residual that held-out images show, per feature. */
  varianceShare: 0.25,
  /** A head's norm puts the median of good cells at 0 and this quantile at 1. */
  upperQuantile: 0.995,
} as const;

/** Measures the variance floor first and then, with it in place, the scale of each kind of evidence. */
export async function measureHeldOut(
  options: Omit<ExportOptions, keyof HeldOut>,
  images: readonly Raster[],
  threads: number,
): Promise<HeldOut> {
  const { features } = LOCAL_NET;
  const { local, mean } = EXPORTED_VALUES;
  const raw = {
    ...options,
    leastVariance: new Float32Array(features),
    scales: byKind(() => ({ centre: 0, spread: 1 })),
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

  const maps = byKind((): Float32Array[] => []);
  const names = Object.values(byKind(EXPORTED_VALUES.evidence));
  await probe(exportModel({ ...raw, leastVariance }), names, images, threads, (values) => {
    byKind((kind) => maps[kind].push(values(EXPORTED_VALUES.evidence(kind))));
  });
  if (options.position) return { leastVariance, scales: byKind((kind) => headNorm(maps[kind])) };
  const columns = options.width / LOCAL_NET.stride;
  const scalesOf = (where: 'edge' | 'inner') =>
    byKind((kind) => headNorm(maps[kind].map((map) => map.filter((_, cell) => isAt(where, cell, map, columns)))));
  return { leastVariance, scales: scalesOf('inner'), edgeScales: scalesOf('edge') };
}

function isAt(where: 'edge' | 'inner', cell: number, { length }: Float32Array, columns: number): boolean {
  const [row, column] = [Math.floor(cell / columns), cell % columns];
  const outermost = row === 0 || column === 0 || row === length / columns - 1 || column === columns - 1;
  return outermost === (where === 'edge');
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
