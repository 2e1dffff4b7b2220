import { STAGE_TITLES, STAGES } from '../../src/benchmark/stage-times.js';
import type { machine } from '../support/daemon.js';
import type { Spread } from '../support/statistics.js';
import type { Bar } from './bars.js';
import type { HeapReport } from './flat-heap.js';
import type { LoadReport } from './loading.js';
import type { NetworkReport } from './networks.js';
import type { PartName } from './options.js';
import type { CaseReport } from './stations.js';

/** What each part measures. */
interface Figures extends Record<PartName, unknown> {
  readonly networks: NetworkReport;
  readonly stations: readonly CaseReport[];
  readonly loading: readonly ({ readonly name: string } & LoadReport)[];
  readonly heap: HeapReport;
}

/** One part, and when, how and where it was measured. */
export interface Measured<Part extends PartName> {
  readonly command: string;
  readonly date: string;
  readonly minutes: number;
  readonly machine: ReturnType<typeof machine>;
  readonly figures: Figures[Part];
}

/** The parts that were measured, in this run or in one before it. */
export type MeasuredParts = { readonly [Part in PartName]?: Measured<Part> };

/** The report as Markdown; what the tables mean is in docs/performance.md. */
export function speedText(parts: MeasuredParts, bars: readonly Bar[]): string {
  const { networks, stations, loading, heap } = parts;
  const sections = [
    '# Speed\n\nWritten by `npm run bench`.',
    `## Against the bars\n\n${table(
      ['what', 'bar', 'measured', ''],
      bars.map(({ what, promised, measured, met }) => [
        what,
        promised,
        measured ?? '–',
        met === null ? '' : met ? 'met' : 'MISSED',
      ]),
    )}`,
    networks && networkSection(networks),
    stations && stationSection(stations),
    loading && loadingSection(loading),
    heap && heapSection(heap),
  ];
  return `${sections.filter(Boolean).join('\n\n')}\n`;
}

function originOf({ command, date, minutes, machine }: Measured<PartName>): string {
  const { cpu, cores, arch, node } = machine;
  return `\`${command}\` on ${date}, ${minutes} minutes: ${cpu}, ${cores} cores, ${arch}, Node ${node}.`;
}

function networkSection(measured: Measured<'networks'>): string {
  const { threads, rounds, peakGflops, networks } = measured.figures;
  const rows = networks.map(({ name, gflop, megabytes, ms, ratio, shareOfPeak }) => [
    name,
    gflop.toFixed(2),
    megabytes.toFixed(0),
    ms.median.toFixed(1),
    `${ratio.median.toFixed(1)} (${ratio.low.toFixed(1)}–${ratio.high.toFixed(1)})`,
    `${(100 * shareOfPeak.median).toFixed(0)} %`,
  ]);
  return [
    '## Networks, one region of 256 × 256 pixels',
    originOf(measured),
    `ONNX Runtime on the CPU, ${threads} threads, ${rounds} rounds. The large convolution: ${peakGflops.median.toFixed(0)} GFLOP/s (${spread(peakGflops, 0)}).`,
    table(['network', 'GFLOP', 'MB moved', 'ms', 'times sideglance', 'share of the peak'], rows),
  ].join('\n\n');
}

function stationSection(measured: Measured<'stations'>): string {
  const cases = measured.figures;
  const counts = Object.keys(cases[0]?.throughput ?? {});
  const throughput = table(
    ['frame', 'model input', ...counts.map((count) => `${count} station${count === '1' ? '' : 's'}`)],
    cases.map(({ name, input, throughput }) => [
      name,
      input,
      ...counts.map((count) => (throughput[Number(count)] as number).toFixed(1)),
    ]),
  );
  const stages = table(
    ['ms: p50 / p95 / p99', ...cases.map(({ name }) => name)],
    [
      ...STAGES.map((stage) => [
        STAGE_TITLES[stage],
        ...cases.map(({ halfLoad }) => {
          const { p50, p95, p99 } = halfLoad.stages[stage];
          return [p50, p95, p99].map((ms) => ms.toFixed(1)).join(' / ');
        }),
      ]),
      ['outside the network', ...cases.map(({ halfLoad }) => `${(100 * halfLoad.shareOutsideNetwork).toFixed(0)} %`)],
      ['parts a second', ...cases.map(({ halfLoad }) => String(halfLoad.offeredPerSecond))],
      ['event loop of the station, p99.9', ...cases.map(({ halfLoad }) => lagText(halfLoad.lag.station?.p999))],
      ['event loop of the agent, p99.9', ...cases.map(({ halfLoad }) => lagText(halfLoad.lag.agent?.p999))],
      ['memory of the station', ...cases.map(({ halfLoad }) => megabytesText(halfLoad.process.rssBytes))],
      ['memory of the agent', ...cases.map(({ halfLoad }) => megabytesText(halfLoad.agentRssBytes))],
    ],
  );
  return [
    '## Stations',
    originOf(measured),
    'Parts a second, all stations together, as fast as they go:',
    throughput,
    'One station at half of that, milliseconds of each stage:',
    stages,
  ].join('\n\n');
}

function loadingSection(measured: Measured<'loading'>): string {
  const rows = measured.figures.map(({ name, coldMs, keptMs, againMs, model, working }) => [
    name,
    ...[coldMs, keptMs, againMs].map((times) => `${times.median.toFixed(0)} (${spread(times, 0)})`),
    megabytesText(model),
    megabytesText(working),
  ]);
  return [
    '## Loading a model',
    originOf(measured),
    table(['region', 'ms, first start', 'ms, later starts', 'ms, again', 'memory for it', 'the process at work'], rows),
  ].join('\n\n');
}

function heapSection(measured: Measured<'heap'>): string {
  const { frames, heapBytes, outsideHeapBytes, rssBytes, framesPerSecond } = measured.figures;
  const row = (what: string, [first, last]: readonly [number, number]) => [
    what,
    megabytesText(first),
    megabytesText(last),
  ];
  return [
    `## Memory over ${frames} frames`,
    originOf(measured),
    `With a model for regions of 128 × 128 pixels, ${framesPerSecond.toFixed(0)} frames a second; means over a tenth of the run, after a collection.`,
    table(
      ['', 'at the beginning', 'at the end'],
      [
        row('JavaScript heap', heapBytes),
        row('memory of arrays outside it', outsideHeapBytes),
        row('resident memory', rssBytes),
      ],
    ),
  ].join('\n\n');
}

function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(titles), `|---|${'---:|'.repeat(titles.length - 1)}`, ...rows.map(line)].join('\n');
}

function spread({ low, high }: Spread, digits: number): string {
  return `${low.toFixed(digits)}–${high.toFixed(digits)}`;
}

function lagText(ms: number | null | undefined): string {
  return typeof ms === 'number' ? `${ms.toFixed(1)} ms` : '–';
}

function megabytesText(bytes: number | null): string {
  return bytes === null ? '–' : `${(bytes / 1e6).toFixed(1)} MB`;
}
