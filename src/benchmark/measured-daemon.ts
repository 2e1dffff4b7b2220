import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connectAsync, type MqttClient } from 'mqtt';
import type { Config } from '../config/schema.js';
import { SideglanceError } from '../errors.js';
import type { CameraMessage, HealthMessage, InspectionMessage } from '../publish/messages.js';

const PROGRAM = fileURLToPath(new URL('./agent-process.js', import.meta.url));

export const MEASURED_DAEMON_LIMITS = {
  connectAttempts: 150,
  connectEveryMs: 100,
  /** From SIGTERM to SIGKILL; the agent's own bounds add up to less than 2 s. */
  stopWithinMs: 5_000,
  /** Of what the daemon wrote to its error stream, for messages. */
  keptErrorBytes: 4_000,
} as const;

export interface DaemonEvents {
  onInspection?(message: InspectionMessage): void;
  onHealth?(message: HealthMessage): void;
  onCamera?(message: CameraMessage): void;
}

/** The daemon on this machine, watched through a broker of its own: nothing of it reaches the broker of the line. */
export class MeasuredDaemon {
  readonly #child: ChildProcess;
  /** Holds its outbox. */
  readonly #folder: string;
  readonly #exited: Promise<unknown>;
  #client: MqttClient | null = null;
  #errors = '';

  private constructor(child: ChildProcess, folder: string) {
    this.#child = child;
    this.#folder = folder;
    this.#exited = once(child, 'exit');
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#errors = (this.#errors + text).slice(-MEASURED_DAEMON_LIMITS.keptErrorBytes);
    });
  }

  /**
   * @param env beside that of this process
   * @throws SideglanceError `SG_BROKER` when the daemon ends or its broker cannot be reached
   */
  static async start(
    config: Config,
    events: DaemonEvents,
    env: Readonly<Record<string, string>> = {},
  ): Promise<MeasuredDaemon> {
    const port = await freePort();
    const folder = await mkdtemp(join(tmpdir(), 'sideglance-bench-'));
    const child = fork(PROGRAM, [], {
      serialization: 'advanced',
      execArgv: ['--enable-source-maps'],
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    const daemon = new MeasuredDaemon(child, folder);
    const { protocolVersion, keepaliveSeconds, session, returnAfterSeconds, outbox } = config.mqtt;
    const embedded = { host: '127.0.0.1', port };
    const rest = { protocolVersion, keepaliveSeconds, session, returnAfterSeconds, fallbackUrls: [] };
    const mqtt = { ...rest, outbox: { ...outbox, folder }, embedded };
    // Nobody is to command it, and what commands have changed on the line is not what is measured.
    const commands = { ...config.commands, enabled: false };
    const log: Config['log'] = { level: 'warn', modules: {} };
    child.send({ ...config, mqtt, commands, stateFolder: folder, log } satisfies Config);
    try {
      daemon.#client = await daemon.#subscribe(port, events);
    } catch (thrown) {
      await daemon.stop();
      throw thrown;
    }
    return daemon;
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** What the daemon wrote last to its error stream. */
  get lastErrors(): string {
    return this.#errors.trim();
  }

  /** Ends the daemon and its stations. */
  async stop(): Promise<void> {
    if (this.running) {
      this.#child.kill('SIGTERM');
      const timer = setTimeout(() => this.#child.kill('SIGKILL'), MEASURED_DAEMON_LIMITS.stopWithinMs);
      await this.#exited;
      clearTimeout(timer);
    }
    await this.#client?.endAsync(true);
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #subscribe(port: number, events: DaemonEvents): Promise<MqttClient> {
    for (let attempt = 1; ; attempt++) {
      if (!this.running) {
        throw new SideglanceError(
          'SG_BROKER',
          `the daemon to be measured has ended: ${this.lastErrors || 'no reason given'}`,
        );
      }
      try {
        const client = await connectAsync(`mqtt://127.0.0.1:${port}`, { reconnectPeriod: 0 }, false);
        client.on('message', (topic, payload) => hand(topic, payload, events));
        await client.subscribeAsync('sideglance/#');
        return client;
      } catch (cause) {
        if (attempt === MEASURED_DAEMON_LIMITS.connectAttempts) {
          throw new SideglanceError('SG_BROKER', 'the broker of the daemon to be measured does not answer', { cause });
        }
        await new Promise((done) => setTimeout(done, MEASURED_DAEMON_LIMITS.connectEveryMs));
      }
    }
  }
}

function hand(topic: string, payload: Buffer, events: DaemonEvents): void {
  if (topic.endsWith('/inspection')) events.onInspection?.(JSON.parse(String(payload)));
  else if (topic.endsWith('/health')) events.onHealth?.(JSON.parse(String(payload)));
  else if (topic.endsWith('/camera')) events.onCamera?.(JSON.parse(String(payload)));
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  await new Promise((done) => server.close(done));
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}
