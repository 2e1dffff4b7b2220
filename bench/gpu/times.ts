import type { Inspector } from '../../src/infer/inspector.js';
import type { Picture, Region } from '../../src/types.js';
import { quantileOf } from '../support/statistics.js';
import { linePart } from '../updates/fed-line.js';
import { openOnCpu, openOnGpu, type Place } from './place.js';

const WARM_UP = 10;
/** Regions of a part, which share batches. */
const REGIONS = [1, 8] as const;

export interface PartTimes {
  readonly what: string;
  readonly regions: number;
  readonly parts: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Medians. */
  readonly cropMs: number;
  readonly networkMs: number;
  readonly postprocessMs: number;
}

/** The time for a part, on the processor and on the GPU by turns, so that both see the same machine. */
export async function measureTimes(model: string, place: Place, parts: number): Promise<PartTimes[]> {
  const pictures = Array.from({ length: 16 }, (_, i) => linePart(i, false));
  const found: PartTimes[] = [];
  for (const regions of REGIONS) {
    const runners: readonly (readonly [string, Inspector])[] = [
      ['cpu, 1 thread', await openOnCpu(model, 1, regions)],
      ['cpu, 4 threads', await openOnCpu(model, 4, regions)],
      [`${place.provider}, fp32`, await openOnGpu(model, place, 'fp32', regions)],
      [`${place.provider}, fp16`, await openOnGpu(model, place, 'fp16', regions)],
    ];
    const times = new Map(runners.map(([what]) => [what, [] as Sample[]]));
    for (let i = 0; i < parts + WARM_UP; i++) {
      const picture = pictures[i % pictures.length] as Picture;
      for (const [what, inspector] of runners) {
        const sample = await timed(inspector, picture, regions);
        if (i >= WARM_UP) times.get(what)?.push(sample);
      }
    }
    for (const [what, inspector] of runners) {
      const samples = times.get(what) as Sample[];
      const all = samples.map(({ totalMs }) => totalMs);
      const median = (of: (sample: Sample) => number) => quantileOf(samples.map(of), 0.5);
      found.push({
        what,
        regions,
        parts,
        p50Ms: quantileOf(all, 0.5),
        p99Ms: quantileOf(all, 0.99),
        cropMs: median(({ cropMs }) => cropMs),
        networkMs: median(({ networkMs }) => networkMs),
        postprocessMs: median(({ postprocessMs }) => postprocessMs),
      });
      await inspector.close();
    }
  }
  return found;
}

interface Sample {
  readonly totalMs: number;
  readonly cropMs: number;
  readonly networkMs: number;
  readonly postprocessMs: number;
}

async function timed(inspector: Inspector, picture: Picture, count: number): Promise<Sample> {
  const { width, height } = picture;
  const regions: Region[] = Array.from({ length: count }, (_, i) => ({ name: `r${i}`, x: 0, y: 0, width, height }));
  const begun = performance.now();
  const { cropMs, networkMs, postprocessMs } = await inspector.inspectRegions(picture, regions);
  return { totalMs: performance.now() - begun, cropMs, networkMs, postprocessMs };
}
