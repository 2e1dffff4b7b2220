/**
 * Many devices without cameras in one process: `node fleet-devices.js OPTIONS`, with `SimulatedFleet` as JSON. Of each are real: the
 * connection, the ears for rollouts, the download, the store with its signatures and its disk, probation, and what is published.
 * A script are: the proof, for which a process each would be too much, and the station, which judges parts by the version of its model.
 * Says over IPC where it stands, and ends with the channel.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AuditLog } from '../../src/commands/audit-log.js';
import { Rollouts } from '../../src/commands/rollouts.js';
import { loadConfig } from '../../src/config/load.js';
import { SideglanceError } from '../../src/errors.js';
import { openSource } from '../../src/model/bundle/source.js';
import { nameByFolder } from '../../src/model/store/state.js';
import { activated } from '../../src/model/store/transitions.js';
import { clockSynced, now } from '../../src/publish/clock.js';
import { Publisher } from '../../src/publish/publisher.js';
import type { Inspection } from '../../src/types.js';
import { deviceModels } from '../../src/updates/device-models.js';
import { type KeptStation, ModelKeeper } from '../../src/updates/model-keeper.js';
import { ModelUpdates } from '../../src/updates/model-updates.js';
import { failedPart } from '../delivery/parts.js';

export interface SimulatedFleet {
  readonly url: string;
  /** `site/line/name` of each. */
  readonly devices: readonly string[];
  readonly folder: string;
  readonly keys: string;
  /** Where bundles are fetched from. */
  readonly from: string;
  /** The archive that each has at first. */
  readonly first: string;
  /** Versions that the proof refuses. */
  readonly refused: readonly string[];
  /** Versions with which no part can be judged. */
  readonly invalid: readonly string[];
}

export interface SimulatedReport {
  readonly online: number;
  readonly rssBytes: number;
  /** By `site/line/name`: what it runs, and every rollout that it has begun. */
  readonly devices: Readonly<Record<string, { readonly runs: string | null; readonly begun: readonly string[] }>>;
}

const LIMITS = {
  reportEveryMs: 500,
  partEveryMs: 100,
  probationMinutes: 0.1,
  /** Of connections that begin at once. */
  perTick: 10,
} as const;
const MODEL = 'bracket';

const options = JSON.parse(process.argv[2] as string) as SimulatedFleet;

class SimulatedDevice {
  readonly begun: string[] = [];
  runs: string | null = null;
  readonly publisher: Publisher;

  private constructor(publisher: Publisher) {
    this.publisher = publisher;
  }

  static async make(name: string): Promise<SimulatedDevice> {
    const [site = '', line = '', own = ''] = name.split('/');
    const home = join(options.folder, own);
    await mkdir(home, { recursive: true });
    const file = join(home, 'config.yaml');
    const written = {
      device: { site, line, name: own },
      mqtt: { url: options.url },
      stations: [{ name: 'top', camera: { type: 'simulated' }, model: `store:${MODEL}` }],
      models: { keys: options.keys, trustClock: true, download: { from: [options.from] } },
      commands: { enabled: true, allow: { 'model.rollout': 'always' } },
    };
    // JSON is YAML.
    await writeFile(file, JSON.stringify(written));
    const config = loadConfig(file);
    const device = { ...deviceModels(config), prove };
    const { digest } = await device.store.install(await openSource(options.first), {
      target: device.target,
      nowMs: Date.now(),
    });
    await device.store.change(MODEL, (state) => activated(state, digest));

    const publisher = new Publisher({ device: config.device, agentVersion: 'bench', mqtt: { url: options.url } });
    const one = new SimulatedDevice(publisher);
    const onFault = (error: SideglanceError) => process.stderr.write(`${name}: ${error.message}\n`);
    const updates = new ModelUpdates(
      config,
      { publish: (reports) => publisher.publishUpdates(reports), onEvent: () => {}, onPhase: () => {}, onFault },
      device,
    );
    const station: KeptStation = {
      name: 'top',
      switchTo: (folder) => setTimeout(() => one.#run(keeper, folder), LIMITS.partEveryMs),
      startSoon: () => {},
      tellRefused: () => {},
      shadow: () => {},
    };
    const keeper: ModelKeeper = new ModelKeeper({
      stations: [{ station, model: device.store.folderOf(MODEL) }],
      store: device.store,
      probation: {
        ...{ minutes: LIMITS.probationMinutes, confirm: 'auto', maxJudgeMs: Number.POSITIVE_INFINITY },
        ...{ compare: false, toleratedShare: 0 },
      },
      plans: { idleMs: 0, leastAgreement: 0, promote: 'auto', probation: true, nowMs: updates.nowMs },
      onEvent: () => {},
      onState: (state) => updates.follow(state),
    });
    const rollouts = new Rollouts({
      ...{ device: config.device, topics: publisher.topics, log: new AuditLog(config.commands.folder) },
      ...{ post: (packet) => publisher.post(packet), now, clockSynced, onFault },
      ...{ models: updates.ids, folder: config.commands.folder, timeMs: updates.nowMs },
      perMinute: config.commands.perMinute,
      work: {
        bring: (rollout, signal) => {
          one.begun.push(rollout.id);
          return updates.rollouts.bring(rollout, signal);
        },
        cancel: (rollout) => updates.rollouts.cancel(rollout),
        withdraw: (rollout) => updates.rollouts.withdraw(rollout),
        tell: (...told) => updates.rollouts.tell(...told),
      },
    });
    publisher.listen((message) => rollouts.receive(message), rollouts.filters);
    keeper.start();
    updates.start();
    one.#run(keeper, device.store.bundleFolderOf(MODEL, { version: '1.0.0', digest }));
    setInterval(() => one.#answer(keeper), LIMITS.partEveryMs);
    return one;
  }

  #run(keeper: ModelKeeper, folder: string): void {
    this.runs = nameByFolder(folder);
    keeper.report('top', { outcome: 'in use', folder, passedOver: [] });
    const nothing = {
      provider: 'cpu',
      precision: 'fp32',
      skipped: [],
      building: null,
      threshold: 3,
      refused: null,
      shadow: null,
    };
    this.publisher.publishModel('top', { model: this.runs, ...nothing });
  }

  /** A part comes, and is judged by the model that runs. It is not published: that is what `fleet.js` measures. */
  #answer(keeper: ModelKeeper): void {
    const part = { ...failedPart('top', 0), model: this.runs };
    const verdict: Inspection['verdict'] = { result: 'invalid', reason: 'error', detail: 'the script says so' };
    const isInvalid = options.invalid.some((version) => this.runs === `${MODEL}@${version}`);
    keeper.add(isInvalid ? { ...part, verdict } : part);
  }
}

/** In place of the process that proves a bundle. */
async function prove(_config: unknown, { folder }: { readonly folder: string }): Promise<[]> {
  const name = nameByFolder(folder);
  if (!options.refused.some((version) => name === `${MODEL}@${version}`)) return [];
  throw new SideglanceError('SG_BUNDLE_ACCEPTANCE', `${name} says pass: the script says that it has to fail`);
}

const devices = new Map<string, SimulatedDevice>();

function report(): void {
  const all = [...devices.values()];
  process.send?.({
    online: all.filter(({ publisher }) => publisher.state.state === 'online').length,
    rssBytes: process.memoryUsage.rss(),
    devices: Object.fromEntries([...devices].map(([name, { runs, begun }]) => [name, { runs, begun }])),
  } satisfies SimulatedReport);
}

process.on('disconnect', () => process.exit(0));
for (const [index, name] of options.devices.entries()) {
  const device = await SimulatedDevice.make(name);
  devices.set(name, device);
  device.publisher.start();
  if (index % LIMITS.perTick === 0) report();
}
setInterval(report, LIMITS.reportEveryMs);
report();
