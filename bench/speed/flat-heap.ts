import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { encodeMap } from '../../src/encode/map.js';
import { Inspector } from '../../src/infer/inspector.js';
import { partVerdict } from '../../src/infer/verdict.js';
import { PACKAGE_ROOT } from '../../src/paths.js';
import type { Picture } from '../../src/types.js';

export interface HeapReport {
  readonly frames: number;
  /** What is alive after a collection, of the first and the last tenth of the run, in bytes. */
  readonly heapBytes: readonly [first: number, last: number];
  readonly outsideHeapBytes: readonly [first: number, last: number];
  readonly rssBytes: readonly [first: number, last: number];
  readonly framesPerSecond: number;
}

/** Samples of memory over the run. */
const SAMPLES = 40;

/**
 * Inspects frame after frame in this process, as a station does (crop, network, verdict, map as a picture), and looks at what is alive
 * after a collection: whatever an inspection leaves behind adds up.
 *
 * @param bundle the demo model when left out
 */
export async function measureHeap(
  pictures: readonly Picture[],
  frames: number,
  bundle: string = join(PACKAGE_ROOT, 'models', 'demo'),
): Promise<HeapReport> {
  const collect = collector();
  const inspector = await Inspector.load(bundle, { threshold: { score: Number.MAX_VALUE } });
  const samples: { heap: number; outside: number; rss: number }[] = [];
  const begun = performance.now();
  try {
    for (let frame = 0; frame < frames; frame++) {
      const picture = pictures[frame % pictures.length] as Picture;
      const { width, height } = picture;
      const { regions } = await inspector.inspectRegions(picture, [{ name: 'frame', x: 0, y: 0, width, height }]);
      if (partVerdict(regions).result === 'fail') throw new Error('a part failed at a threshold that none can reach');
      for (const region of regions) await encodeMap(region, 'png8');
      if ((frame + 1) % Math.max(1, Math.floor(frames / SAMPLES)) !== 0) continue;
      collect();
      const { heapUsed, external, rss } = process.memoryUsage();
      samples.push({ heap: heapUsed, outside: external, rss });
    }
  } finally {
    await inspector.close();
  }
  const seconds = (performance.now() - begun) / 1000;
  const ends = (read: (sample: (typeof samples)[number]) => number): [number, number] => {
    const tenth = Math.max(1, Math.floor(samples.length / 10));
    const mean = (some: typeof samples) => some.reduce((sum, sample) => sum + read(sample), 0) / some.length;
    // The very first ones still hold what is compiled and cached once.
    return [mean(samples.slice(tenth, 2 * tenth)), mean(samples.slice(-tenth))];
  };
  return {
    frames,
    heapBytes: ends(({ heap }) => heap),
    outsideHeapBytes: ends(({ outside }) => outside),
    rssBytes: ends(({ rss }) => rss),
    framesPerSecond: frames / seconds,
  };
}

/** The garbage collector, without a flag on the command line. */
function collector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}
