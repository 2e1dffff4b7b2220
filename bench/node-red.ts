/**
 * Does the Node-RED flow of the examples do what it says? Installs Node-RED in a temporary folder (some 120 MB, without
 * install scripts), imports `examples/node-red/flow.json` through its administration API, runs it against mosquitto and a
 * daemon with a simulated line, kills the daemon, and compares what the flow has published with the verdicts themselves.
 * Writes `bench/results/node-red.json`.
 *
 *     node dist/bench/node-red.js
 *     node dist/bench/node-red.js --installed folder    # that has node_modules/node-red
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { connectAsync } from 'mqtt';
import { SideglanceError } from '../src/errors.js';
import { PACKAGE_ROOT } from '../src/paths.js';
import type { InspectionMessage } from '../src/publish/messages.js';
import { startBroker } from './delivery/broker.js';

const NODE_RED = 'node-red@4';
const BOUND_MS = 300_000;

const { values } = parseArgs({
  options: {
    installed: { type: 'string' },
    rejects: { type: 'string', default: '10' },
    out: { type: 'string', default: join(PACKAGE_ROOT, 'bench', 'results', 'node-red.json') },
  },
});

interface Reject {
  readonly part: InspectionMessage['part'];
  readonly verdict: string;
  readonly defects: readonly unknown[];
}

const folder = mkdtempSync(join(tmpdir(), 'sideglance-node-red-'));
const children: ChildProcess[] = [];
const broker = await startBroker();
try {
  const installation = values.installed === undefined ? install() : resolve(values.installed);
  const port = await freePort();
  const nodeRed = start(join(installation, 'node_modules', 'node-red', 'red.js'), ['-u', folder, '-p', String(port)]);
  const api = `http://127.0.0.1:${port}`;
  await until('Node-RED answers', nodeRed, async () => {
    const answer = await fetch(`${api}/settings`).catch(() => null);
    return answer?.ok === true;
  });

  const client = await connectAsync(`mqtt://127.0.0.1:${broker.port}`, { protocolVersion: 5 });
  const verdicts: InspectionMessage[] = [];
  const rejects: Reject[] = [];
  const alarms: { topic: string; payload: unknown }[] = [];
  client.on('message', (topic, payload) => {
    const body = JSON.parse(payload.toString());
    if (topic.startsWith('rejects/')) rejects.push(body);
    else if (topic.startsWith('alarms/')) alarms.push({ topic, payload: body });
    else verdicts.push(body);
  });
  await client.subscribeAsync(['sideglance/+/+/+/+/inspection', 'rejects/#', 'alarms/#']);
  const imported = await fetch(`${api}/flows`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: flowFor(broker.port),
  });
  if (!imported.ok) throw new SideglanceError('SG_RUNTIME', `Node-RED refuses the flow: ${await imported.text()}`);

  const daemon = start(join(PACKAGE_ROOT, 'bin', 'sideglance.mjs'), ['run', '-c', configFile(broker.port)]);
  await until('the flow has told of rejects', daemon, () => rejects.length >= Number(values.rejects));
  daemon.kill('SIGKILL');
  await until('the flow has told of the device that is gone', nodeRed, () => alarms.length > 0);
  await client.endAsync();

  const due = verdicts.filter(({ verdict }) => verdict !== 'pass').map(({ part }) => part.sequence);
  const told = rejects.map(({ part }) => part.sequence);
  const result = {
    what: 'the Node-RED flow of examples/, imported and run against mosquitto and a daemon that is killed at the end',
    command: 'node dist/bench/node-red.js',
    nodeRed: JSON.parse(readFileSync(join(installation, 'node_modules/node-red/package.json'), 'utf8')).version,
    verdicts: verdicts.length,
    rejectsDue: due.length,
    rejectsTold: told.length,
    // The last ones may have been under way when the daemon was killed.
    same: JSON.stringify(due.slice(0, told.length)) === JSON.stringify(told) && due.length - told.length <= 1,
    withDefects: rejects.filter(({ defects }) => defects.length > 0).length,
    alarms,
  };
  writeFileSync(values.out, `${JSON.stringify(result, null, 2)}\n`);
  console.log(JSON.stringify(result, null, 2));
  if (!result.same) process.exitCode = 1;
} finally {
  for (const child of children) child.kill('SIGKILL');
  await broker.close();
  rmSync(folder, { recursive: true, force: true });
}

function install(): string {
  const args = [
    'install',
    '--prefix',
    folder,
    '--ignore-scripts',
    '--omit=optional',
    '--no-audit',
    '--no-fund',
    NODE_RED,
  ];
  const { status } = spawnSync('npm', args, { stdio: ['ignore', 2, 2] });
  if (status !== 0) throw new SideglanceError('SG_SETUP_INCOMPLETE', `npm could not install ${NODE_RED}, see above`);
  return folder;
}

function start(program: string, args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
  children.push(child);
  return child;
}

/** The flow as it is shipped, but for the broker's port. */
function flowFor(brokerPort: number): string {
  const flow = JSON.parse(readFileSync(join(PACKAGE_ROOT, 'examples/node-red/flow.json'), 'utf8')) as {
    type: string;
  }[];
  return JSON.stringify(
    flow.map((node) => (node.type === 'mqtt-broker' ? { ...node, port: String(brokerPort) } : node)),
  );
}

function configFile(brokerPort: number): string {
  const file = join(folder, 'config.yaml');
  const camera = { type: 'simulated', partsPerSecond: 4, defectShare: 0.5, seed: 5 };
  const config = {
    device: { site: 'plant', line: 'line', name: 'device' },
    mqtt: { url: `mqtt://127.0.0.1:${brokerPort}`, outbox: { folder: join(folder, 'outbox') } },
    log: { level: 'warn' },
    stations: [{ name: 'top', camera, deadlineMs: 10_000, publish: { maps: { when: 'never' }, frames: 'never' } }],
  };
  // JSON is YAML.
  writeFileSync(file, JSON.stringify(config));
  return file;
}

async function until(what: string, child: ChildProcess, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + BOUND_MS;
  while (!(await isSo())) {
    if (child.exitCode !== null) throw new SideglanceError('SG_RUNTIME', `a process ended before ${what}`);
    if (Date.now() > end) throw new SideglanceError('SG_RUNTIME', `waited ${BOUND_MS} ms in vain until ${what}`);
    await new Promise((done) => setTimeout(done, 100));
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  return typeof address === 'object' && address !== null ? address.port : 0;
}
