/**
 * Does a station cost only itself? Runs four stations as fast as they go and reads from `health` how long the agent's event
 * loop stood still; then kills one with SIGKILL, several times, and measures how long its verdicts stay away.
 * Writes `bench/results/isolation.json`.
 *
 *     node dist/bench/isolation.js
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { PACKAGE_ROOT } from '../src/paths.js';
import type { InspectionMessage } from '../src/publish/messages.js';
import { machine, nextInspection, simulatedLine, startDaemon } from './support/daemon.js';

/** This process hardly does anything: what it is kept waiting, the machine keeps everybody waiting. */
const IDLE_RESOLUTION_MS = 10;
const ALLOWED = { stallMs: 50, backAfterMs: 3_000 } as const;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    rate: { type: 'string', default: '5' },
    kills: { type: 'string', default: '3' },
    model: { type: 'string' },
    out: { type: 'string', default: join(PACKAGE_ROOT, 'bench', 'results', 'isolation.json') },
  },
});
const camera = simulatedLine(Number(values.rate));

const isJudged = ({ verdict }: InspectionMessage): boolean => verdict !== 'invalid';
const four = await startDaemon({ stations: 4, camera, model: values.model });
const stations = ['station-1', 'station-2', 'station-3', 'station-4'];
await Promise.all(stations.map((name) => nextInspection(four, (one) => isJudged(one) && one.station === name)));
const stalls: number[] = [];
const idle = monitorEventLoopDelay({ resolution: IDLE_RESOLUTION_MS });
idle.enable();
const verdicts = { pass: 0, fail: 0, invalid: 0 };
let windows = 0;
four.onInspection(({ verdict }) => verdicts[verdict]++);
four.onHealth(({ agent }) => {
  // The first window still holds the start.
  if (windows++ > 0) stalls.push(agent.eventLoopLagMs);
});
await new Promise((done) => setTimeout(done, Number(values.seconds) * 1000));
const idleProcessStallMs = Math.round((idle.max / 1e6 - IDLE_RESOLUTION_MS) * 10) / 10;
idle.disable();
const fourStopped = await four.stop();

const one = await startDaemon({ stations: 1, camera, model: values.model });
await nextInspection(one, isJudged);
const backAfterMs: number[] = [];
const lost: number[] = [];
for (let kill = 0; kill < Number(values.kills); kill++) {
  const [pid] = one.stations();
  const { part } = await nextInspection(one, isJudged);
  let answeredAsLost = 0;
  one.onInspection(({ reason, part: lostPart }) => {
    if (reason === 'station lost' && lostPart.epoch === part.epoch) answeredAsLost++;
  });
  const killedMs = performance.now();
  process.kill(pid as number, 'SIGKILL');
  await nextInspection(one, (next) => isJudged(next) && next.part.epoch !== part.epoch);
  backAfterMs.push(Math.round(performance.now() - killedMs));
  lost.push(answeredAsLost);
}
const oneStopped = await one.stop();

const longestStallMs = Math.max(...stalls);
const passed =
  longestStallMs <= ALLOWED.stallMs &&
  backAfterMs.every((ms) => ms <= ALLOWED.backAfterMs) &&
  fourStopped.code === 0 &&
  oneStopped.code === 0;
const result = {
  what: 'isolation of the stations from the agent and from each other',
  command: `node dist/bench/isolation.js --seconds ${values.seconds} --rate ${values.rate} --kills ${values.kills}`,
  machine: machine(),
  verdict: passed ? 'passed' : 'FAILED',
  allowed: ALLOWED,
  fourStations: { longestStallMs, stallsMs: stalls, idleProcessStallMs, verdicts, stop: fourStopped },
  kills: { backAfterMs, partsAnsweredAsLost: lost, stop: oneStopped },
};
await mkdir(join(values.out, '..'), { recursive: true });
await writeFile(values.out, `${JSON.stringify(result, null, 1)}\n`);
console.log(
  `isolation ${result.verdict}: longest stall of the agent ${longestStallMs} ms while four stations work ` +
    `(an idle process beside it: ${idleProcessStallMs} ms); ` +
    `verdicts back ${backAfterMs.join(', ')} ms after kill -9; ${values.out}`,
);
process.exitCode = passed ? 0 : 1;
