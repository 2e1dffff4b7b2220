/**
 * Whether rollouts stop where they have to: many devices on one mosquitto, to which the command line rolls out a good model in waves,
 * one that every proof refuses, and one with which no part can be judged; then a good one is withdrawn. Which devices have tried a model
 * is asked of the devices, of the server that they fetch it from, and computed here. Writes `bench/results/updates-fleet.json`;
 * ends with 1 where anything was wrong.
 *
 *     node dist/bench/updates-fleet.js
 *     node dist/bench/updates-fleet.js --devices 40 --out /tmp/updates-fleet.json
 */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { connectAsync } from 'mqtt';
import { keySetFile } from '../src/model/signing/key-set.js';
import { PACKAGE_ROOT } from '../src/paths.js';
import type { RolloutMessage } from '../src/publish/rollout-message.js';
import { type Broker, startBroker } from './delivery/broker.js';
import { CommandLine } from './support/arguments.js';
import { machine, rssOf } from './support/daemon.js';
import type { SimulatedFleet, SimulatedReport } from './updates/fleet-devices.js';
import { archiveOf, makeSigners, smallBundle } from './updates/small-bundle.js';

const LIMITS = { startWithinMs: 300_000, backWithinMs: 60_000, lookEveryMs: 100, weightBytes: 1_048_576 } as const;
const [GOOD, UNPROVEN, UNFIT, WITHDRAWN] = ['1.1.0', '1.2.0', '1.3.0', '1.4.0'] as const;
const WAVES = [5, 25, 100] as const;

const line = new CommandLine(
  'usage: node dist/bench/updates-fleet.js [--devices <n>] [--processes <n>] [--out <file>]',
);
const { values } = line.parse(process.argv.slice(2), {
  devices: { type: 'string', default: '200' },
  processes: { type: 'string', default: '4' },
  out: { type: 'string', default: join(PACKAGE_ROOT, 'bench', 'results', 'updates-fleet.json') },
});
const count = line.whole('--devices', values.devices, 1, 10_000);
const processes = line.whole('--processes', values.processes, 1, 100);
const names = Array.from({ length: count }, (_, i) => `ulm/line-${i % 10}/edge-${String(i).padStart(4, '0')}`);

interface Scenario {
  readonly what: string;
  /** Of the command line. */
  readonly exitCode: number | null;
  readonly seconds: number;
  /** Percentage at which the rollout ended, and what its message says. */
  readonly percent: number;
  readonly state: string;
  /** Devices that take part at that percentage, computed here. */
  readonly inWave: number;
  /** Devices that say that they have begun it. */
  readonly tried: number;
  /** Of these, the ones that do not take part. */
  readonly strangers: number;
  /** The first wave that has a device, as computed here. */
  readonly firstPercent: number;
  /** Requests for the file. */
  readonly fetched: number;
  /** Devices by what they run afterwards. */
  readonly runs: Readonly<Record<string, number>>;
}

const home = await mkdtemp(join(tmpdir(), 'sideglance-updates-fleet-'));
const children: ChildProcess[] = [];
const reports: SimulatedReport[] = [];
const requests = new Map<string, number>();
const archives = new Map<string, Buffer>();
let rollout: RolloutMessage | null = null;
const broker = await startBroker();
const server = createServer((request, response) => {
  const path = request.url ?? '';
  requests.set(path, (requests.get(path) ?? 0) + 1);
  const bytes = archives.get(path);
  if (bytes === undefined) response.writeHead(404).end();
  else response.writeHead(200, { 'content-length': bytes.byteLength }).end(bytes);
}).listen(0, '127.0.0.1');
await once(server, 'listening');
const from = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const client = await connectAsync(`mqtt://127.0.0.1:${broker.port}`);
client.on('message', (_, payload) => {
  rollout = JSON.parse(payload.toString()) as RolloutMessage;
});
await client.subscribeAsync('sideglance/rollout/+');

try {
  const result = await measure(broker);
  await writeFile(values.out, `${JSON.stringify(result, null, 2)}\n`);
  console.log(JSON.stringify(result, null, 2));
  process.exitCode = result.wrong.length === 0 ? 0 : 1;
} finally {
  for (const child of children) child.disconnect();
  await Promise.all(children.map((child) => (child.exitCode === null ? once(child, 'exit') : null)));
  await client.endAsync(true);
  server.close();
  await broker.close();
  await rm(home, { recursive: true, force: true });
}

async function measure({ port, pid }: Broker) {
  const { keySet, trusted } = makeSigners(1);
  const keys = join(home, 'keys.json');
  await writeFile(keys, keySetFile(keySet));
  for (const version of ['1.0.0', GOOD, UNPROVEN, UNFIT, WITHDRAWN]) {
    const { entries } = smallBundle({
      signers: trusted.slice(0, 1),
      weights: LIMITS.weightBytes,
      edit: (manifest) => {
        manifest.version = version;
        manifest.devices = ['*/*/*'];
        manifest.stations = ['*'];
      },
    });
    archives.set(`/${version}.tar`, archiveOf(entries));
    await writeFile(join(home, `${version}.tar`), archiveOf(entries));
  }
  const begunMs = performance.now();
  await startDevices(`mqtt://127.0.0.1:${port}`, keys);
  const startSeconds = seconds(begunMs);

  const good = await roll('good', GOOD, keys);
  const unproven = await roll('refused by every proof', UNPROVEN, keys);
  const unfit = await roll('no part can be judged with it', UNFIT, keys);
  const withdrawn = await roll('good, and withdrawn', WITHDRAWN, keys, async () => {
    await cli('withdraw', '--model', 'bracket', '--wait', '5m');
  });
  const scenarios = [good, unproven, unfit, withdrawn];
  return {
    what: 'rollouts to many devices on one mosquitto, driven by the command line',
    real: 'broker, HTTP server, command line; of each device its connection, its ears for rollouts, download, store on disk with signatures and digests, probation, messages',
    scripted: 'the proof of a bundle, and the station with its parts',
    command: `node dist/bench/updates-fleet.js --devices ${count} --processes ${processes}`,
    machine: machine(),
    devices: count,
    waves: WAVES,
    bundleBytes: archives.get(`/${GOOD}.tar`)?.byteLength,
    startSeconds,
    scenarios,
    deviceMegabytes: Math.round(reports.reduce((sum, { rssBytes }) => sum + rssBytes, 0) / 1e6),
    brokerMegabytes: Math.round((rssOf(pid) ?? 0) / 1e6),
    wrong: wrongIn(scenarios),
  };
}

async function startDevices(url: string, keys: string): Promise<void> {
  for (let i = 0; i < processes; i++) {
    const folder = join(home, `devices-${i}`);
    await mkdir(folder);
    const options: SimulatedFleet = {
      ...{ url, folder, keys, from, first: join(home, '1.0.0.tar') },
      devices: names.filter((_, index) => index % processes === i),
      refused: [UNPROVEN],
      invalid: [UNFIT],
    };
    const program = fileURLToPath(new URL('./updates/fleet-devices.js', import.meta.url));
    const child = fork(program, [JSON.stringify(options)]);
    child.on('message', (message) => {
      reports[i] = message as SimulatedReport;
    });
    children.push(child);
  }
  await until('all are online', () => reports.reduce((sum, { online }) => sum + online, 0) === count);
}

async function roll(
  what: string,
  version: string,
  keys: string,
  then: () => Promise<void> = async () => {},
): Promise<Scenario> {
  const begunMs = performance.now();
  const exitCode = await cli(
    ...['rollout', '--file', join(home, `${version}.tar`), '--keys', keys, '--url', `${from}/${version}.tar`],
    ...['--waves', WAVES.join(','), '--spread', '2s', '--wait', '5m'],
  );
  const tookS = seconds(begunMs);
  await then();
  const { id, devices, state } = rollout as unknown as RolloutMessage;
  const told = () => Object.assign({}, ...reports.map((one) => one.devices)) as SimulatedReport['devices'];
  // What a device runs is told twice a second; one that was halted on probation goes back by itself.
  await wait(2_000);
  const isOver = () => state === 'running' || names.every((name) => told()[name]?.runs !== `bracket@${version}`);
  for (const giveUpAt = performance.now() + LIMITS.backWithinMs; !isOver() && performance.now() < giveUpAt; ) {
    await wait(LIMITS.lookEveryMs);
  }
  const all = told();
  const tried = names.filter((name) => all[name]?.begun.includes(id));
  const inWave = names.filter((name) => shareOf(id, name) < devices.percent);
  const runs: Record<string, number> = {};
  for (const name of names) runs[all[name]?.runs ?? 'nothing'] = (runs[all[name]?.runs ?? 'nothing'] ?? 0) + 1;
  return {
    ...{ what, exitCode, seconds: tookS, percent: devices.percent, state },
    ...{ inWave: inWave.length, tried: tried.length, strangers: tried.filter((name) => !inWave.includes(name)).length },
    firstPercent: WAVES.find((percent) => names.some((name) => shareOf(id, name) < percent)) ?? 0,
    ...{ fetched: requests.get(`/${version}.tar`) ?? 0, runs },
  };
}

/** As docs/fleet.md says that anyone can compute it. */
function shareOf(id: string, name: string): number {
  const hex = createHash('sha256').update(`${id} ${name}`).digest('hex');
  return (Number.parseInt(hex.slice(0, 8), 16) / 2 ** 32) * 100;
}

function wrongIn([good, unproven, unfit, withdrawn]: readonly Scenario[]): string[] {
  const wrong: string[] = [];
  const hold = (isSo: boolean, text: string) => void (isSo || wrong.push(text));
  for (const one of [good, withdrawn] as const) {
    hold(one?.exitCode === 0 && one.percent === 100, `${one?.what}: did not reach the last wave`);
    hold(one?.tried === count && one.fetched === count, `${one?.what}: not every device has fetched it once`);
  }
  hold(good?.runs[`bracket@${GOOD}`] === count, 'good: not every device runs it');
  hold(withdrawn?.runs[`bracket@${GOOD}`] === count, 'withdrawn: not every device has gone back');
  for (const one of [unproven, unfit] as const) {
    hold(one?.exitCode === 1 && one.state === 'halted', `${one?.what}: was not halted`);
    hold(one?.percent === one?.firstPercent, `${one?.what}: did not stop at the first wave`);
    hold(one?.strangers === 0, `${one?.what}: others than the first wave have tried it`);
    // The first failure halts the wave: some of it may not have come to it.
    hold((one?.tried ?? 0) > 0 && (one?.tried ?? 0) <= (one?.inWave ?? 0), `${one?.what}: nobody has tried it`);
    hold((one?.fetched ?? 0) <= (one?.tried ?? 0), `${one?.what}: fetched by others than have tried it`);
    hold(one?.runs[`bracket@${GOOD}`] === count, `${one?.what}: a device does not run the one before`);
  }
  return wrong;
}

/** The command line, as an operator runs it. @returns its exit code */
async function cli(...args: readonly string[]): Promise<number | null> {
  const program = join(PACKAGE_ROOT, 'bin', 'sideglance.mjs');
  const [command = '', ...rest] = args;
  const all = [program, 'fleet', command, '--broker', `mqtt://127.0.0.1:${broker.port}`, ...rest];
  const child = spawn(process.execPath, all, { stdio: ['ignore', 'inherit', 'inherit'] });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code;
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  const giveUpAt = performance.now() + LIMITS.startWithinMs;
  while (!isSo()) {
    if (performance.now() > giveUpAt || children.some(({ exitCode }) => exitCode !== null)) {
      throw new Error(`in vain: ${what}`);
    }
    await wait(LIMITS.lookEveryMs);
  }
}

function seconds(fromMs: number): number {
  return Number(((performance.now() - fromMs) / 1000).toFixed(1));
}
