import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectAsync, type MqttClient } from 'mqtt';
import { freePort } from '../../src/benchmark/measured-daemon.js';
import { packBundle } from '../../src/model/bundle/pack.js';
import { MANIFEST_FILE } from '../../src/model/manifest.js';
import { keySetFile } from '../../src/model/signing/key-set.js';
import { readSmallFile } from '../../src/model/small-file.js';
import { type ModelState, readState } from '../../src/model/store/state.js';
import { compareVersions } from '../../src/model/version.js';
import { PACKAGE_ROOT } from '../../src/paths.js';
import type { InspectionMessage } from '../../src/publish/messages.js';
import type { UpdateMessage, UpdateReport } from '../../src/publish/update-message.js';
import { Random } from '../../src/random.js';
import { writeBrightnessBundle } from '../../test/support/brightness-bundle.js';
import { makeSigners, signaturesOf } from './small-bundle.js';

const ROOT = 'sideglance/bench/line/device';
const ID = 'brightness';
const PROGRAM = join(PACKAGE_ROOT, 'bin', 'sideglance.mjs');
const LIMITS = {
  withinMs: 60_000,
  lookEveryMs: 10,
  /** A server sends a bundle in so many pieces, one after the other. */
  pieces: 20,
  pieceEveryMs: 20,
  /** Kills come within so many times as long as an update takes. */
  longest: 1.3,
} as const;
const UNDER_WAY: ReadonlySet<string> = new Set(['downloading', 'verifying', 'proving']);

export interface DaemonKills {
  readonly kills: number;
  /** In which phase of the update the daemon was killed. */
  readonly phases: Readonly<Record<string, number>>;
  /** Of an update that nothing disturbs, from the command to the first verdict. */
  readonly updateMs: number;
  /** From the start after a kill to the first verdict: the median. */
  readonly backMs: number;
  readonly wrong: readonly string[];
}

/** Kills a daemon at random moments while it is updated over MQTT and HTTP, and looks whether it goes on. */
export async function measureDaemonKills(kills: number): Promise<DaemonKills> {
  const home = await mkdtemp(join(tmpdir(), 'sideglance-kills-'));
  try {
    return await measure(home, kills);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

async function measure(home: string, kills: number): Promise<DaemonKills> {
  const files = new Map<string, Buffer>();
  const server = createServer((request, response) => void sendSlowly(files.get(request.url ?? ''), response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { keySet, trusted } = makeSigners(1);
  await writeFile(join(home, 'keys.json'), keySetFile(keySet));
  const bundle = async (version: string) => {
    const folder = join(home, version);
    await writeBrightnessBundle(folder, { version });
    const bytes = await readSmallFile(join(folder, MANIFEST_FILE), Number.POSITIVE_INFINITY);
    for (const [name, text] of signaturesOf(MANIFEST_FILE, bytes, trusted.slice(0, 1))) {
      await writeFile(join(folder, name), text);
    }
    const file = `${folder}.tar`;
    await packBundle(folder, file);
    const tar = await readFile(file);
    await Promise.all([rm(folder, { recursive: true }), rm(file)]);
    files.set(`/${version}.tar`, tar);
    return { url: `${url}/${version}.tar`, sha256: createHash('sha256').update(tar).digest('hex'), activate: true };
  };
  const device = new KilledDevice(home, await freePort(), `${url}/`);
  const random = new Random(1);
  const phases: Record<string, number> = {};
  const backMs: number[] = [];
  const wrong: string[] = [];
  try {
    await device.start();
    await device.update('first', await bundle('1.0.0'), '1.0.0');
    const begun = performance.now();
    await device.update('second', await bundle('1.1.0'), '1.1.0');
    const updateMs = performance.now() - begun;
    await device.confirm('1.1.0');
    let good = '1.1.0';
    for (let kill = 1; kill <= kills; kill++) {
      const version = `1.${kill + 1}.0`;
      const wanted = await bundle(version);
      const key = `update-${kill}`;
      await device.order('model.install', { id: key, ...wanted });
      await sleep(random.between(0, LIMITS.longest * updateMs));
      const phase = device.report(key)?.phase ?? 'before';
      phases[phase] = (phases[phase] ?? 0) + 1;
      const before = await device.state();
      await device.kill();
      const started = performance.now();
      await device.start();
      const model = await device.nextModel();
      backMs.push(performance.now() - started);
      const state = await device.state();
      const lowest = state.lowest?.version ?? '';
      if (![`${ID}@${good}`, `${ID}@${version}`].includes(model))
        wrong.push(`killed in ${phase}: ${model} judged then`);
      if (compareVersions(lowest, before.lowest?.version ?? '') < 0) wrong.push(`killed in ${phase}: lowest ${lowest}`);
      const told = device.report(key)?.phase ?? '';
      if (UNDER_WAY.has(told)) wrong.push(`killed in ${phase}: told as ${told} for ever`);
      await device.update(`${key}-again`, wanted, version);
      await device.confirm(version);
      good = version;
      files.clear();
    }
    return { kills, phases, updateMs, backMs: backMs.sort((a, b) => a - b)[backMs.length >> 1] as number, wrong };
  } finally {
    await device.kill();
    server.close();
  }
}

/** The daemon as a service runs it, with what it publishes. */
class KilledDevice {
  readonly #home: string;
  readonly #port: number;
  readonly #from: string;
  #process: ChildProcess | null = null;
  #client: MqttClient | null = null;
  #updates: readonly UpdateReport[] = [];
  #model: string | null = null;
  /** It has said how updates are since it was started, so it listens by now. */
  #listens = false;
  #orders = 0;

  constructor(home: string, port: number, from: string) {
    this.#home = home;
    this.#port = port;
    this.#from = from;
  }

  async start(): Promise<void> {
    const file = join(this.#home, 'config.yaml');
    const caps = 'video/x-raw,width=64,height=64,framerate=20/1';
    const camera = { type: 'pipeline', pipeline: `videotestsrc is-live=true pattern=blink ! ${caps}` };
    const config = {
      device: { site: 'bench', line: 'line', name: 'device' },
      mqtt: { embedded: { port: this.#port } },
      stations: [{ name: 'top', camera, model: `store:${ID}`, threshold: { score: 0.5 }, deadlineMs: 60_000 }],
      commands: { enabled: true, allow: { 'model.install': 'always', 'model.confirm': 'always' } },
      models: { keys: 'keys.json', trustClock: true, keep: 2, download: { from: [this.#from] } },
    };
    // JSON is YAML.
    await writeFile(file, JSON.stringify(config));
    [this.#updates, this.#model, this.#listens] = [[], null, false];
    this.#process = spawn(process.execPath, [PROGRAM, 'run', '--config', file], { stdio: 'ignore', detached: true });
    const client = await this.#connected();
    this.#client = client;
    client.on('message', (topic, payload) => {
      if (topic.endsWith('/update')) {
        this.#updates = (JSON.parse(payload.toString()) as UpdateMessage).updates;
        this.#listens = true;
      } else this.#model = (JSON.parse(payload.toString()) as InspectionMessage).model;
    });
    await client.subscribeAsync([`${ROOT}/update`, `${ROOT}/top/inspection`]);
    await this.#until('it listens', () => this.#listens);
  }

  report(key: string): UpdateReport | undefined {
    return this.#updates.find((one) => one.key === key);
  }

  async state(): Promise<ModelState> {
    return (await readState(join(this.#home, 'var', 'models', ID))) as ModelState; // something was installed
  }

  /** The model of the next verdict that any model gives. */
  async nextModel(): Promise<string> {
    this.#model = null;
    await this.#until('a verdict', () => this.#model !== null);
    return this.#model as unknown as string;
  }

  async order(name: string, fields: object): Promise<void> {
    await this.#client?.publishAsync(`${ROOT}/command/${name}`, JSON.stringify(fields), { qos: 1 });
  }

  /** Updates it, and waits for the first verdict of the new model. */
  async update(key: string, wanted: object, version: string): Promise<void> {
    await this.order('model.install', { id: key, ...wanted });
    await this.#until(`a verdict of ${version}`, () => this.#model === `${ID}@${version}`);
  }

  async confirm(version: string): Promise<void> {
    await this.order('model.confirm', { id: `confirm-${this.#orders++}`, model: ID, version });
    const isGood = async () => Object.values((await this.state()).slots).every(({ probation }) => !probation);
    await this.#until(`${version} is confirmed`, isGood);
  }

  async kill(): Promise<void> {
    const { pid, exitCode } = this.#process as ChildProcess;
    await this.#client?.endAsync(true);
    if (pid === undefined || exitCode !== null) return;
    const ended = once(this.#process as ChildProcess, 'exit');
    process.kill(pid, 'SIGKILL');
    await ended;
  }

  async #connected(): Promise<MqttClient> {
    const end = Date.now() + LIMITS.withinMs;
    for (;;) {
      try {
        return await connectAsync(`mqtt://127.0.0.1:${this.#port}`, { protocolVersion: 4, reconnectPeriod: 0 }, false);
      } catch (thrown) {
        if (Date.now() > end) throw thrown;
        await sleep(LIMITS.lookEveryMs * 5);
      }
    }
  }

  async #until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
    const end = Date.now() + LIMITS.withinMs;
    while (!(await holds())) {
      if (Date.now() > end) throw new Error(`waited in vain for ${what}: ${JSON.stringify(this.#updates.slice(0, 2))}`);
      await sleep(LIMITS.lookEveryMs);
    }
  }
}

async function sendSlowly(bytes: Buffer | undefined, response: ServerResponse): Promise<void> {
  if (bytes === undefined) return void response.writeHead(404).end();
  response.writeHead(200, { 'content-length': bytes.byteLength });
  const piece = Math.ceil(bytes.byteLength / LIMITS.pieces);
  for (let at = 0; at < bytes.byteLength && !response.destroyed; at += piece) {
    response.write(bytes.subarray(at, at + piece));
    await sleep(LIMITS.pieceEveryMs);
  }
  response.end();
}

function sleep(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}
