import type { InferConfig, StationConfig } from '../config/schema.js';
import type { AcceptancePart } from './acceptance-part.js';

/** What a bundle has to prove before it may judge the parts of a station. Survives a structured clone. */
export interface ProofJob {
  /** Of the bundle. */
  readonly folder: string;
  readonly station: Pick<StationConfig, 'name' | 'regions' | 'threshold'>;
  readonly infer: InferConfig;
  readonly acceptance: readonly Pick<AcceptancePart, 'label' | 'name' | 'path'>[];
  readonly limits: ProofLimits;
}

export interface ProofLimits {
  /** Longest time to judge a part. */
  readonly judgeMs: number;
  /** Most megabytes (2^20 bytes) of memory of the process that judges, not of a GPU. */
  readonly memoryMb: number;
  /** Longest time for all of it. */
  readonly withinMs: number;
}

export interface ProofFigures {
  readonly provider: string;
  readonly precision: string;
  /** The shortest time in which a part was judged: the computer may have other things to do. */
  readonly judgeMs: number;
  readonly peakMb: number;
  /** Parts of the acceptance set, all of them judged right. */
  readonly accepted: number;
}

/** What a process that proves a bundle says, once. */
export type ProofMessage =
  | { readonly outcome: 'proven'; readonly figures: ProofFigures }
  | { readonly outcome: 'refused'; readonly code: string; readonly reason: string };
