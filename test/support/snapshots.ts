import type { SessionState } from '../../src/publish/session.js';
import type { StationSnapshot } from '../../src/supervision/reports.js';

/** A station that inspects; `more` is what is different. */
export function snapshotOf(name: string, more: Partial<StationSnapshot> = {}): StationSnapshot {
  return {
    name,
    state: 'running',
    reason: null,
    pid: 1,
    model: 'm@1',
    provider: 'cpu',
    precision: 'fp32',
    skipped: [],
    building: null,
    threshold: 3.1,
    refused: null,
    shadow: null,
    camera: { state: 'running', reason: null },
    restarts: 0,
    rssBytes: 0,
    lagMs: 0,
    parts: { accepted: 12, pass: 9, fail: 2, invalid: 1 },
    ledger: { accepted: 12, answered: 12, late: 0, lateVerdicts: 0, lost: 0, overrun: 0, unannounced: 0, repeated: 0 },
    malformed: 0,
    proven: 'part',
    overdueMs: 0,
    ...more,
  };
}

export const ONLINE: SessionState = {
  state: 'online',
  broker: 'mqtt://broker:1883',
  protocolVersion: 5,
  maxPacketBytes: null,
  since: { utc: '2026-01-01T00:00:00.000Z', monotonicMs: 0 },
};
