import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { closeAtTheEnd } from '../publish/support/leftovers.js';
import { childrenOf } from './processes.js';

const PROGRAM = fileURLToPath(new URL('./run-agent.js', import.meta.url));
/** Far above what anything takes here, also on a busy machine. */
export const BOUND_MS = 60_000;

export interface DaemonOptions {
  readonly port?: number;
  readonly url?: string;
  readonly infer?: object;
  readonly env?: Readonly<Record<string, string>>;
  /** Further groups of the configuration. */
  readonly more?: object;
}

/** The daemon in a process of its own, as a user runs it, with what it writes. */
export class Daemon {
  readonly process: ChildProcess;
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  readonly brokerUrl: string;
  lines = '';
  log = '';
  readonly #file: string;
  readonly #port: number;
  readonly #env: Readonly<Record<string, string>>;

  readonly #config: object;

  private constructor(file: string, config: object, port: number, env: Readonly<Record<string, string>>) {
    this.#file = file;
    this.#config = config;
    this.#port = port;
    this.#env = env;
    this.brokerUrl = `mqtt://127.0.0.1:${port}`;
    // A process group of its own, so that a test can send a Ctrl-C as a terminal does: to all of them.
    this.process = spawn(process.execPath, ['--enable-source-maps', PROGRAM, file], {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      env: { ...process.env, ...env },
    });
    this.process.stdout?.on('data', (chunk: Buffer) => {
      this.lines += chunk.toString();
    });
    this.process.stderr?.on('data', (chunk: Buffer) => {
      this.log += chunk.toString();
    });
    this.ended = once(this.process, 'close').then(([code, signal]) => ({ code, signal }));
    closeAtTheEnd(async () => {
      this.process.kill('SIGKILL');
      await this.ended;
    });
  }

  /** Starts it with these stations; everything else as the configuration has it by default. */
  static async start(stations: readonly object[], options: DaemonOptions = {}): Promise<Daemon> {
    const folder = await mkdtemp(join(tmpdir(), 'sideglance-test-'));
    closeAtTheEnd(() => rm(folder, { recursive: true, force: true }));
    const port = options.port ?? (await freePort());
    const file = join(folder, 'config.yaml');
    const config = {
      device: { site: 'plant', line: 'line', name: 'device' },
      mqtt: options.url === undefined ? { embedded: { port } } : { url: options.url },
      stations,
      infer: options.infer ?? {},
      ...options.more,
    };
    // JSON is YAML.
    await writeFile(file, JSON.stringify(config));
    return new Daemon(file, config, port, options.env ?? {});
  }

  /** The same configuration once more, after this one has ended. */
  again(): Daemon {
    return new Daemon(this.#file, this.#config, this.#port, this.#env);
  }

  /** Writes its configuration anew, with further groups; it has to be told. */
  async rewrite(more: object): Promise<void> {
    await writeFile(this.#file, JSON.stringify({ ...this.#config, ...more }));
  }

  get pid(): number {
    return this.process.pid as number;
  }

  /** Process ids of the stations that are alive. */
  stations(): number[] {
    return childrenOf(this.pid);
  }

  /** Events of the log by this name. */
  events(name: string): Record<string, unknown>[] {
    return this.log
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter(({ event }) => event === name);
  }

  async until(what: string, isSo: () => boolean): Promise<void> {
    const end = Date.now() + BOUND_MS;
    while (!isSo()) {
      const told = `${this.lines.slice(-2_000)}\n${this.log.slice(-2_000)}`;
      assert.ok(Date.now() < end, `waited ${BOUND_MS} ms in vain until ${what}:\n${told}`);
      await new Promise((done) => setTimeout(done, 10));
    }
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  await new Promise((done) => server.close(done));
  assert.ok(address !== null && typeof address === 'object');
  return address.port;
}
