import { LEDGER_LIMITS, type LedgerLimits } from './ledger.js';
import { RESTART_LIMITS, type RestartLimits } from './restart-policy.js';
import { STATION_PROCESS_LIMITS, type StationProcessLimits } from './station-process.js';

export interface SupervisionLimits {
  readonly process: StationProcessLimits;
  readonly restart: RestartLimits;
  readonly ledger: LedgerLimits;
}

export const SUPERVISION_LIMITS: SupervisionLimits = {
  process: STATION_PROCESS_LIMITS,
  restart: RESTART_LIMITS,
  ledger: LEDGER_LIMITS,
};
