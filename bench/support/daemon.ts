import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectAsync, type MqttClient } from 'mqtt';
import { PACKAGE_ROOT } from '../../src/paths.js';
import type { HealthMessage, InspectionMessage } from '../../src/publish/messages.js';

export interface DaemonOptions {
  readonly stations: number;
  /** The camera of each station, as in `config.yaml`; `number` counts from 1. */
  readonly camera: (number: number) => object;
  /** Folder of a model bundle; absent: the demo model. */
  readonly model?: string | undefined;
  /** Absent: as in the configuration. */
  readonly deadlineMs?: number;
}

/** A simulated line, a different one for each station. */
export function simulatedLine(partsPerSecond: number): DaemonOptions['camera'] {
  return (number) => ({ type: 'simulated', partsPerSecond, seed: number });
}

/** The daemon as a user runs it, watched from outside. */
export interface Daemon {
  readonly pid: number;
  readonly onInspection: (listener: (message: InspectionMessage) => void) => void;
  readonly onHealth: (listener: (message: HealthMessage) => void) => void;
  /** Process ids of the stations. */
  stations(): number[];
  /** SIGTERM. Returns the exit code and how long it took. */
  stop(): Promise<{ readonly code: number | null; readonly ms: number }>;
}

const LIMITS = { startWithinMs: 30_000, connectAttempts: 100, connectEveryMs: 100 } as const;

export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const folder = await mkdtemp(join(tmpdir(), 'sideglance-bench-'));
  const port = await freePort();
  const file = join(folder, 'config.yaml');
  await writeFile(file, configText(options, port));
  const program = join(PACKAGE_ROOT, 'bin', 'sideglance.mjs');
  const child = spawn(process.execPath, [program, 'run', '-c', file], { stdio: ['ignore', 'ignore', 'inherit'] });
  const exited = once(child, 'exit') as Promise<[number | null]>;
  const client = await subscribe(port, child);
  const inspectionListeners: ((message: InspectionMessage) => void)[] = [];
  const healthListeners: ((message: HealthMessage) => void)[] = [];
  client.on('message', (topic, payload) => {
    if (topic.endsWith('/inspection'))
      for (const listener of inspectionListeners) listener(JSON.parse(String(payload)));
    if (topic.endsWith('/health')) for (const listener of healthListeners) listener(JSON.parse(String(payload)));
  });
  const pid = child.pid as number;
  return {
    pid,
    onInspection: (listener) => void inspectionListeners.push(listener),
    onHealth: (listener) => void healthListeners.push(listener),
    stations: () => childrenOf(pid),
    async stop() {
      const begun = performance.now();
      child.kill('SIGTERM');
      const [code] = await exited;
      const ms = performance.now() - begun;
      await client.endAsync(true);
      await rm(folder, { recursive: true });
      return { code, ms };
    },
  };
}

function configText({ stations, camera, model, deadlineMs }: DaemonOptions, port: number): string {
  const station = (number: number) => ({
    name: `station-${number}`,
    camera: camera(number),
    ...(model === undefined ? {} : { model }),
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
  });
  // JSON is YAML.
  return JSON.stringify({
    device: { site: 'bench', line: 'bench', name: 'bench' },
    mqtt: { embedded: { port } },
    log: { level: 'warn' },
    stations: Array.from({ length: stations }, (_, i) => station(i + 1)),
  });
}

async function subscribe(port: number, daemon: ChildProcess): Promise<MqttClient> {
  for (let attempt = 1; ; attempt++) {
    if (daemon.exitCode !== null) throw new Error(`the daemon ended with exit code ${daemon.exitCode}`);
    try {
      const client = await connectAsync(`mqtt://127.0.0.1:${port}`, { reconnectPeriod: 0 }, false);
      await client.subscribeAsync('sideglance/#');
      return client;
    } catch (thrown) {
      if (attempt === LIMITS.connectAttempts) throw thrown;
      await new Promise((done) => setTimeout(done, LIMITS.connectEveryMs));
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  await new Promise((done) => server.close(done));
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}

/** Children of a process, by proc(5). */
export function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => parentOf(pid) === parent)
    .sort((a, b) => a - b);
}

function parentOf(pid: number): number | null {
  try {
    // The name of the program, in parentheses, may itself contain blanks and parentheses.
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)?.split(' ');
    return Number(fields?.[1]);
  } catch {
    return null;
  }
}

/** Resident memory in bytes, null where there is no such process. */
export function rssOf(pid: number): number | null {
  try {
    const found = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
    return found ? Number(found[1]) * 1024 : null;
  } catch {
    return null;
  }
}

/** Seconds on a core since its start, by proc(5): 100 ticks a second. @throws Error where there is no such process */
export function cpuSecondsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** What figures depend on. */
export function machine() {
  const [first] = cpus();
  return { node: process.version, arch: process.arch, cpu: first?.model ?? '', cores: cpus().length };
}

/** Resolves with the first message that `accepts`, or throws after the time. */
export function nextInspection(
  daemon: Daemon,
  accepts: (message: InspectionMessage) => boolean,
  withinMs: number = LIMITS.startWithinMs,
): Promise<InspectionMessage> {
  return new Promise((done, failed) => {
    const timer = setTimeout(() => failed(new Error(`no such verdict within ${withinMs} ms`)), withinMs);
    daemon.onInspection((message) => {
      if (!accepts(message)) return;
      clearTimeout(timer);
      done(message);
    });
  });
}
