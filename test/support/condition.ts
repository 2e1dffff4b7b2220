import type { HealthMessage } from '../../src/publish/messages.js';
import type { Inspection, RegionResult, Verdict } from '../../src/types.js';

/** A device on which all is well, with one station. */
export function wellHealth(
  station: Partial<HealthMessage['stations'][number]> = {},
  publishing: Partial<HealthMessage['publishing']> = {},
  sparkplug: HealthMessage['sparkplug'] = null,
): HealthMessage {
  const none = { verdict: 0, map: 0, frame: 0 };
  return {
    schema: 'sideglance/health/1',
    device: { site: 'ulm', line: 'press-3', name: 'edge-1' },
    published: { utc: '2025-03-01T06:14:41.193Z', monotonicMs: 62178.1 },
    clockSynced: true,
    live: true,
    ready: true,
    reasons: [],
    agent: { version: '0.1.0', uptimeS: 61.5, rssBytes: 91_000_000, eventLoopLagMs: 1.2 },
    stations: [
      {
        name: 'top',
        state: 'running',
        reason: null,
        camera: { state: 'running', reason: null },
        model: 'bracket@3',
        provider: 'cpu',
        precision: 'fp32',
        skipped: [],
        building: null,
        threshold: 3.1,
        refused: null,
        shadow: null,
        settings: {
          paused: false,
          falseRejectRate: 0.005,
          score: null,
          exposureMicroseconds: null,
          gainDb: null,
          byCommand: [],
        },
        alarms: [],
        restarts: 0,
        rssBytes: 187_000_000,
        eventLoopLagMs: 2.1,
        parts: { accepted: 10, pass: 8, fail: 1, invalid: 1, late: 1, lateVerdicts: 1, lost: 0 },
        ...station,
      },
    ],
    commands: null,
    publishing: {
      protocol: '5',
      broker: 'mqtt://broker.example:1883',
      connections: 1,
      lastFault: null,
      waiting: none,
      waitingBytes: 0,
      inFlight: 0,
      stored: none,
      delivered: none,
      dropped: { age: none, bytes: none, tooLarge: none, refused: none, unreadable: none },
      shrunk: 0,
      gapsAnnounced: 0,
      gapsRefused: 0,
      storage: {
        kind: 'disk',
        folder: '/var/lib/sideglance/outbox',
        alarm: null,
        epoch: 'b80ddafd',
        unsynced: 0,
        unsyncedMs: 0,
        syncs: 3,
        longestSyncMs: 4,
        bytesWritten: 8192,
        bytesPerMessage: null,
      },
      ...publishing,
    },
    sparkplug,
  };
}

export function inspectionOf(verdict: Verdict, regions: RegionResult[] = [], station = 'top'): Inspection {
  return {
    part: { station, epoch: 'e', sequence: 1 },
    captured: { utc: '2025-03-01T06:14:41.193Z', monotonicMs: 0 },
    ptsNs: null,
    frameWidth: 8,
    frameHeight: 8,
    model: 'bracket@3',
    provider: 'cpu',
    verdict,
    regions,
    timings: { capture: 1, crop: 2, network: 30, postprocess: 4, encode: 5, total: 42 },
    skippedFrames: 0,
  };
}

export function regionOf(name: string, score: number, threshold: number, result?: Verdict): RegionResult {
  const map = { rows: 1, columns: 1, cell: 8, inputWidth: 8, inputHeight: 8, values: new Float32Array(1) };
  const verdict: Verdict = result ?? { result: score > threshold ? 'fail' : 'pass' };
  const parts = { position: 0, context: 0, distortion: 0 };
  const region = { name, x: 0, y: 0, width: 8, height: 8 };
  return { region, verdict, score, threshold, mapThreshold: 1, pValue: 0.5, parts, defects: [], map };
}
