import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { PACKAGE_ROOT } from '../../src/paths.js';
import { NotifySocket } from '../../test/support/notify-socket.js';
import { childrenOf } from './daemon.js';

export interface ServiceOptions {
  /** A folder of its own: configuration, state, log. */
  readonly folder: string;
  /** The broker. */
  readonly url: string;
  /** As in `config.yaml`. */
  readonly stations: readonly object[];
  /** Further keys of the group `mqtt`. */
  readonly mqtt?: object;
  /** Further groups of the configuration. */
  readonly more?: object;
  /** Where its log goes: `log` in it. Absent: `folder`. */
  readonly logFolder?: string;
}

/** The daemon as a service manager runs it, with a broker beside it. */
export interface Service {
  readonly pid: number;
  /** When its process began, by `performance.now()`. */
  readonly begunMs: number;
  /** When it told the service manager that it is ready, as far as it has been looked at; null before. */
  readonly readyAtMs: number | null;
  /** The process of each station, in no order. */
  stations(): number[];
  readonly hasEnded: boolean;
  /** SIGTERM. Returns the exit code, null where it did not end by itself, and how long it took. */
  stop(): Promise<{ readonly code: number | null; readonly ms: number }>;
}

export async function startService(options: ServiceOptions): Promise<Service> {
  const { folder, url, stations, mqtt, more, logFolder = folder } = options;
  const file = join(folder, 'config.yaml');
  const device = { site: 'bench', line: 'bench', name: 'bench' };
  // JSON is YAML.
  await writeFile(file, JSON.stringify({ device, mqtt: { url, ...mqtt }, stations, ...more }));
  const socketPath = join(folder, 'notify');
  const socket = new NotifySocket(socketPath);
  const log = openSync(join(logFolder, 'log'), 'a');
  const program = join(PACKAGE_ROOT, 'bin', 'sideglance.mjs');
  const begunMs = performance.now();
  const child = spawn(process.execPath, [program, 'run', '-c', file], {
    stdio: ['ignore', 'ignore', log],
    env: { ...process.env, STATE_DIRECTORY: folder, NOTIFY_SOCKET: socketPath },
  });
  const exited = once(child, 'exit') as Promise<[number | null]>;
  const pid = child.pid as number;
  let readyAtMs: number | null = null;
  return {
    pid,
    begunMs,
    get readyAtMs() {
      if (socket.read().some((text) => text.startsWith('READY=1'))) readyAtMs = performance.now();
      return readyAtMs;
    },
    stations: () => childrenOf(pid),
    get hasEnded() {
      return child.exitCode !== null || child.signalCode !== null;
    },
    async stop() {
      const stoppedMs = performance.now();
      child.kill('SIGTERM');
      const [code] = await exited;
      socket.close();
      return { code, ms: Math.round(performance.now() - stoppedMs) };
    },
  };
}

/** @throws Error where that does not come to be within the time */
export async function until(what: string, isSo: () => boolean, withinMs: number): Promise<void> {
  const giveUpMs = performance.now() + withinMs;
  while (!isSo()) {
    if (performance.now() > giveUpMs) throw new Error(`${withinMs} ms without: ${what}`);
    await wait(2);
  }
}
