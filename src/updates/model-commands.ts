import type { ModelCommands } from '../commands/models.js';
import { SideglanceError } from '../errors.js';
import { ALL_STATIONS, type ModelState } from '../model/store/state.js';
import { confirmed, slotOf } from '../model/store/transitions.js';
import type { CommandOf, ResultOf } from '../publish/command-messages.js';
import { type DeviceModels, storedModelOf } from './device-models.js';
import { type Activation, byVersion, rollBack } from './install.js';
import { planOf } from './take-over.js';
import type { Updater } from './updater.js';

type ModelResult = ResultOf<'model.install'>;

/** The `model.*` commands, on what is installed here. */
export class StoredModelCommands implements ModelCommands {
  readonly #device: DeviceModels;
  readonly #updater: Pick<Updater, 'install' | 'activate'>;

  constructor(device: DeviceModels, updater: Pick<Updater, 'install' | 'activate'>) {
    this.#device = device;
    this.#updater = updater;
  }

  async install(wanted: CommandOf<'model.install'>, key: string): Promise<ModelResult> {
    const { url, sha256, activate, stations } = wanted;
    this.#check(stations, undefined);
    const { id, version, isActive, plan } = await this.#updater.install({
      key,
      origin: 'command',
      from: { url, sha256 },
      activate: activate ? activationOf(wanted) : null,
    });
    if (!isActive && plan === null) return { model: id, version, state: 'installed', planned: false, stations: [] };
    const concerned = stations ?? this.#of(await this.#device.store.state(id), ALL_STATIONS);
    return { model: id, version, ...stateOf(!isActive), stations: concerned };
  }

  async activate(wanted: CommandOf<'model.activate'>, key: string): Promise<ModelResult> {
    const { model, version, stations } = wanted;
    this.#check(stations, model);
    const activate = activationOf(wanted);
    const state = await this.#updater.activate({ key, origin: 'command', model, version, activate });
    const { digest } = byVersion(state, version);
    const isPlanned = (stations ?? [ALL_STATIONS]).some((station) => planOf(state, station, digest) !== null);
    const concerned = stations ?? this.#of(state, ALL_STATIONS);
    return { model, version, ...stateOf(isPlanned), stations: concerned };
  }

  async rollback(wanted: CommandOf<'model.rollback'>, key: string): Promise<ModelResult> {
    const { stations } = wanted;
    const id = this.#modelMeant(wanted);
    const before = await this.#device.store.state(id);
    const all = this.#stationsWith(id);
    // A station that has a model of its own keeps one of its own.
    const slots = stations ?? all.map((name) => (before.slots[name] === undefined ? ALL_STATIONS : name));
    const { version } = await rollBack(this.#device, id, {
      stations: slots.length === 0 ? [ALL_STATIONS] : [...new Set(slots)],
      reason: `rolled back by the command ${key}`,
      bar: true,
    });
    return { model: id, version, state: 'rolled back', planned: false, stations: stations ?? all };
  }

  async confirm({ model, version }: CommandOf<'model.confirm'>): Promise<ModelResult> {
    const { store } = this.#device;
    const state = await store.change(model, (before) => {
      const { digest } = byVersion(before, version);
      const slots = Object.entries(before.slots).filter(([, { active }]) => active === digest);
      if (slots.length === 0) {
        throw new SideglanceError(
          'SG_STORE',
          `${model}@${version} is not active, so that nothing can be confirmed. Activate it first`,
        );
      }
      return slots.reduce((after, [station]) => confirmed(after, { station }), before);
    });
    const { digest } = byVersion(state, version);
    const stations = this.#stationsWith(model).filter((station) => slotOf(state, station)?.active === digest);
    return { model, version, state: 'confirmed', planned: false, stations };
  }

  /** @throws SideglanceError `SG_COMMAND_MALFORMED` where nothing says which model */
  #modelMeant({ model, stations }: CommandOf<'model.rollback'>): string {
    this.#check(stations, model);
    if (model !== undefined) return model;
    const { config } = this.#device;
    const names = stations ?? config.stations.map(({ name }) => name);
    const models = new Set(names.map((name) => storedModelOf(config, name)).filter((id) => id !== null));
    const [only] = models;
    if (only !== undefined && models.size === 1) return only;
    if (only === undefined) throw new SideglanceError('SG_STORE', 'no station runs a model of the store');
    throw new SideglanceError(
      'SG_COMMAND_MALFORMED',
      `model: the stations run several (${[...models].join(', ')}): name one, or stations of one`,
    );
  }

  /** @throws SideglanceError `SG_COMMAND_UNKNOWN` for a station that does not run it */
  #check(stations: readonly string[] | undefined, model: string | undefined): void {
    const { config } = this.#device;
    const unknown = stations?.find((station) => {
      const stored = storedModelOf(config, station);
      return stored === null || (model !== undefined && stored !== model);
    });
    if (unknown === undefined) return;
    const there = config.stations.filter(({ name }) => storedModelOf(config, name) !== null);
    const names = there.map(({ name }) => `${name} (${storedModelOf(config, name)})`).join(', ');
    throw new SideglanceError(
      'SG_COMMAND_UNKNOWN',
      `no station ${unknown} runs ${model === undefined ? 'a model of the store' : `the model ${model}`}; ${names === '' ? 'none does' : `there are ${names}`}`,
    );
  }

  /** Stations that run what a slot of this model says. */
  #of({ id, slots }: ModelState, slot: string): string[] {
    return this.#stationsWith(id).filter((name) => (slots[name] === undefined ? ALL_STATIONS : name) === slot);
  }

  #stationsWith(id: string): string[] {
    const { config } = this.#device;
    return config.stations.map(({ name }) => name).filter((name) => storedModelOf(config, name) === id);
  }
}

function activationOf({ stations, when, shadow }: Activation): Activation {
  return {
    ...(stations !== undefined && { stations }),
    ...(when !== undefined && { when }),
    ...(shadow !== undefined && { shadow }),
  };
}

function stateOf(planned: boolean): Pick<ModelResult, 'state' | 'planned'> {
  return { state: planned ? 'installed' : 'active', planned };
}
