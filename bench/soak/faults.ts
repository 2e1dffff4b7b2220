import { rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { GIGE, type Scene, STEADY, VICTIM } from './scene.js';

const ANSWER_WITHIN_MS = 30_000;
const READERS = 10;
const FILL_BYTES = 1024 * 1024;

/** Does something to the daemon for about so long. Returns what was wrong with how it bore it; empty: nothing. */
export type Fault = (scene: Scene, ms: number) => Promise<string[]>;

/** What can be done in this scene, in turn. */
export function faultsOf(scene: Scene): Readonly<Record<string, Fault>> {
  return {
    'broker killed': brokerKilled,
    'station killed': stationKilled,
    ...(scene.camera === null ? {} : { 'camera lost': cameraLost }),
    commands: commands,
    'half-open connection': halfOpen,
    'station hangs': stationHangs,
    'readers of metrics and health': readers,
    ...(scene.disk === null ? {} : { 'disk full': diskFull }),
  };
}

/** It comes back while the daemon cannot reach it, so that the subscriber is there first. */
async function brokerKilled({ broker, wire, listenAgain }: Scene, ms: number): Promise<string[]> {
  await broker.kill();
  wire.set('refusing');
  await wait(ms);
  await broker.start();
  await listenAgain();
  wire.set('open');
  return [];
}

async function halfOpen({ wire }: Scene, ms: number): Promise<string[]> {
  wire.set('frozen');
  await wait(ms);
  wire.set('open');
  return [];
}

async function stationKilled(scene: Scene): Promise<string[]> {
  process.kill(await scene.pidOf(VICTIM), 'SIGKILL');
  return [];
}

/** It is ended by the agent, in the end. */
async function stationHangs(scene: Scene, ms: number): Promise<string[]> {
  const pid = await scene.pidOf(VICTIM);
  process.kill(pid, 'SIGSTOP');
  await wait(Math.max(ms, 30_000));
  const isAnother = (await scene.pidOf(VICTIM)) !== pid;
  if (isAnother) return [];
  process.kill(pid, 'SIGCONT');
  return ['a station that hung for 30 s was not replaced'];
}

async function cameraLost({ camera }: Scene, ms: number): Promise<string[]> {
  await camera?.kill();
  await wait(ms);
  await camera?.start();
  return [];
}

async function commands(scene: Scene): Promise<string[]> {
  const wrong: string[] = [];
  const expect = async (outcome: string, station: string | null, name: string, request: string | object) => {
    const got = await scene.command(station, name, request, ANSWER_WITHIN_MS);
    if (got !== outcome) wrong.push(`${name}: ${got ?? `no answer within ${ANSWER_WITHIN_MS} ms`}, not ${outcome}`);
  };
  await expect('done', null, 'report', {});
  await expect('done', STEADY, 'snapshot', {});
  await expect('done', STEADY, 'threshold', { factor: 1 });
  await expect('done', STEADY, 'threshold', { reset: true });
  await expect('done', VICTIM, 'pause', {});
  await expect('done', VICTIM, 'resume', {});
  await expect('done', VICTIM, 'restart', {});
  if (scene.camera !== null) await expect('done', GIGE, 'camera', { gainDb: 1 });
  if (scene.camera !== null) await expect('done', GIGE, 'camera', { reset: true });
  await expect('refused', STEADY, 'threshold', { score: -1, factor: 2 });
  await expect('refused', STEADY, 'threshold', 'no JSON');
  return wrong;
}

/** Those that read all, and those that connect and read nothing. */
async function readers({ httpPort }: Scene, ms: number): Promise<string[]> {
  const silent = Array.from({ length: READERS }, () => connect(httpPort, '127.0.0.1').on('error', () => {}));
  const wrong = new Set<string>();
  const endMs = performance.now() + ms;
  while (performance.now() < endMs) {
    const statuses = await Promise.all(['/metrics', '/health', '/nothing'].map((path) => statusOf(httpPort, path)));
    if (statuses[0] !== 200) wrong.add(`/metrics: status ${statuses[0]}`);
    await wait(200);
  }
  for (const socket of silent) socket.destroy();
  return [...wrong];
}

function statusOf(port: number, path: string): Promise<number | undefined> {
  return new Promise((done) => {
    const request = get({ host: '127.0.0.1', port, path, agent: false }, (response) => {
      response.resume().once('end', () => done(response.statusCode));
    });
    request.on('error', () => done(undefined));
  });
}

/** Its files are written to all the same; what has no room waits in memory. */
async function diskFull({ disk }: Scene, ms: number): Promise<string[]> {
  const file = join(disk?.folder as string, 'fills-the-disk');
  try {
    const bytes = Buffer.alloc(FILL_BYTES);
    for (;;) writeFileSync(file, bytes, { flag: 'a' });
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ENOSPC') throw thrown;
  }
  await wait(ms);
  rmSync(file);
  return [];
}
