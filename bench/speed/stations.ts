import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type Measure, measureStations } from '../../src/benchmark/measure.js';
import type { StationMeasure } from '../../src/benchmark/watch.js';
import { loadConfig } from '../../src/config/load.js';
import { writePng } from '../../src/image/save.js';
import { PACKAGE_ROOT } from '../../src/paths.js';
import { regionSize } from '../../src/train/good-images.js';
import { childrenOf } from '../support/daemon.js';
import { type Size, simulatedPart, writeOwnBundle, writeSurfaceBundle } from '../support/own-bundle.js';

/** What a station looks at: the whole frame is its region. */
export interface Case {
  readonly name: string;
  readonly frame: Size;
  /** What the model sees of it: an input of this size, tiles, or, with the demo model, 256². */
  readonly input: Size | 'tiles' | 'demo';
}

const square = (side: number): Size => ({ width: side, height: side });

/**
 * Frames of all sizes, each with a model for just that size: as many pixels as the frame, about as many as 256² where `sideglance train`
 * is told nothing else, or tiles.
 */
export const CASES: readonly Case[] = [
  { name: '256²', frame: square(256), input: 'demo' },
  { name: '640×480', frame: { width: 640, height: 480 }, input: regionSize(640, 480, 256) },
  { name: '640×480, every pixel', frame: { width: 640, height: 480 }, input: { width: 640, height: 480 } },
  { name: '2560×1920', frame: { width: 2560, height: 1920 }, input: regionSize(2560, 1920, 256) },
  { name: '512²', frame: square(512), input: square(512) },
  { name: '1024²', frame: square(1024), input: square(1024) },
  { name: '4096×3000', frame: { width: 4096, height: 3000 }, input: 'tiles' },
];

/** Longest that an event loop stood still, in milliseconds, of 1000 times that it was looked at. */
export interface Lag {
  readonly program: string;
  readonly samples: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly most: number;
}

export interface HalfLoad extends StationMeasure {
  readonly offeredPerSecond: number;
  readonly lag: { readonly agent: Lag | null; readonly station: Lag | null };
  readonly agentRssBytes: number | null;
}

export interface CaseReport {
  readonly name: string;
  readonly input: string;
  /** Parts a second, all stations together, as fast as they go, by the number of stations. */
  readonly throughput: Readonly<Record<number, number>>;
  readonly threadsEach: Readonly<Record<number, number>>;
  /** One station, at half the rate that it could keep up with. */
  readonly halfLoad: HalfLoad;
}

const PROBE = pathToFileURL(fileURLToPath(new URL('../support/lag-probe.js', import.meta.url))).href;

/** At half load at least so many parts are measured, however long they take. */
const LEAST_PARTS = 10;

export interface StationsOptions {
  readonly cases: readonly Case[];
  readonly stations: readonly number[];
  readonly throughputSeconds: number;
  readonly halfLoadSeconds: number;
  readonly onProgress?: (text: string) => void;
}

/** Runs the daemon with cameras that show a picture of the simulated line, and measures its stages and its throughput. */
export async function measureCases(options: StationsOptions): Promise<CaseReport[]> {
  const folder = await mkdtemp(join(tmpdir(), 'sideglance-speed-'));
  try {
    const reports: CaseReport[] = [];
    for (const [index, one] of options.cases.entries()) {
      const own = join(folder, String(index));
      reports.push(await measureCase(one, own, options));
    }
    return reports;
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function measureCase(one: Case, folder: string, options: StationsOptions): Promise<CaseReport> {
  const { onProgress = () => undefined } = options;
  const { input } = one;
  onProgress(`${one.name}: making a model and a picture`);
  const model = input === 'demo' ? join(PACKAGE_ROOT, 'models', 'demo') : join(folder, 'model');
  const picture = join(folder, 'part.png');
  await writePng(picture, simulatedPart(one.frame, 3));
  if (input === 'tiles') await writeSurfaceBundle(model, one.frame);
  else if (input !== 'demo') await writeOwnBundle(model, input);
  const throughput: Record<number, number> = {};
  const threadsEach: Record<number, number> = {};
  let alone = 0;
  for (const stations of options.stations) {
    onProgress(`${one.name}: ${stations} stations, as fast as they go`);
    const config = await configOf(folder, { model, picture, stations, partsPerSecond: null });
    const measured = await measureStations(config, { seconds: options.throughputSeconds });
    throughput[stations] = measured.stations.reduce((sum, { partsPerSecond }) => sum + partsPerSecond, 0);
    threadsEach[stations] = measured.threadsEach;
    if (stations === 1) alone = throughput[stations];
  }
  const offeredPerSecond = halfOf(alone);
  const seconds = Math.max(options.halfLoadSeconds, Math.ceil(LEAST_PARTS / offeredPerSecond));
  onProgress(`${one.name}: one station, ${offeredPerSecond} parts a second`);
  const config = await configOf(folder, { model, picture, stations: 1, partsPerSecond: offeredPerSecond });
  const { measured, lags } = await withLag(folder, (extra) => measureStations(config, { seconds, ...extra }));
  const lagOf = (program: string) => lags.find((lag) => lag.program === program) ?? null;
  const halfLoad = {
    ...(measured.stations[0] as StationMeasure),
    offeredPerSecond,
    lag: { agent: lagOf('agent-process.js'), station: lagOf('station.js') },
    agentRssBytes: measured.agent.rssBytes,
  };
  const seen = input === 'demo' ? square(256) : input;
  return {
    name: one.name,
    input: seen === 'tiles' ? seen : `${seen.width}×${seen.height}`,
    throughput,
    threadsEach,
    halfLoad,
  };
}

/** Half of a rate, in whole parts a second or, below one, in hundredths. */
function halfOf(partsPerSecond: number): number {
  const half = partsPerSecond / 2;
  return half >= 1 ? Math.round(half) : Math.max(1, Math.round(100 * half)) / 100;
}

/** A camera that shows one picture: live at a rate, or as often as it is asked. */
async function configOf(
  folder: string,
  {
    model,
    picture,
    stations,
    partsPerSecond,
  }: {
    readonly model: string;
    readonly picture: string;
    readonly stations: number;
    readonly partsPerSecond: number | null;
  },
) {
  const live = partsPerSecond !== null;
  const rate = `video/x-raw,framerate=${Math.round(100 * (partsPerSecond ?? 30))}/100`;
  const pipeline = `filesrc location=${picture} ! pngdec ! videoconvert ! video/x-raw,format=RGB ! imagefreeze is-live=${live} ! ${rate}`;
  const camera = { type: 'pipeline', pipeline, lossless: !live };
  const file = join(folder, 'config.yaml');
  const names = Array.from({ length: stations }, (_, i) => `station-${i + 1}`);
  // JSON is YAML.
  const text = JSON.stringify({
    device: { site: 'bench', line: 'bench', name: 'bench' },
    stations: names.map((name) => ({ name, camera, model, deadlineMs: 60_000 })),
  });
  await writeFile(file, text);
  return loadConfig(file);
}

/** Measures with the probe of `lag-probe.ts` in every process. */
async function withLag(
  folder: string,
  measure: (extra: {
    readonly env: Readonly<Record<string, string>>;
    readonly onCounting: (pid: number) => void;
  }) => Promise<Measure>,
): Promise<{ measured: Measure; lags: Lag[] }> {
  const lagFolder = await mkdtemp(join(folder, 'lag-'));
  const measured = await measure({
    env: { NODE_OPTIONS: `--import=${PROBE}`, SIDEGLANCE_LAG_FOLDER: lagFolder },
    onCounting: (pid) => {
      for (const one of [pid, ...childrenOf(pid)]) process.kill(one, 'SIGUSR2');
    },
  });
  const files = await readdir(lagFolder);
  const texts = await Promise.all(files.map((name) => readFile(join(lagFolder, name), 'utf8')));
  return { measured, lags: texts.map((text) => JSON.parse(text) as Lag) };
}
