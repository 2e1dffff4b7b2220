import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { simulatedPart, writeSurfaceBundle } from '../support/own-bundle.js';
import { quantileOf } from '../support/statistics.js';
import { mapDifference } from './agreement.js';
import { inspectWhole, openOnCpu, openOnGpu, type Place } from './place.js';

const SIZES = [
  { width: 1024, height: 1024 },
  { width: 4096, height: 3072 },
] as const;
const RUNS = 5;

export interface Surface {
  readonly width: number;
  readonly height: number;
  readonly cpuMs: number;
  readonly gpuMs: number;
  readonly gpuMsPerMegapixel: number;
  readonly mapMovedMost: number;
}

/** Frames that are looked at in tiles: medians of a few runs, by turns. */
export async function measureSurfaces(place: Place): Promise<Surface[]> {
  const folder = await mkdtemp(join(tmpdir(), 'sideglance-surface-'));
  try {
    const found: Surface[] = [];
    for (const size of SIZES) {
      const bundle = join(folder, `${size.width}`);
      await writeSurfaceBundle(bundle, size);
      const cpu = await openOnCpu(bundle, 4);
      const gpu = await openOnGpu(bundle, place);
      const picture = simulatedPart(size, 1);
      const times: { cpu: number; gpu: number }[] = [];
      let mapMovedMost = 0;
      for (let run = 0; run <= RUNS; run++) {
        const begun = performance.now();
        const { result: wanted } = await inspectWhole(cpu, picture);
        const between = performance.now();
        const { result } = await inspectWhole(gpu, picture);
        // The first run of each warms up.
        if (run > 0) times.push({ cpu: between - begun, gpu: performance.now() - between });
        mapMovedMost = Math.max(mapMovedMost, mapDifference(result, wanted));
      }
      const gpuMs = quantileOf(
        times.map((one) => one.gpu),
        0.5,
      );
      const cpuMs = quantileOf(
        times.map((one) => one.cpu),
        0.5,
      );
      found.push({
        ...size,
        cpuMs,
        gpuMs,
        gpuMsPerMegapixel: (gpuMs * 1e6) / (size.width * size.height),
        mapMovedMost,
      });
      await Promise.all([cpu.close(), gpu.close()]);
    }
    return found;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
