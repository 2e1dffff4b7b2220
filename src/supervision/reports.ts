import type { ShadowReport } from '../shadow.js';
import type { Attachment, CameraState, FailedBundle, Inspection, ModelInUse, Timestamp } from '../types.js';
import type { LedgerCounters } from './ledger.js';

/** What the supervision of a station tells the rest of the agent. */

export type StationState = 'starting' | 'running' | 'restarting' | 'failed' | 'stopped';

export interface CameraReport {
  readonly state: CameraState;
  readonly reason: string | null;
  readonly at: Timestamp;
}

/** What became of a bundle at a station. */
export type BundleReport =
  | { readonly outcome: 'in use'; readonly folder: string; readonly passedOver: readonly FailedBundle[] }
  | ({ readonly outcome: 'refused' } & FailedBundle)
  /** What it has found as a shadow. */
  | { readonly outcome: 'compared'; readonly report: ShadowReport }
  | ({ readonly outcome: 'shadow refused' } & FailedBundle)
  /** The process ended, for this reason. */
  | { readonly outcome: 'lost'; readonly reason: string };

/** What the rest of the agent does with what happens at a station. All of them return at once. */
export interface SupervisionEvents {
  /** The one answer for a part. */
  onAnswer(inspection: Inspection, attachments: readonly Attachment[]): void;
  onCamera(report: CameraReport): void;
  /** What the station runs, at every change; while an engine is built also as time goes by. */
  onModel(inUse: ModelInUse): void;
  onBundle(report: BundleReport): void;
  onEvent(level: 'info' | 'warn' | 'error', event: SupervisionEvent, fields: Readonly<Record<string, unknown>>): void;
}

/** Names for the log: stable, so that log queries may rely on them. */
export type SupervisionEvent =
  | 'station.started'
  | 'station.building'
  | 'station.provider-skipped'
  | 'station.ready'
  | 'station.switched'
  | 'station.switch-refused'
  | 'station.shadow-begun'
  | 'station.shadow-over'
  | 'station.shadow-refused'
  | 'station.fallback'
  | 'station.ended'
  | 'station.restarting'
  | 'station.failed'
  | 'station.fault'
  | 'station.malformed'
  | 'station.stderr'
  | 'part.late'
  | 'part.late-verdict'
  | 'part.lost'
  | 'part.overrun'
  | 'part.refused'
  | 'part.unannounced';

/** How a station is doing. */
export interface StationSnapshot extends ModelInUse {
  readonly name: string;
  readonly state: StationState;
  readonly reason: string | null;
  readonly pid: number | null;
  readonly camera: { readonly state: CameraState | null; readonly reason: string | null };
  readonly restarts: number;
  readonly rssBytes: number;
  readonly lagMs: number;
  readonly parts: { readonly accepted: number; readonly pass: number; readonly fail: number; readonly invalid: number };
  readonly ledger: Readonly<LedgerCounters>;
  readonly malformed: number;
  /** What this process has proven: a part scored, or, when none comes, a golden sample scored again. Null: nothing yet. */
  readonly proven: 'part' | 'golden sample' | null;
  /** For how long something is overdue that has a time: progress, an end, a restart, an answer. 0 as a rule. */
  readonly overdueMs: number;
}

export const NOTHING_IN_USE: ModelInUse = {
  model: null,
  provider: null,
  precision: null,
  skipped: [],
  building: null,
  threshold: null,
  refused: null,
  shadow: null,
};
