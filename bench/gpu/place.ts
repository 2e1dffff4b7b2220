import { Inspector } from '../../src/infer/inspector.js';
import type { Precision } from '../../src/infer/precision/precision.js';
import type { Picture, RegionResult } from '../../src/types.js';

/** Where a model runs. */
export interface Place {
  readonly provider: 'cuda' | 'tensorrt';
  /** Folder for engines. */
  readonly cache: string;
}

export type GpuPrecision = Exclude<Precision, 'int8'>;

const THRESHOLD = { falseRejectRate: 0.005 } as const;

export function openOnGpu(
  model: string,
  { provider, cache }: Place,
  precision: GpuPrecision = 'fp32',
  regionsPerPart = 1,
): Promise<Inspector> {
  return Inspector.load(model, {
    threshold: THRESHOLD,
    regionsPerPart,
    providers: [provider],
    require: provider,
    cuda: { precision },
    tensorrt: { precision, cache },
    // Golden samples and thresholds that were recorded in FP32 hold for nothing else.
    uncalibrated: precision !== 'fp32',
  });
}

/** On the processor, by the same library. */
export function openOnCpu(model: string, threads: number, regionsPerPart = 1): Promise<Inspector> {
  return Inspector.load(model, { threshold: THRESHOLD, regionsPerPart, threads, providers: ['cpu'] });
}

export async function inspectWhole(inspector: Inspector, picture: Picture) {
  const whole = { x: 0, y: 0, width: picture.width, height: picture.height, name: 'whole' };
  const inspected = await inspector.inspectRegions(picture, [whole]);
  return { ...inspected, result: inspected.regions[0] as RegionResult };
}
