/**
 * Runs the daemon with a simulated line as a Sparkplug edge node on a real mosquitto, plays the primary host, and writes what
 * passed between them, decoded, into docs/sparkplug.md: births, data, a host that goes away and comes back, history, a
 * rebirth, a station that dies, the end.
 *
 *     node dist/bench/sparkplug-trace.js
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectAsync } from 'mqtt';
import { PACKAGE_ROOT } from '../src/paths.js';
import { encodeCommand } from '../test/publish/sparkplug/support/decode.js';
import { startBroker } from './delivery/broker.js';
import { Trace } from './sparkplug/trace.js';
import { childrenOf } from './support/daemon.js';

const EDGE = 'spBv1.0/ulm-press-3/NCMD/edge-1';
const STATE = 'spBv1.0/STATE/scada';
const DOCUMENT = join(PACKAGE_ROOT, 'docs', 'sparkplug.md');
const MARKS = ['<!-- trace -->', '<!-- /trace -->'] as const;

const broker = await startBroker();
const folder = await mkdtemp(join(tmpdir(), 'sideglance-trace-'));
const config = join(folder, 'config.yaml');
// JSON is YAML.
await writeFile(
  config,
  JSON.stringify({
    device: { site: 'ulm', line: 'press-3', name: 'edge-1' },
    mqtt: { url: `mqtt://127.0.0.1:${broker.port}` },
    sparkplug: { enabled: true, primaryHost: 'scada', resendSeconds: 0 },
    stations: [{ name: 'top', camera: { type: 'simulated', partsPerSecond: 1 }, deadlineMs: 10_000 }],
    log: { level: 'warn' },
  }),
);
const client = await connectAsync(`mqtt://127.0.0.1:${broker.port}`, { protocolVersion: 5 });
const trace = new Trace();
client.on('message', (topic, payload) => trace.note(topic, payload));
await client.subscribeAsync(['spBv1.0/#', 'sideglance/+/+/+/+/inspection'], { qos: 1 });
const say = async (online: boolean) => {
  const state = JSON.stringify({ online, timestamp: Date.now() });
  await client.publishAsync(STATE, state, { qos: 1, retain: true });
};

const program = join(PACKAGE_ROOT, 'bin', 'sideglance.mjs');
const daemon = spawn(process.execPath, [program, 'run', '-c', config], { stdio: ['ignore', 'ignore', 'inherit'] });
const ended = once(daemon, 'exit');
try {
  await trace.until(() => trace.parts >= 2);
  trace.begin('The primary host comes online: births, then what waited and data by exception', 7);
  await say(true);
  await trace.until(() => trace.count('DDATA', 'live') >= 2 && trace.count('DDATA', 'history') >= 2);
  trace.begin('The primary host goes offline: NDEATH, and the node waits on a new connection', 3);
  await say(false);
  await trace.until(() => trace.count('NDEATH') >= 1);
  await sleep(3_000);
  trace.begin('It comes back: births with the next bdSeq, then history and data', 5);
  await say(true);
  await trace.until(() => trace.count('DDATA', 'history') >= 2 && trace.count('DDATA', 'live') >= 1);
  trace.begin('It asks for a rebirth: all births again, with the same bdSeq', 2);
  await client.publishAsync(EDGE, encodeCommand(Date.now(), [{ name: 'Node Control/Rebirth', value: true }]));
  await trace.until(() => trace.count('DBIRTH') >= 1 && trace.count('DDATA') >= 1);
  trace.begin('The process of the station is killed and started again: DDEATH, then DBIRTH', 6);
  process.kill(childrenOf(daemon.pid as number)[0] as number, 'SIGKILL');
  await trace.until(() => trace.count('DBIRTH') >= 1);
  trace.begin('The agent is stopped: NDEATH, the second one by the broker (MQTT 5, reason code 4)', 4);
  daemon.kill('SIGTERM');
  await trace.until(() => trace.count('NDEATH') >= 2);
} finally {
  daemon.kill('SIGTERM');
  await ended;
  await client.endAsync(true);
  await broker.close();
  await rm(folder, { recursive: true });
}

const document = await readFile(DOCUMENT, 'utf8');
const [before, rest = ''] = document.split(`${MARKS[0]}\n`);
const after = rest.split(MARKS[1])[1];
if (after === undefined) throw new Error(`${DOCUMENT} has no ${MARKS.join(' … ')}`);
await writeFile(DOCUMENT, `${before}${MARKS[0]}\n\n${trace.text()}\n${MARKS[1]}${after}`);
console.log(`wrote ${DOCUMENT}`);
