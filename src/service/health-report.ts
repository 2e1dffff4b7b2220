import type { IntervalHistogram } from 'node:perf_hooks';
import type { HealthMessage } from '../publish/messages.js';
import type { HealthReport } from '../publish/publisher.js';
import { publishedShadow } from '../publish/shadow-message.js';
import type { StationSnapshot } from '../supervision/reports.js';
import { stuck } from './accounts.js';
import type { Alarm, Alarms } from './alarms/alarms.js';
import { LIFELINE_LIMITS } from './lifeline.js';
import { judgeReadiness } from './readiness.js';

export const HEALTH_LIMITS = {
  /** Granularity at which the event loop is watched. Each look wakes the process: at 10 ms, that was half of what it costs at rest. */
  lagResolutionMs: 20,
} as const;

type StationHealth = HealthMessage['stations'][number];

export interface HealthSources {
  readonly snapshots: readonly StationSnapshot[];
  /** What commands can change at a station. */
  readonly settingsOf: (station: string) => StationHealth['settings'];
  readonly commands: HealthMessage['commands'];
  readonly alarms: Alarms;
  readonly publishing: HealthMessage['publishing'];
  readonly sparkplug: HealthMessage['sparkplug'];
  readonly startedMs: number;
  readonly lag: IntervalHistogram;
}

/** What the agent knows about itself and its stations, judged. */
export function healthReport(sources: HealthSources): HealthReport {
  const { snapshots, settingsOf, commands, alarms, publishing, sparkplug, startedMs, lag } = sources;
  const stations = snapshots.map((one) => stationHealth(one, settingsOf(one.name), alarms.raised(one.name)));
  const overdue = new Set(stuck({ stations: snapshots }, LIFELINE_LIMITS.overdueGraceMs));
  const eventLoopLagMs = Math.max(0, lag.max / 1e6 - HEALTH_LIMITS.lagResolutionMs);
  return {
    ...judgeReadiness({ stations, publishing, sparkplug, stuck: overdue }),
    agent: {
      uptimeS: Math.round((performance.now() - startedMs) / 1000),
      rssBytes: process.memoryUsage.rss(),
      eventLoopLagMs: Math.round(eventLoopLagMs * 10) / 10,
    },
    stations,
    commands,
    sparkplug,
  };
}

function stationHealth(station: StationSnapshot, settings: StationHealth['settings'], alarms: Alarm[]): StationHealth {
  const { name, state, reason, camera, restarts, rssBytes, lagMs, parts, ledger } = station;
  const { model, provider, precision, skipped, building, threshold, refused, shadow } = station;
  const { late, lateVerdicts, lost } = ledger;
  return {
    name,
    state,
    reason,
    camera,
    model,
    provider,
    precision,
    skipped: [...skipped],
    building,
    threshold,
    refused,
    shadow: publishedShadow(shadow),
    settings,
    alarms,
    restarts,
    rssBytes,
    eventLoopLagMs: lagMs,
    parts: { ...parts, late, lateVerdicts, lost },
  };
}
