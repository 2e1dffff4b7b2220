/**
 * What do large frames cost? Time for each megapixel of frames from 1 to 12 megapixels, what the tiles cost beside one untiled
 * pass, whether a batch of tiles gains anything on the CPU, and the memory that a frame takes. Everything that is compared is
 * run in turns. Writes `bench/results/tiling.json` and `.md`.
 *
 *     node dist/bench/tiling.js --rounds 5 --threads 2
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { scoreOne } from '../src/infer/scored.js';
import { Scorer } from '../src/infer/scorer.js';
import { cover } from '../src/infer/tiling/cover.js';
import { FieldScorer } from '../src/infer/tiling/field-scorer.js';
import { cellsAlong } from '../src/infer/tiling/surface.js';
import { fitTiles } from '../src/infer/tiling/tile-sizes.js';
import { PACKAGE_ROOT } from '../src/paths.js';
import { TILE_GEOMETRY } from '../src/train/export-tiles.js';
import { LOCAL_NET } from '../src/train/networks/local-net.js';
import { FIELD_SCORING, fieldSettings } from '../test/support/field-model.js';
import { machine } from './support/daemon.js';
import { prepareResults, writeResults } from './support/results.js';
import { FRAMES, Frame, noise, type Size, type Taken, taken, untrained, wholeOf } from './tiling/frames.js';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    threads: { type: 'string', default: '2' },
    out: { type: 'string', default: join(PACKAGE_ROOT, 'bench', 'results', 'tiling') },
  },
});
const [rounds, threads] = [Number(values.rounds), Number(values.threads)];
await prepareResults(values.out);

/** Of the operations of a whole model, by `bench/results/cost.json`: Local-Net and what is computed beside it; Global-Net and the rest. */
const SHARE = { features: 0.7, context: 0.3 } as const;
/** For one untiled pass: it takes 1.7 kB a pixel. */
const UNTILED: Size = { width: 1280, height: 1024 };
const BATCH = 4;
/** Each frame is scored so often in a round that all are measured for about as long. */
const MEGAPIXELS = 12;

const times = await timesOfFrames();
const untiled = await ratioToUntiled();
const batched = await ratioOfBatch();
const frames = FRAMES.map((size, index) => ({
  ...size,
  msPerMegapixel: Math.round(times.elapsed[index]!),
  cpuMsPerMegapixel: Math.round(times.cpu[index]!),
  relative: rounded(times.relative[index]!),
  operations: rounded(operationsOf(size)),
  peakMegabytes: memoryOf(size),
}));
const relatives = frames.map(({ relative }) => relative);
const [least, most] = [Math.min(...relatives), Math.max(...relatives)];
const report = {
  what: 'field models on large frames',
  command: `node dist/bench/tiling.js --rounds ${rounds} --threads ${threads}`,
  machine: machine(),
  frames,
  spreadPercent: rounded((100 * (most - least)) / (most + least)),
  tiledToUntiled: { ...UNTILED, time: rounded(untiled), operations: rounded(operationsOf(UNTILED)) },
  batchToSingleTiles: { batch: BATCH, time: rounded(batched) },
};
const rows = frames.map(
  ({ width, height, msPerMegapixel, cpuMsPerMegapixel, relative, operations, peakMegabytes }) =>
    `| ${width} × ${height} | ${msPerMegapixel} | ${cpuMsPerMegapixel} | ${relative} | ${operations} | ${peakMegabytes} |`,
);
await writeResults(
  values.out,
  `# Large frames

\`${report.command}\` on ${report.machine.cpu}, ${report.machine.cores} cores, Node ${report.machine.node}.

| frame | ms a megapixel (median) | CPU ms a megapixel (median) | of the mean of its round | operations, tiled : untiled | MB that it takes |
|---|---|---|---|---|---|
${rows.join('\n')}

CPU time for each megapixel is constant to ±${report.spreadPercent} % (wanted: ±10 %).

- Tiles beside one untiled pass, ${UNTILED.width} × ${UNTILED.height}: ${report.tiledToUntiled.time} times the CPU time, ${report.tiledToUntiled.operations} times the operations (wanted: at most 1.6).
- Batches of ${BATCH} tiles beside single ones on the CPU: ${report.batchToSingleTiles.time} times the CPU time.
`,
  report,
);
console.log(JSON.stringify(report, null, 2));

/** Median times for each megapixel, and the ratio of the CPU time to the mean of the same round. */
async function timesOfFrames() {
  const opened: Frame[] = [];
  for (const size of FRAMES) opened.push(await Frame.open(size, threads));
  const measured = await inTurns(opened.map((frame) => () => frame.time(MEGAPIXELS)));
  for (const { scorer } of opened) await scorer.close();
  const columns = (value: (round: readonly Taken[], one: Taken) => number) =>
    FRAMES.map((_, index) => median(measured.map((round) => value(round, round[index]!))));
  const mean = (round: readonly Taken[]) => round.reduce((sum, { cpu }) => sum + cpu, 0) / round.length;
  return {
    elapsed: columns((_, { elapsed }) => elapsed),
    cpu: columns((_, { cpu }) => cpu),
    relative: columns((round, { cpu }) => cpu / mean(round)),
  };
}

async function ratioToUntiled(): Promise<number> {
  const geometry = { ...UNTILED, stride: LOCAL_NET.stride, scoring: FIELD_SCORING, locate: null, threads };
  const whole = await Scorer.create(untrained.untiled(UNTILED.width, UNTILED.height), geometry);
  const tiled = await Frame.open(UNTILED, threads);
  const picture = noise(UNTILED);
  const untiledTime = () => taken(() => scoreOne(whole, picture, wholeOf(picture)), tiled.megapixels);
  const measured = await inTurns([() => tiled.time(), untiledTime]);
  await whole.close();
  await tiled.scorer.close();
  return median(measured.map(([tiles, one]) => tiles!.cpu / one!.cpu));
}

async function ratioOfBatch(): Promise<number> {
  const size = FRAMES[1]!;
  const picture = noise(size);
  const tiles = fitTiles(cellsOf(size), TILE_GEOMETRY.halo);
  const open = (batch: number) =>
    FieldScorer.create(untrained.files(), {
      settings: fieldSettings(tiles),
      scoring: FIELD_SCORING,
      name: 'untrained',
      threads,
      batch,
    });
  const scorers = [await open(BATCH), await open(1)];
  const measured = await inTurns(
    scorers.map((scorer) => () => taken(() => scoreOne(scorer, picture, wholeOf(picture)), 1)),
  );
  for (const scorer of scorers) await scorer.close();
  return median(measured.map(([many, one]) => many!.cpu / one!.cpu));
}

/** Runs all, one after the other, round for round; the first round, which warms up, is not counted. */
async function inTurns(runs: readonly (() => Promise<Taken>)[]): Promise<Taken[][]> {
  const measured: Taken[][] = [];
  for (let round = 0; round <= rounds; round++) {
    const results: Taken[] = [];
    for (const run of runs) results.push(await run());
    if (round > 0) measured.push(results);
  }
  return measured;
}

/** Operations in tiles, as a multiple of those of one untiled pass. */
function operationsOf(size: Size): number {
  const { border, halo } = TILE_GEOMETRY;
  const region = cellsOf(size);
  const { features, context } = fitTiles(region, halo);
  const count = (side: 'rows' | 'columns', tile: typeof features, around: number) =>
    cover(region[side], tile[side], around).length;
  const pixels = ({ rows, columns }: typeof features) =>
    (rows * LOCAL_NET.stride + 2 * border) * (columns * LOCAL_NET.stride + 2 * border);
  const described = (count('rows', features, 0) * count('columns', features, 0) * pixels(features)) / pixels(region);
  const judged =
    (count('rows', context, halo) * count('columns', context, halo) * context.rows * context.columns) /
    (region.rows * region.columns);
  return SHARE.features * described + SHARE.context * judged;
}

function cellsOf({ width, height }: Size) {
  return { rows: cellsAlong(height, LOCAL_NET.stride), columns: cellsAlong(width, LOCAL_NET.stride) };
}

function memoryOf({ width, height }: Size): number {
  const script = fileURLToPath(new URL('tiling/memory.js', import.meta.url));
  return Number(execFileSync(process.execPath, [script, String(width), String(height)], { encoding: 'utf8' }));
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

function rounded(value: number): number {
  return Math.round(1000 * value) / 1000;
}
