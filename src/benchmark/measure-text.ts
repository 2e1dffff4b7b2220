import type { Measure } from './measure.js';
import { type Quantiles, STAGE_TITLES, STAGES } from './stage-times.js';
import type { ProcessFigures, StationMeasure } from './watch.js';

/** A measure for people: a table of stages for each station. */
export function measureText({ seconds, threadsEach, stations, agent }: Measure): string {
  const lines = stations.flatMap((station) => stationLines(station, seconds, threadsEach));
  lines.push(`agent: ${processText(agent)}`);
  return `${lines.join('\n')}\n`;
}

function stationLines(station: StationMeasure, seconds: number, threads: number): string[] {
  const { stages, verdicts, parts, partsPerSecond, skippedFrames, frame, regions } = station;
  const counted = (['pass', 'fail', 'invalid'] as const).map((result) => `${verdicts[result]} ${result}`).join(', ');
  const inspected = regions.length === 1 ? `a region of ${regions[0]}` : `${regions.length} regions`;
  return [
    `${station.station}: ${station.model} on ${station.provider}, ${threads === 1 ? 'one thread' : `${threads} threads`}; ${inspected} in frames of ${frame}`,
    `${parts} parts in ${seconds} s, ${partsPerSecond.toFixed(1)} a second (${counted}); ${skippedFrames} frames went by unseen`,
    `${'milliseconds'.padEnd(16)}${['p50', 'p95', 'p99'].map((title) => title.padStart(9)).join('')}`,
    ...STAGES.map((stage) => `${STAGE_TITLES[stage].padEnd(16)}${figures(stages[stage])}`),
    `outside the network: ${(100 * station.shareOutsideNetwork).toFixed(0)} % of the time from end to end`,
    processText(station.process),
    '',
  ];
}

function figures({ p50, p95, p99 }: Quantiles): string {
  return [p50, p95, p99].map((ms) => ms.toFixed(2).padStart(9)).join('');
}

function processText({ longestStallMs, rssBytes }: ProcessFigures): string {
  if (longestStallMs === null || rssBytes === null)
    return 'measured for too short a time to tell its stalls and memory';
  return `longest stall of the event loop ${longestStallMs.toFixed(1)} ms, memory ${(rssBytes / 1e6).toFixed(0)} MB`;
}
