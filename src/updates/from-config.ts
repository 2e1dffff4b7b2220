import { dirname } from 'node:path';
import type { Config, StationConfig } from '../config/schema.js';
import { storeFromConfig } from '../model/store/from-config.js';
import { type KeptStation, ModelKeeper, type ModelKeeperOptions } from './model-keeper.js';

/** @param stations in the order of the configuration; those that have no model in the store are left alone */
export function keeperFromConfig(
  config: Config,
  stations: readonly KeptStation[],
  onEvent: ModelKeeperOptions['onEvent'],
): ModelKeeper {
  const { models } = config;
  return new ModelKeeper({
    stations: stations.flatMap((station, i) => {
      const { model } = config.stations[i] as StationConfig;
      return dirname(model) === models.store ? [{ station, model }] : [];
    }),
    store: storeFromConfig(models),
    probation: {
      minutes: models.probationMinutes,
      confirm: models.confirm,
      maxJudgeMs: models.maxJudgeMs ?? Number.POSITIVE_INFINITY,
    },
    onEvent,
  });
}
