import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { closeAtTheEnd } from './leftovers.js';

const EXECUTABLE = ['/usr/sbin/mosquitto', '/usr/local/sbin/mosquitto', '/usr/bin/mosquitto'].find(existsSync);

/** For the `skip` option of a test: false, or why it cannot run here. */
export const withoutMosquitto: string | false = EXECUTABLE ? false : 'mosquitto is not installed';

export interface Mosquitto {
  readonly port: number;
  readonly url: string;
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** A real mosquitto on a free port of loopback. `conf` are further lines, in which `<folder>` stands for its own folder. */
export async function startMosquitto(
  options: { conf?: string; users?: Record<string, string>; files?: Record<string, string> } = {},
): Promise<Mosquitto> {
  const folder = mkdtempSync(join(tmpdir(), 'sideglance-mosquitto-'));
  const port = await freePort();
  const lines = [`listener ${port} 127.0.0.1`, 'user root', 'persistence false', 'connection_messages false'];
  if (options.users) {
    const file = join(folder, 'passwords');
    writeFileSync(file, '');
    for (const [name, password] of Object.entries(options.users)) {
      spawnSync('mosquitto_passwd', ['-b', file, name, password]);
    }
    lines.push('allow_anonymous false', `password_file ${file}`);
  } else {
    lines.push('allow_anonymous true');
  }
  for (const [name, text] of Object.entries(options.files ?? {})) writeFileSync(join(folder, name), text);
  const confFile = join(folder, 'mosquitto.conf');
  writeFileSync(confFile, `${lines.join('\n')}\n${(options.conf ?? '').replaceAll('<folder>', folder)}\n`);

  let child: ChildProcess | null = null;
  const end = async (signal: NodeJS.Signals) => {
    const running = child;
    child = null;
    if (!running || running.exitCode !== null) return;
    const exited = once(running, 'exit');
    running.kill(signal);
    await exited;
  };
  const broker: Mosquitto = {
    port,
    url: `mqtt://127.0.0.1:${port}`,
    kill: () => end('SIGKILL'),
    async start() {
      const started = spawn(EXECUTABLE as string, ['-c', confFile], { stdio: ['ignore', 'ignore', 'pipe'] });
      let said = '';
      started.stderr.on('data', (chunk) => {
        said += chunk;
      });
      child = started;
      for (let tries = 0; !(await listens(port)); tries++) {
        if (started.exitCode !== null || tries > 200) throw new Error(`mosquitto did not start: ${said}`);
        await new Promise((done) => setTimeout(done, 20));
      }
    },
    async stop() {
      await end('SIGTERM');
      rmSync(folder, { recursive: true, force: true });
    },
  };
  closeAtTheEnd(broker.stop);
  await broker.start();
  return broker;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (typeof address !== 'object' || !address) throw new Error('no port');
  return address.port;
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
