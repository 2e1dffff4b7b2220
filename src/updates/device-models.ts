import { dirname, join } from 'node:path';
import type { Config } from '../config/schema.js';
import { regionMisfit } from '../infer/region-misfit.js';
import type { Target } from '../model/bundle/target.js';
import { storeFromConfig } from '../model/store/from-config.js';
import type { ModelStore } from '../model/store/store.js';
import { clockSynced } from '../publish/clock.js';

/** The device that a configuration describes, as the model store sees it. */
export interface DeviceModels {
  readonly config: Config;
  readonly store: ModelStore;
  readonly target: Target;
  /** Milliseconds since 1970; null while nobody vouches for the clock. */
  readonly nowMs: () => number | null;
}

export function deviceModels(config: Config): DeviceModels {
  const { models } = config;
  return {
    config,
    store: storeFromConfig(models),
    target: targetOf(config),
    nowMs: () => (models.trustClock || clockSynced() ? Date.now() : null),
  };
}

/** The id of the model in the store that a station runs; null where it runs one that lies elsewhere. */
export function storedModelOf({ models, stations }: Config, station: string): string | null {
  const model = stations.find(({ name }) => name === station)?.model;
  return model !== undefined && dirname(model) === models.store ? model.slice(models.store.length + 1) : null;
}

function targetOf({ device, models, stations }: Config): Target {
  return {
    device,
    stationsOf: (id) => stations.filter(({ model }) => model === join(models.store, id)),
    misfit: regionMisfit,
  };
}
