/**
 * How many devices does one broker bear? Devices without cameras, each with the connection, outbox and messages of a real one,
 * against a real mosquitto on this machine; then the broker is killed and started again under them. Writes
 * `bench/results/fleet.json` and `.md`.
 *
 *     node dist/bench/fleet.js --devices 1000 --parts-per-minute 12 --seconds 60
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { connectAsync } from 'mqtt';
import { PACKAGE_ROOT } from '../src/paths.js';
import type { InspectionMessage } from '../src/publish/messages.js';
import { startBroker } from './delivery/broker.js';
import type { FleetOptions, FleetReport } from './fleet/devices.js';
import { cpuSecondsOf, machine, rssOf } from './support/daemon.js';
import { prepareResults, writeResults } from './support/results.js';
import { quantileOf } from './support/statistics.js';

const { values } = parseArgs({
  options: {
    devices: { type: 'string', default: '1000' },
    'parts-per-minute': { type: 'string', default: '12' },
    seconds: { type: 'string', default: '60' },
    out: { type: 'string', default: join(PACKAGE_ROOT, 'bench', 'results', 'fleet') },
  },
});
const [devices, partsPerMinute, seconds] = [
  Number(values.devices),
  Number(values['parts-per-minute']),
  Number(values.seconds),
];
const LIMITS = { within: 300_000, everyMs: 50, partsToAMap: 20, healthEveryMs: 5_000 } as const;
await prepareResults(values.out);

/** Messages and their bytes, topic and payload, of each kind of topic. */
const traffic = new Map<string, { messages: number; bytes: number }>();
const seen = new Set<string>();
let latencies: number[] = [];

const broker = await startBroker();
const consumer = await connectAsync(`mqtt://127.0.0.1:${broker.port}`, { protocolVersion: 5, reconnectPeriod: 20 });
consumer.on('error', () => {});
consumer.on('message', (topic, payload) => {
  const kind = topic.split('/').at(-1) as string;
  const known = traffic.get(kind) ?? { messages: 0, bytes: 0 };
  traffic.set(kind, { messages: known.messages + 1, bytes: known.bytes + topic.length + payload.byteLength });
  if (kind !== 'inspection') return;
  const { delivery, device, published, stored } = JSON.parse(payload.toString()) as InspectionMessage;
  seen.add(`${device.name} ${delivery.epoch} ${delivery.seq}`);
  if (!stored) latencies.push(Number(process.hrtime.bigint() / 1000n) / 1000 - published.monotonicMs);
});
const subscribe = () => consumer.subscribeAsync('sideglance/#', { qos: 0 });
await subscribe();

const options: FleetOptions = {
  url: `mqtt://127.0.0.1:${broker.port}`,
  devices,
  partsPerMinute,
  partsToAMap: LIMITS.partsToAMap,
  healthEveryMs: LIMITS.healthEveryMs,
};
const begunMs = performance.now();
const child = fork(fileURLToPath(new URL('./fleet/devices.js', import.meta.url)), [JSON.stringify(options)]);
let report: FleetReport = { online: 0, made: 0, waiting: 0, rssBytes: 0, isStopped: false };
child.on('message', (message) => {
  report = message as FleetReport;
});
try {
  const connected = await until('all are online', () => report.online === devices, begunMs);
  const steady = await measureSteady();
  const outage = await measureOutage();
  child.send('stop');
  await until('all verdicts have come', () => report.isStopped && report.waiting === 0 && seen.size >= report.made);
  const result = {
    what: 'a fleet on one mosquitto',
    command: `node dist/bench/fleet.js --devices ${devices} --parts-per-minute ${partsPerMinute} --seconds ${seconds}`,
    machine: machine(),
    devices,
    connectSeconds: connected,
    steady,
    outage,
    verdicts: { made: report.made, received: seen.size },
  };
  await writeResults(values.out, tableOf(result), result);
  console.log(JSON.stringify(result, null, 2));
} finally {
  child.disconnect();
  await once(child, 'exit');
  await consumer.endAsync(true);
  await broker.close();
}

async function measureSteady() {
  child.send('run');
  await wait(60_000 / partsPerMinute);
  traffic.clear();
  latencies = [];
  const before = { cpu: cpuSecondsOf(broker.pid), atMs: performance.now() };
  await wait(seconds * 1000);
  const tookS = (performance.now() - before.atMs) / 1000;
  const messages = [...traffic.values()].reduce((sum, one) => sum + one.messages, 0);
  const bytes = [...traffic.values()].reduce((sum, one) => sum + one.bytes, 0);
  return {
    messagesPerSecond: rounded(messages / tookS, 0),
    kilobytesPerSecond: rounded(bytes / tookS / 1000, 0),
    bytesOf: Object.fromEntries([...traffic].map(([kind, one]) => [kind, Math.round(one.bytes / one.messages)])),
    latencyMs: { p50: rounded(quantileOf(latencies, 0.5), 1), p99: rounded(quantileOf(latencies, 0.99), 1) },
    brokerCpuPercent: rounded((100 * (cpuSecondsOf(broker.pid) - before.cpu)) / tookS, 1),
    brokerMegabytes: rounded((rssOf(broker.pid) ?? 0) / 1e6, 1),
    devicesMegabytes: rounded(report.rssBytes / 1e6, 0),
  };
}

/** Kills the broker, starts it again, and watches the devices come back. */
async function measureOutage() {
  await broker.kill();
  await until('all have noticed', () => report.online === 0);
  await broker.start();
  const atMs = performance.now();
  while (!consumer.connected) await wait(LIMITS.everyMs);
  await subscribe();
  const half = await until('half are back', () => report.online >= devices / 2, atMs);
  const all = await until('all are back', () => report.online === devices, atMs);
  return { halfBackSeconds: half, allBackSeconds: all };
}

/** @returns seconds from `fromMs` until it was so */
async function until(what: string, isSo: () => boolean, fromMs = performance.now()): Promise<number> {
  const giveUpAt = performance.now() + LIMITS.within;
  while (!isSo()) {
    if (performance.now() > giveUpAt || child.exitCode !== null) throw new Error(`in vain: ${what}`);
    await wait(LIMITS.everyMs);
  }
  return rounded((performance.now() - fromMs) / 1000, 1);
}

function tableOf({ command, machine, connectSeconds, steady, outage, verdicts }: ReportOf): string {
  const { latencyMs, bytesOf } = steady;
  return `# A fleet on one broker

\`${command}\` on ${machine.cpu}, ${machine.cores} cores, Node ${machine.node}: mosquitto, all devices and a consumer share them.

| | |
|---|---:|
| devices | ${devices} |
| until all are connected | ${connectSeconds} s |
| messages, each to the broker and on to one consumer | ${steady.messagesPerSecond} a second, ${steady.kilobytesPerSecond} kB/s |
| a message's bytes, topic and payload | ${Object.entries(bytesOf)
    .map(([kind, bytes]) => `${kind} ${bytes}`)
    .join(', ')} |
| from the device to the consumer | ${latencyMs.p50} ms (median), ${latencyMs.p99} ms (99 %) |
| mosquitto | ${steady.brokerCpuPercent} % of a core, ${steady.brokerMegabytes} MB |
| the broker was killed and started again: half, all are back after | ${outage.halfBackSeconds} s, ${outage.allBackSeconds} s |
| verdicts made, received | ${verdicts.made}, ${verdicts.received} |
`;
}

interface ReportOf {
  readonly command: string;
  readonly machine: ReturnType<typeof machine>;
  readonly connectSeconds: number;
  readonly steady: Awaited<ReturnType<typeof measureSteady>>;
  readonly outage: Awaited<ReturnType<typeof measureOutage>>;
  readonly verdicts: { readonly made: number; readonly received: number };
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
