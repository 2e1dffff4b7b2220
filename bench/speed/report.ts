import { STAGE_TITLES, STAGES } from '../../src/benchmark/stage-times.js';
import type { machine } from '../support/daemon.js';
import type { Spread } from '../support/statistics.js';
import type { Bar } from './bars.js';
import type { HeapReport } from './flat-heap.js';
import type { LoadReport } from './loading.js';
import type { NetworkReport } from './networks.js';
import type { CaseReport } from './stations.js';

/** What a run has measured; null: left out. */
export interface SpeedReport {
  readonly what: string;
  readonly command: string;
  readonly machine: ReturnType<typeof machine>;
  readonly date: string;
  readonly minutes: number;
  readonly networks: NetworkReport | null;
  readonly stations: readonly CaseReport[] | null;
  readonly loading: readonly ({ readonly name: string } & LoadReport)[] | null;
  readonly heap: HeapReport | null;
}

/** The report as Markdown; what the tables mean is in docs/performance.md. */
export function speedText(report: SpeedReport, bars: readonly Bar[]): string {
  const { machine, date, minutes, command } = report;
  const sections = [
    `# Speed\n\nWritten by \`${command}\` on ${date} in ${minutes} minutes: ${machine.cpu}, ${machine.cores} cores, ${machine.arch}, Node ${machine.node}.`,
    `## Against the bars\n\n${table(
      ['what', 'bar', 'measured', ''],
      bars.map(({ what, promised, measured, met }) => [
        what,
        promised,
        measured ?? '–',
        met === null ? '' : met ? 'met' : 'MISSED',
      ]),
    )}`,
    report.networks && networkSection(report.networks),
    report.stations && stationSection(report.stations),
    report.loading && loadingSection(report.loading),
    report.heap && heapSection(report.heap),
  ];
  return `${sections.filter(Boolean).join('\n\n')}\n`;
}

function networkSection({ threads, rounds, peakGflops, networks }: NetworkReport): string {
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
    `ONNX Runtime on the CPU, ${threads} threads, ${rounds} rounds. The large convolution: ${peakGflops.median.toFixed(0)} GFLOP/s (${spread(peakGflops, 0)}).`,
    table(['network', 'GFLOP', 'MB moved', 'ms', 'times sideglance', 'share of the peak'], rows),
  ].join('\n\n');
}

function stationSection(cases: readonly CaseReport[]): string {
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
    'Parts a second, all stations together, as fast as they go:',
    throughput,
    'One station at half of that, milliseconds of each stage:',
    stages,
  ].join('\n\n');
}

function loadingSection(loading: NonNullable<SpeedReport['loading']>): string {
  const rows = loading.map(({ name, coldMs, keptMs, againMs, model, working }) => [
    name,
    ...[coldMs, keptMs, againMs].map((times) => `${times.median.toFixed(0)} (${spread(times, 0)})`),
    megabytesText(model),
    megabytesText(working),
  ]);
  return `## Loading a model\n\n${table(['region', 'ms, first start', 'ms, later starts', 'ms, again', 'memory for it', 'the process at work'], rows)}`;
}

function heapSection({ frames, heapBytes, outsideHeapBytes, rssBytes, framesPerSecond }: HeapReport): string {
  const row = (what: string, [first, last]: readonly [number, number]) => [
    what,
    megabytesText(first),
    megabytesText(last),
  ];
  return [
    `## Memory over ${frames} frames`,
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
