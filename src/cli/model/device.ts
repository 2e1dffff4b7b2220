import { join } from 'node:path';
import { loadConfig } from '../../config/load.js';
import type { Config } from '../../config/schema.js';
import { regionMisfit } from '../../infer/region-misfit.js';
import type { Target } from '../../model/bundle/target.js';
import { storeFromConfig } from '../../model/store/from-config.js';
import type { ModelStore } from '../../model/store/store.js';
import { clockSynced } from '../../publish/clock.js';

/** The device that a configuration describes, as the model store sees it. */
export interface DeviceModels {
  readonly config: Config;
  readonly store: ModelStore;
  readonly target: Target;
  /** Null while nobody vouches for the clock. */
  readonly nowMs: number | null;
}

/** @throws SideglanceError as `loadConfig` */
export function deviceModels(file: string): DeviceModels {
  const config = loadConfig(file);
  const { models } = config;
  return {
    config,
    store: storeFromConfig(models),
    target: targetOf(config),
    nowMs: models.trustClock || clockSynced() ? Date.now() : null,
  };
}

function targetOf({ device, models, stations }: Config): Target {
  return {
    device,
    stationsOf: (id) => stations.filter(({ model }) => model === join(models.store, id)),
    misfit: regionMisfit,
  };
}
