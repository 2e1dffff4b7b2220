import { join } from 'node:path';
import type { ModelCommands, ModelOrders } from '../commands/models.js';
import type { RolloutWork } from '../commands/rollout-work.js';
import type { Config } from '../config/schema.js';
import type { SideglanceError } from '../errors.js';
import type { ModelState } from '../model/store/state.js';
import { DOWNLOADS_FOLDER } from '../model/store/store.js';
import { now } from '../publish/clock.js';
import type { UpdateReport } from '../publish/update-message.js';
import { type DeviceModels, deviceModels, storedModelOf } from './device-models.js';
import { Downloads } from './download/downloads.js';
import { StoredModelCommands } from './model-commands.js';
import { StoredRollouts } from './stored-rollouts.js';
import { UpdateBoard } from './update-board.js';
import { Updater } from './updater.js';
import { WatchedFolder, type WatchedFolderOptions } from './watched-folder.js';

export interface ModelUpdatesOptions {
  readonly publish: (reports: readonly UpdateReport[]) => void;
  readonly onEvent: WatchedFolderOptions['onEvent'];
  readonly onPhase: (report: UpdateReport) => void;
  readonly onFault: (error: SideglanceError) => void;
}

/** The ways in which models come onto a running device, and what is told of it. */
export class ModelUpdates implements ModelOrders {
  readonly updater: Updater;
  readonly commands: ModelCommands;
  readonly rollouts: RolloutWork;
  /** Of the models of the store that stations run. */
  readonly ids: readonly string[];
  /** Milliseconds since 1970; null while nobody vouches for the clock. */
  readonly nowMs: () => number | null;
  readonly #board: UpdateBoard;
  readonly #folder: WatchedFolder | null;

  constructor(
    config: Config,
    { publish, onEvent, onPhase, onFault }: ModelUpdatesOptions,
    device: DeviceModels = deviceModels(config),
  ) {
    const { store, inbox, download, maxBundleMb } = config.models;
    const downloads = new Downloads({
      folder: join(store, DOWNLOADS_FOLDER),
      config: download,
      // What an archive adds to its files is little.
      maxBytes: (maxBundleMb + 1) * 1024 * 1024,
    });
    this.#board = new UpdateBoard({ file: join(config.stateFolder, 'updates.json'), now, publish, onPhase, onFault });
    this.updater = new Updater({ device, downloads, board: this.#board });
    this.commands = new StoredModelCommands(device, this.updater);
    this.rollouts = new StoredRollouts(device, this.updater, this.#board);
    this.nowMs = device.nowMs;
    const ids = config.stations.map(({ name }) => storedModelOf(config, name)).filter((id) => id !== null);
    this.ids = [...new Set(ids)];
    this.#folder = inbox === undefined ? null : new WatchedFolder({ folder: inbox, updater: this.updater, onEvent });
  }

  start(): void {
    this.#board.tell();
    this.#folder?.start();
  }

  /** The state of a model as it is now. */
  follow(state: ModelState): void {
    this.#board.follow(state);
  }

  /** A bundle, `<id>@<version>`, was to take over and is not to any longer. */
  notPromoted(bundle: string, reason: string): void {
    this.#board.notPromoted(bundle, reason);
  }

  async stop(): Promise<void> {
    await Promise.all([this.updater.stop(), this.#folder?.stop()]);
    await this.#board.close();
  }
}
