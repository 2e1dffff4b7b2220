import { dirname } from 'node:path';
import type { Config, StationConfig } from '../config/schema.js';
import { deviceModels } from './device-models.js';
import { type KeptStation, ModelKeeper, type ModelKeeperOptions } from './model-keeper.js';

/** @param stations in the order of the configuration; those that have no model in the store are left alone */
export function keeperFromConfig(
  config: Config,
  stations: readonly KeptStation[],
  listeners: Required<Pick<ModelKeeperOptions, 'onEvent' | 'onState' | 'onNotPromoted'>>,
): ModelKeeper {
  const { models } = config;
  const { store, nowMs } = deviceModels(config);
  return new ModelKeeper({
    stations: stations.flatMap((station, i) => {
      const { model } = config.stations[i] as StationConfig;
      return dirname(model) === models.store ? [{ station, model }] : [];
    }),
    store,
    probation: {
      minutes: models.probationMinutes,
      confirm: models.confirm,
      maxJudgeMs: models.maxJudgeMs ?? Number.POSITIVE_INFINITY,
      compare: models.probationCompare,
      toleratedShare: models.toleratedDisagreement,
    },
    plans: {
      idleMs: models.idleSeconds * 1000,
      leastAgreement: models.shadow.leastAgreement,
      promote: models.shadow.promote,
      probation: models.probationMinutes > 0,
      nowMs,
    },
    ...listeners,
  });
}
