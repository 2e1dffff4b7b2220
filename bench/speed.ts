/**
 * How fast is it? Everything that docs/performance.md quotes, in one go: `npm run bench`. Writes `<out>.json` and `<out>.md`
 * after each part; parts that were measured before and are left out now stay in them.
 *
 *     node dist/bench/speed.js [--only stations,loading,heap,networks] [--rounds 15] [--frames 100000] [--quick] [--out bench/results/speed]
 *
 * Ratios are of interleaved runs. Absolute times need a machine that does nothing else. `--quick` is for trying it out.
 */

import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { SideglanceError } from '../src/errors.js';
import { PACKAGE_ROOT } from '../src/paths.js';
import { barsOf } from './speed/bars.js';
import { measureHeap } from './speed/flat-heap.js';
import { measureLoading } from './speed/loading.js';
import { compareNetworks } from './speed/networks.js';
import { PARTS, type PartName, readOptions, type SpeedOptions } from './speed/options.js';
import { type Measured, type MeasuredParts, speedText } from './speed/report.js';
import { CASES, measureCases } from './speed/stations.js';
import { machine } from './support/daemon.js';
import { simulatedPart, writeOwnBundle } from './support/own-bundle.js';
import { prepareResults, writeResults } from './support/results.js';

const begun = performance.now();

/** How each part is measured. */
const MEASURE: { readonly [Part in PartName]: (options: SpeedOptions) => Promise<Measured<Part>['figures']> } = {
  stations: ({ quick }) =>
    measureCases({
      cases: CASES,
      stations: [1, 2, 4],
      throughputSeconds: quick ? 3 : 8,
      halfLoadSeconds: quick ? 12 : 30,
      onProgress: say,
    }),
  loading: ({ quick }) => loadingReports(quick ? 2 : 5),
  heap: ({ frames }) => heapReport(frames),
  networks: ({ rounds }) => compareNetworks({ threads: availableParallelism(), rounds, onProgress: say }),
};

function commandOf(name: PartName, { rounds, frames, quick }: SpeedOptions): string {
  const counted = { networks: ` --rounds ${rounds}`, heap: ` --frames ${frames}`, stations: '', loading: '' }[name];
  return `npm run bench -- --only ${name}${counted}${quick ? ' --quick' : ''}`;
}

function say(text: string): void {
  const seconds = Math.round((performance.now() - begun) / 1000);
  process.stderr.write(
    `${String(Math.floor(seconds / 60)).padStart(3)}:${String(seconds % 60).padStart(2, '0')}  ${text}\n`,
  );
}

try {
  const options = readOptions(process.argv.slice(2));
  await prepareResults(options.out);
  let parts = await measuredBefore(options.out);
  for (const name of PARTS) {
    if (!options.parts.includes(name)) continue;
    const partBegun = performance.now();
    const figures = await MEASURE[name](options);
    const minutes = Math.round((performance.now() - partBegun) / 6000) / 10;
    const date = new Date().toISOString().slice(0, 10);
    parts = { ...parts, [name]: { command: commandOf(name, options), date, minutes, machine: machine(), figures } };
    await writeResults(options.out, speedText(parts, barsOf(parts)), { parts, bars: barsOf(parts) });
  }
  const bars = barsOf(parts);
  process.stdout.write(`\n${speedText(parts, bars)}`);
  process.exitCode = bars.every(({ met }) => met !== false) ? 0 : 1;
} catch (thrown) {
  if (!(thrown instanceof SideglanceError)) throw thrown;
  process.stderr.write(`speed: ${thrown.message}\n`);
  process.exitCode = thrown.exitCode;
}

/** @throws SideglanceError `SG_STORAGE` */
async function measuredBefore(out: string): Promise<MeasuredParts> {
  const file = `${out}.json`;
  if (!existsSync(file)) return {};
  try {
    return (JSON.parse(await readFile(file, 'utf8')) as { parts?: MeasuredParts }).parts ?? {};
  } catch (cause) {
    throw new SideglanceError('SG_STORAGE', `${file} is no report of this bench: move it away, or name another --out`, {
      cause,
    });
  }
}

async function loadingReports(times: number): Promise<Measured<'loading'>['figures']> {
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
async function heapReport(frames: number): Promise<Measured<'heap'>['figures']> {
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
