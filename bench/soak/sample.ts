import { readdirSync } from 'node:fs';
import { loadavg } from 'node:os';
import { rssOf } from '../support/daemon.js';

export interface ProcessSample {
  readonly pid: number;
  readonly rssBytes: number;
  /** Open files, sockets and pipes. */
  readonly handles: number;
  readonly threads: number;
}

export interface Sample {
  /** Since the begin of the run. */
  readonly second: number;
  /** By station, and `agent`; those that run now. */
  readonly processes: Readonly<Record<string, ProcessSample>>;
  /** The longest that the event loop of the agent stood still, in the health message of this time. */
  readonly agentLagMs: number;
  readonly stationLagMs: number;
  /** Median of the verdicts since the last sample, of the station that nothing is done to; null without any. */
  readonly latencyMs: number | null;
  readonly waiting: number;
  /** What else the machine has to do: its load average over a minute. */
  readonly load: number;
  /** What is being done to the daemon. */
  readonly fault: string | null;
}

/** Null where there is no such process. */
export function sampleProcess(pid: number): ProcessSample | null {
  try {
    const rssBytes = rssOf(pid);
    const handles = readdirSync(`/proc/${pid}/fd`).length;
    const threads = readdirSync(`/proc/${pid}/task`).length;
    return rssBytes === null ? null : { pid, rssBytes, handles, threads };
  } catch {
    return null;
  }
}

export function loadNow(): number {
  return Math.round((loadavg()[0] as number) * 100) / 100;
}
