import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../src/benchmark/measured-daemon.js';
import { SideglanceError } from '../../src/errors.js';

const EXECUTABLE = ['/usr/sbin/mosquitto', '/usr/local/sbin/mosquitto', '/usr/bin/mosquitto'].find(existsSync);
const LIMITS = { startWithinMs: 20_000 } as const;

/** A real mosquitto on a port of loopback. */
export interface Broker {
  readonly port: number;
  /** Of the process that runs now. */
  readonly pid: number;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** @param strangers whether clients without a password are let in */
  start(strangers?: boolean): Promise<void>;
  close(): Promise<void>;
}

/** @throws SideglanceError SG_SETUP_INCOMPLETE without mosquitto */
export async function startBroker(): Promise<Broker> {
  if (EXECUTABLE === undefined) {
    throw new SideglanceError('SG_SETUP_INCOMPLETE', 'mosquitto is not installed: apt-get install mosquitto');
  }
  const program = EXECUTABLE;
  const folder = await mkdtemp(join(tmpdir(), 'sideglance-broker-'));
  const port = await freePort();
  let child: ChildProcess | null = null;
  const end = async (signal: NodeJS.Signals) => {
    const running = child;
    child = null;
    if (!running || running.exitCode !== null) return;
    const exited = once(running, 'exit');
    running.kill(signal);
    await exited;
  };
  const broker: Broker = {
    port,
    get pid() {
      return child?.pid ?? 0;
    },
    kill: () => end('SIGKILL'),
    async start(strangers = true) {
      const file = join(folder, 'mosquitto.conf');
      const lines = [`listener ${port} 127.0.0.1`, 'user root', 'persistence false', 'connection_messages false'];
      // What is measured is the way to the broker: from there on nothing may be thrown away.
      lines.push('max_queued_messages 0', `allow_anonymous ${strangers}`, '');
      await writeFile(file, lines.join('\n'));
      child = spawn(program, ['-c', file], { stdio: 'ignore' });
      const giveUpAt = performance.now() + LIMITS.startWithinMs;
      while (!(await listens(port))) {
        if (child.exitCode !== null || performance.now() > giveUpAt) throw new Error('mosquitto did not start');
        await new Promise((done) => setTimeout(done, 20));
      }
    },
    async close() {
      await end('SIGTERM');
      await rm(folder, { recursive: true, force: true });
    },
  };
  await broker.start();
  return broker;
}

function listens(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      done(true);
    });
    socket.once('error', () => done(false));
  });
}
