import type { BroughtRollout, RolloutWork } from '../commands/rollout-work.js';
import { type ErrorCode, reasonOf, SideglanceError } from '../errors.js';
import { ALL_STATIONS, type ModelState } from '../model/store/state.js';
import { unplanned } from '../model/store/transitions.js';
import type { RolloutMessage } from '../publish/rollout-message.js';
import type { DeviceModels } from './device-models.js';
import { rollBack } from './install.js';
import type { UpdateBoard } from './update-board.js';
import type { Updater } from './updater.js';

/** What rollouts ask for, on what is installed here; each is an update under its own id. */
export class StoredRollouts implements RolloutWork {
  readonly #device: DeviceModels;
  readonly #updater: Pick<Updater, 'install'>;
  readonly #board: Pick<UpdateBoard, 'add' | 'change'>;

  constructor(device: DeviceModels, updater: Pick<Updater, 'install'>, board: Pick<UpdateBoard, 'add' | 'change'>) {
    this.#device = device;
    this.#updater = updater;
    this.#board = board;
  }

  async bring(rollout: RolloutMessage, signal: AbortSignal): Promise<void> {
    const { id, model, version, url, sha256, stations, activate } = rollout;
    await this.#updater.install({
      key: id,
      origin: 'rollout',
      rollout: id,
      from: { url, sha256 },
      activate: { ...activate, ...(stations !== undefined && { stations }) },
      expected: { model, version },
      signal,
    });
  }

  async cancel({ model, version, stations }: BroughtRollout): Promise<boolean> {
    let isDropped = false;
    await this.#device.store.change(model, (state) => {
      const its = versionsOf(state, version);
      const slots = (stations ?? [ALL_STATIONS]).filter((slot) => its.has(state.plans[slot]?.digest ?? ''));
      isDropped = slots.length > 0;
      return slots.reduce((after, station) => unplanned(after, { station }), state);
    });
    return isDropped;
  }

  async withdraw(rollout: RolloutMessage): Promise<void> {
    const { id, model, version, stations } = rollout;
    const { store } = this.#device;
    await this.cancel(rollout);
    const state = await store.state(model);
    const its = versionsOf(state, version);
    const slots = (stations ?? [ALL_STATIONS]).filter((slot) => its.has(state.slots[slot]?.active ?? ''));
    // It was never made active, or somebody has made another version active meanwhile.
    if (slots.length === 0) return;
    try {
      const where = stations === undefined ? {} : { stations: slots };
      await rollBack(this.#device, model, { ...where, reason: `the rollout ${id} was withdrawn`, bar: true });
    } catch (thrown) {
      const code = thrown instanceof SideglanceError ? thrown.code : 'SG_STORE';
      this.#board.change(id, { code, reason: reasonOf(thrown) });
      throw thrown;
    }
  }

  tell(rollout: BroughtRollout, phase: 'waiting' | 'refused', code: ErrorCode | null, reason: string): void {
    const { id, model, version, stations } = rollout;
    const known = { model, version, stations: stations === undefined ? null : [...stations] };
    this.#board.add({ key: id, origin: 'rollout', rollout: id, ...known });
    this.#board.change(id, { phase, code, reason });
  }
}

/** The digests of a version. */
function versionsOf({ installed }: ModelState, version: string): ReadonlySet<string> {
  return new Set(installed.filter((one) => one.version === version).map(({ digest }) => digest));
}
