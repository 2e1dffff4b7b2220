import { quantileOf } from '../support/statistics.js';
import type { ProcessSample, Sample } from './sample.js';

export const SOAK_BARS = {
  /** Resident memory, of the mean, in an hour: over the last hour. */
  growthPerHour: 0.01,
  /** Handles and threads, the last tenth against the first: sockets of the moment come and go. */
  moreHandles: 2,
  /** The last quarter's p99 by the first's. */
  latencyRatio: 1.1,
} as const;

const HOUR_S = 3600;

export interface Bar {
  readonly what: string;
  readonly most: number;
  /** Null: the run was too short to say. */
  readonly measured: number | null;
  readonly met: boolean | null;
}

/**
 * @param names of the processes that are judged: those whose process was the same from the begin to the end
 * @param latencies of the first and of the last quarter, in milliseconds
 * @param lost verdicts
 * @param wrong what was wrong with how the daemon bore what was done to it
 */
export function judge(
  samples: readonly Sample[],
  names: readonly string[],
  latencies: { readonly first: readonly number[]; readonly last: readonly number[] },
  lost: number,
  wrong: number,
): Bar[] {
  const processes = names.flatMap((name) => {
    const history = samples.flatMap(({ second, processes: { [name]: one } }) => (one ? [{ second, ...one }] : []));
    const slope = slopePerHour(history);
    return [
      bar(`${name}: resident memory, growth in an hour`, SOAK_BARS.growthPerHour, slope),
      bar(`${name}: handles, more at the end`, SOAK_BARS.moreHandles, increase(history, 'handles')),
      bar(`${name}: threads, more at the end`, SOAK_BARS.moreHandles, increase(history, 'threads')),
    ];
  });
  const { first, last } = latencies;
  const ratio = first.length < 100 || last.length < 100 ? null : quantileOf(last, 0.99) / quantileOf(first, 0.99);
  return [
    ...processes,
    bar('p99 of the latency, the last quarter by the first', SOAK_BARS.latencyRatio, ratio),
    bar('verdicts lost', 0, lost),
    bar('faults that it did not bear', 0, wrong),
  ];
}

function bar(what: string, most: number, measured: number | null): Bar {
  return { what, most, measured, met: measured === null ? null : measured <= most };
}

type History = readonly (ProcessSample & { readonly second: number })[];

/**
 * The median of the slopes between all pairs of samples of the last hour (Theil–Sen), by their mean: a moment in which much
 * waits for the broker tilts it less than it would a least-squares line. Null for less than an hour.
 */
export function slopePerHour(history: History): number | null {
  const end = history.at(-1)?.second ?? 0;
  const hour = history.filter(({ second }) => second > end - HOUR_S);
  const begin = hour[0]?.second ?? 0;
  if (history.length === hour.length || end - begin < HOUR_S * 0.9) return null;
  const slopes: number[] = [];
  for (const [i, later] of hour.entries()) {
    for (const earlier of hour.slice(0, i)) {
      slopes.push((later.rssBytes - earlier.rssBytes) / (later.second - earlier.second));
    }
  }
  const mean = hour.reduce((sum, { rssBytes }) => sum + rssBytes, 0) / hour.length;
  return (quantileOf(slopes, 0.5) * HOUR_S) / mean;
}

function increase(history: History, what: 'handles' | 'threads'): number | null {
  const tenth = Math.floor(history.length / 10);
  if (tenth === 0) return null;
  const median = (part: History) =>
    quantileOf(
      part.map((one) => one[what]),
      0.5,
    );
  return median(history.slice(-tenth)) - median(history.slice(0, tenth));
}
