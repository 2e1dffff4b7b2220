/**
 * How fast is it? Everything that docs/performance.md quotes, in one go: `npm run bench`. Writes `<out>.json` and `<out>.md`.
 *
 *     node dist/bench/speed.js [--only networks,stations,loading,heap] [--rounds 15] [--frames 100000] [--quick] [--out bench/results/speed]
 *
 * Ratios are of interleaved runs. Absolute times need a machine that does nothing else. `--quick` is for trying it out.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { SideglanceError } from '../src/errors.js';
import { PACKAGE_ROOT } from '../src/paths.js';
import { barsOf } from './speed/bars.js';
import { measureHeap } from './speed/flat-heap.js';
import { measureLoading } from './speed/loading.js';
import { compareNetworks } from './speed/networks.js';
import { readOptions, type SpeedOptions } from './speed/options.js';
import { type SpeedReport, speedText } from './speed/report.js';
import { CASES, measureCases } from './speed/stations.js';
import { machine } from './support/daemon.js';
import { simulatedPart, writeOwnBundle } from './support/own-bundle.js';
import { prepareResults, writeResults } from './support/results.js';

const begun = performance.now();

function say(text: string): void {
  const seconds = Math.round((performance.now() - begun) / 1000);
  process.stderr.write(
    `${String(Math.floor(seconds / 60)).padStart(3)}:${String(seconds % 60).padStart(2, '0')}  ${text}\n`,
  );
}

try {
  const options = readOptions(process.argv.slice(2));
  await prepareResults(options.out);
  const report = await measure(options);
  const bars = barsOf(report);
  const text = speedText(report, bars);
  await writeResults(options.out, text, { ...report, bars });
  process.stdout.write(`\n${text}`);
  process.exitCode = bars.every(({ met }) => met !== false) ? 0 : 1;
} catch (thrown) {
  if (!(thrown instanceof SideglanceError)) throw thrown;
  process.stderr.write(`speed: ${thrown.message}\n`);
  process.exitCode = thrown.exitCode;
}

/** The stations first, while this process holds nothing; the peers' networks need the most memory and go last. */
async function measure({ parts, quick, rounds, frames }: SpeedOptions): Promise<SpeedReport> {
  const has = (part: SpeedOptions['parts'][number]) => parts.includes(part);
  const stations = has('stations')
    ? await measureCases({
        cases: CASES,
        stations: [1, 2, 4],
        throughputSeconds: quick ? 3 : 8,
        halfLoadSeconds: quick ? 12 : 30,
        onProgress: say,
      })
    : null;
  const loading = has('loading') ? await loadingReports(quick ? 2 : 5) : null;
  const heap = has('heap') ? await heapReport(frames) : null;
  const networks = has('networks')
    ? await compareNetworks({ threads: availableParallelism(), rounds, onProgress: say })
    : null;
  return {
    what: 'speed of sideglance: its networks beside those of its peers, its stations, loading and memory',
    command: 'npm run bench',
    machine: machine(),
    date: new Date().toISOString().slice(0, 10),
    minutes: Math.round((performance.now() - begun) / 6000) / 10,
    networks,
    stations,
    loading,
    heap,
  };
}

async function loadingReports(times: number): Promise<NonNullable<SpeedReport['loading']>> {
  const folder = await mkdtemp(join(tmpdir(), 'sideglance-loading-'));
  try {
    const reports = [];
    say('loading the demo model in fresh processes');
    reports.push({ name: '256²', ...(await measureLoading(join(PACKAGE_ROOT, 'models', 'demo'), times)) });
    for (const side of [512, 1024]) {
      const bundle = join(folder, String(side));
      say(`loading a model for ${side}² in fresh processes`);
      await writeOwnBundle(bundle, { width: side, height: side });
      reports.push({ name: `${side}²`, ...(await measureLoading(bundle, times)) });
    }
    return reports;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** With a small model, or so many frames would take an hour. */
async function heapReport(frames: number): Promise<NonNullable<SpeedReport['heap']>> {
  const folder = await mkdtemp(join(tmpdir(), 'sideglance-heap-'));
  try {
    say(`memory over ${frames} frames`);
    const bundle = join(folder, 'small');
    await writeOwnBundle(bundle, { width: 128, height: 128 });
    const pictures = [0, 1, 2].map((index) => simulatedPart({ width: 128, height: 128 }, index));
    return await measureHeap(pictures, frames, bundle);
  } finally {
    await rm(folder, { recursive: true });
  }
}
