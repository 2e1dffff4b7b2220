/**
 * Does memory stay flat? Runs the daemon on the simulated line and samples the resident memory of the agent and of each
 * station. Writes `bench/results/soak.json`.
 *
 *     node dist/bench/soak.js --minutes 30 --rate 10
 *
 * Growth is that of the last two thirds of the run: the median of its last tenth against the median of its first tenth.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { PACKAGE_ROOT } from '../src/paths.js';
import { machine, nextInspection, rssOf, simulatedLine, startDaemon } from './support/daemon.js';

const ALLOWED_GROWTH = 0.05;
const SAMPLE_EVERY_MS = 5_000;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    rate: { type: 'string', default: '10' },
    stations: { type: 'string', default: '1' },
    model: { type: 'string' },
    out: { type: 'string', default: join(PACKAGE_ROOT, 'bench', 'results', 'soak.json') },
  },
});
const minutes = Number(values.minutes);
const partsPerSecond = Number(values.rate);

const daemon = await startDaemon({
  stations: Number(values.stations),
  camera: simulatedLine(partsPerSecond),
  model: values.model,
});
await nextInspection(daemon, ({ verdict }) => verdict !== 'invalid');

const verdicts = { pass: 0, fail: 0, invalid: 0 };
let agentLagMs = 0;
daemon.onInspection(({ verdict }) => verdicts[verdict]++);
daemon.onHealth(({ agent }) => {
  agentLagMs = Math.max(agentLagMs, agent.eventLoopLagMs);
});

interface Sample {
  readonly second: number;
  readonly agent: number;
  readonly stations: readonly number[];
}

const processes = daemon.stations();
const samples: Sample[] = [];
const begunMs = performance.now();
while (performance.now() - begunMs < minutes * 60_000) {
  const second = Math.round((performance.now() - begunMs) / 1000);
  samples.push({ second, agent: rssOf(daemon.pid) ?? 0, stations: processes.map((pid) => rssOf(pid) ?? 0) });
  await new Promise((done) => setTimeout(done, SAMPLE_EVERY_MS));
}
const sameProcesses = daemon.stations().join() === processes.join();
const end = await daemon.stop();

const considered = samples.slice(Math.floor(samples.length / 3));
const growth = {
  agent: growthOf(considered.map(({ agent }) => agent)),
  stations: processes.map((_, i) => growthOf(considered.map(({ stations }) => stations[i] ?? 0))),
};
const seconds = minutes * 60;
const parts = verdicts.pass + verdicts.fail + verdicts.invalid;
const flat = [growth.agent, ...growth.stations].every((one) => one <= ALLOWED_GROWTH);
const passed = flat && sameProcesses && end.code === 0;
const result = {
  what: 'resident memory of the daemon on the simulated line',
  command: `node dist/bench/soak.js --minutes ${minutes} --rate ${partsPerSecond} --stations ${values.stations}`,
  machine: machine(),
  verdict: passed ? 'passed' : 'FAILED',
  allowedGrowth: ALLOWED_GROWTH,
  growth,
  sameProcesses,
  partsPerSecond: parts / seconds,
  verdicts,
  agentLongestStallMs: agentLagMs,
  stop: end,
  samples,
};
await mkdir(join(values.out, '..'), { recursive: true });
await writeFile(values.out, `${JSON.stringify(result, null, 1)}\n`);
const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
console.log(
  `soak ${result.verdict}: ${parts} parts in ${minutes} min (${result.partsPerSecond.toFixed(1)}/s), ` +
    `memory grew by ${percent(growth.agent)} (agent) and ${growth.stations.map(percent).join(', ')} (stations) ` +
    `in the last two thirds; longest stall of the agent ${agentLagMs} ms; ${values.out}`,
);
process.exitCode = passed ? 0 : 1;

function growthOf(bytes: readonly number[]): number {
  const tenth = Math.max(1, Math.floor(bytes.length / 10));
  const first = median(bytes.slice(0, tenth));
  return first === 0 ? Number.NaN : median(bytes.slice(-tenth)) / first - 1;
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
