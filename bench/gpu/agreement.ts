import type { Inspector } from '../../src/infer/inspector.js';
import type { Picture, RegionResult } from '../../src/types.js';
import { deviationOf, meanOf } from '../support/statistics.js';
import { linePart } from '../updates/fed-line.js';
import { type GpuPrecision, inspectWhole, openOnCpu, openOnGpu, type Place } from './place.js';

export interface Agreement {
  readonly precision: GpuPrecision;
  readonly parts: number;
  /** In standard deviations of the scores of good parts. */
  readonly scoreMoved: { readonly mean: number; readonly largest: number };
  /** Of any cell of any map, in the map's own unit. */
  readonly mapMovedMost: number;
  readonly verdictsThatDiffer: number;
}

/** @param parts half of them good, half of them with a defect */
export async function measureAgreement(
  model: string,
  place: Place,
  precision: GpuPrecision,
  parts: number,
): Promise<Agreement> {
  const pictures = Array.from({ length: parts }, (_, i) => linePart(i, i % 2 === 1));
  const cpu = await openOnCpu(model, 2);
  const deviation = deviationOf(cpu.manifest.calibration.scores) as number;
  const wanted = await resultsOf(cpu, pictures);
  await cpu.close();
  const gpu = await openOnGpu(model, place, precision);
  const results = await resultsOf(gpu, pictures);
  await gpu.close();
  const moved = results.map(({ score }, i) => Math.abs(score - (wanted[i] as RegionResult).score) / deviation);
  return {
    precision,
    parts,
    scoreMoved: { mean: meanOf(moved) as number, largest: Math.max(...moved) },
    mapMovedMost: Math.max(...results.map((one, i) => mapDifference(one, wanted[i] as RegionResult))),
    verdictsThatDiffer: results.filter(({ verdict }, i) => verdict.result !== wanted[i]?.verdict.result).length,
  };
}

async function resultsOf(inspector: Inspector, pictures: readonly Picture[]): Promise<RegionResult[]> {
  const results: RegionResult[] = [];
  for (const picture of pictures) results.push((await inspectWhole(inspector, picture)).result);
  return results;
}

export function mapDifference({ map: a }: RegionResult, { map: b }: RegionResult): number {
  return a.values.reduce((most, value, i) => Math.max(most, Math.abs(value - (b.values[i] as number))), 0);
}
