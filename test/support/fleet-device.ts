import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { AuditLog } from '../../src/commands/audit-log.js';
import type { BroughtRollout, RolloutWork } from '../../src/commands/rollout-work.js';
import { Rollouts } from '../../src/commands/rollouts.js';
import { SideglanceError } from '../../src/errors.js';
import { clockSynced, now } from '../../src/publish/clock.js';
import type { DeviceIdentity } from '../../src/publish/messages.js';
import { Publisher } from '../../src/publish/publisher.js';
import type { RolloutMessage } from '../../src/publish/rollout-message.js';
import type { UpdateReport } from '../../src/publish/update-message.js';

export interface FleetDeviceOptions {
  readonly url: string;
  readonly device: DeviceIdentity;
  /** What becomes of a rollout here; by default it is active. */
  readonly fate?: (rollout: RolloutMessage) => 'active' | 'refused' | 'rolled back' | 'hangs';
}

/** A device with a real connection, and real ears for rollouts; models are a script. */
export class FleetDevice {
  readonly brought: string[] = [];
  version = '1.0.0';
  readonly #options: FleetDeviceOptions;
  readonly #folder = mkdtempSync(join(tmpdir(), 'sideglance-fleet-'));
  readonly #publisher: Publisher;
  readonly #rollouts: Rollouts;
  #updates: UpdateReport[] = [];

  constructor(options: FleetDeviceOptions) {
    this.#options = options;
    const { device, url } = options;
    this.#publisher = new Publisher({ device, agentVersion: 'test', mqtt: { url } });
    const work: RolloutWork = {
      bring: (rollout, signal) => this.#bring(rollout, signal),
      cancel: async () => false,
      withdraw: async (rollout) => {
        this.#run('1.0.0');
        this.#report(rollout, 'rolled back', 'SG_ROLLOUT_HALTED', 'withdrawn');
      },
      tell: (rollout, phase, code, reason) => this.#report(rollout, phase, code, reason),
    };
    this.#rollouts = new Rollouts({
      device,
      topics: this.#publisher.topics,
      log: new AuditLog(this.#folder),
      post: (packet) => this.#publisher.post(packet),
      now,
      clockSynced,
      onFault: (error) => {
        throw error;
      },
      models: ['bracket'],
      folder: this.#folder,
      work,
      timeMs: () => Date.now(),
      perMinute: 6000,
    });
    this.#publisher.listen((message) => this.#rollouts.receive(message), this.#rollouts.filters);
    this.#run(this.version);
  }

  get isOnline(): boolean {
    return this.#publisher.state.state === 'online';
  }

  start(): void {
    this.#publisher.start();
  }

  async stop(): Promise<void> {
    await this.#rollouts.stop();
    await this.#publisher.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #bring(rollout: RolloutMessage, signal: AbortSignal): Promise<void> {
    this.brought.push(rollout.id);
    this.#report(rollout, 'downloading', null, null);
    const fate = this.#options.fate?.(rollout) ?? 'active';
    await wait(fate === 'hangs' ? 600_000 : 20, undefined, { signal });
    if (fate === 'refused') {
      this.#report(rollout, 'refused', 'SG_BUNDLE_ACCEPTANCE', 'it says pass');
      throw new SideglanceError('SG_BUNDLE_ACCEPTANCE', 'it says pass');
    }
    this.#run(rollout.version);
    this.#report(rollout, 'probation', null, null);
    setTimeout(() => {
      if (fate === 'active') this.#report(rollout, 'active', null, null);
      else this.#report(rollout, 'rolled back', 'SG_BUNDLE_PROBATION', '11 of the last 50 parts');
    }, 20);
  }

  #run(version: string): void {
    this.version = version;
    const nothing = {
      provider: 'cpu',
      precision: 'fp32',
      skipped: [],
      building: null,
      threshold: 3,
      refused: null,
      shadow: null,
    };
    this.#publisher.publishModel('top', { model: `bracket@${version}`, ...nothing });
  }

  #report(rollout: BroughtRollout, phase: UpdateReport['phase'], code: string | null, reason: string | null): void {
    const { id, model, version } = rollout;
    const times = { since: now(), at: now() };
    const what = { key: id, origin: 'rollout', rollout: id, model, version, stations: null, percent: null } as const;
    this.#updates = [{ ...what, phase, code, reason, ...times }, ...this.#updates.filter(({ key }) => key !== id)];
    this.#publisher.publishUpdates(this.#updates.slice(0, 8));
  }
}
