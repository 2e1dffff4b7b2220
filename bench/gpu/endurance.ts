import { execFileSync } from 'node:child_process';
import type { Picture } from '../../src/types.js';
import { linePart } from '../updates/fed-line.js';
import { inspectWhole, openOnGpu, type Place } from './place.js';

export interface Endurance {
  readonly minutes: number;
  readonly parts: number;
  readonly partsPerSecond: number;
  /** After the first fifth of the time, and at its end. */
  readonly rssMb: { readonly early: number; readonly late: number };
  /** All that is in use on the first GPU. */
  readonly gpuMb: { readonly early: number; readonly late: number };
}

/** Part after part for some time: does memory stay as it is? */
export async function measureEndurance(model: string, place: Place, minutes: number): Promise<Endurance> {
  const pictures = Array.from({ length: 16 }, (_, i) => linePart(i, false));
  const inspector = await openOnGpu(model, place);
  try {
    const begun = performance.now();
    const elapsed = () => (performance.now() - begun) / 60_000;
    let parts = 0;
    let early: ReturnType<typeof usage> | null = null;
    while (elapsed() < minutes) {
      await inspectWhole(inspector, pictures[parts++ % pictures.length] as Picture);
      if (early === null && elapsed() > minutes / 5) early = usage();
    }
    const first = early ?? usage();
    const last = usage();
    return {
      minutes,
      parts,
      partsPerSecond: parts / (60 * elapsed()),
      rssMb: { early: first.rssMb, late: last.rssMb },
      gpuMb: { early: first.gpuMb, late: last.gpuMb },
    };
  } finally {
    await inspector.close();
  }
}

function usage(): { readonly rssMb: number; readonly gpuMb: number } {
  const args = ['--query-gpu=memory.used', '--format=csv,noheader,nounits'];
  const [first] = execFileSync('nvidia-smi', args, { encoding: 'utf8' }).split('\n');
  return { rssMb: Math.round(process.memoryUsage.rss() / 2 ** 20), gpuMb: Number(first) };
}
