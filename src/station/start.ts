import type { InferConfig, StationConfig } from '../config/schema.js';

/** What an agent gives a station process to do. */
export interface StationStart {
  readonly station: StationConfig;
  /** Every part is answered `invalid: paused`. */
  readonly paused: boolean;
  readonly infer: InferConfig;
}
