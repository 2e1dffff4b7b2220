import { OURS } from './networks.js';
import type { MeasuredParts } from './report.js';

/** What was promised, and what was measured. */
export interface Bar {
  readonly what: string;
  readonly promised: string;
  /** Null: not measured. */
  readonly measured: string | null;
  readonly met: boolean | null;
}

/** How many times faster than each peer, by its name: medians over the rounds. */
const FASTER: readonly { readonly peer: string; readonly least: number }[] = [
  { peer: 'the published method, patch by patch', least: 40 },
  { peer: 'EfficientAD-S', least: 12 },
  { peer: 'PatchCore 10 %, WideResNet-50', least: 8 },
  { peer: 'PaDiM, ResNet-18', least: 1.5 },
  { peer: 'PatchCore 1 %, ResNet-18', least: 1.5 },
];

const LIMITS = { shareOfPeak: 0.55, tailRatio: 2, lagMs: 15, outside: 0.15, growth: 0.02 } as const;

/** The case whose share outside the network has a limit: a region of 640 × 480 pixels, as the network sees it. */
const OUTSIDE_CASE = '640×480, every pixel';

export function barsOf(parts: MeasuredParts): Bar[] {
  const [networks, stations, heap] = [parts.networks?.figures, parts.stations?.figures, parts.heap?.figures];
  const ours = networks?.networks.find(({ name }) => name === OURS);
  const halfLoads = stations?.map(({ name, halfLoad }) => ({ name, ...halfLoad }));
  const worst = <T>(list: readonly T[] | undefined, read: (item: T) => number | null | undefined) => {
    const known = list?.map(read).filter((value) => typeof value === 'number');
    return known && known.length > 0 ? Math.max(...known) : null;
  };
  const growth = heap ? Math.max(growthOf(heap.heapBytes), growthOf(heap.outsideHeapBytes)) : null;
  return [
    ...FASTER.map(({ peer, least }) =>
      atLeast(
        `a whole map of a region of 256² against ${peer}`,
        networks?.networks.find(({ name }) => name === peer)?.ratio.median ?? null,
        least,
        (value) => `${value.toFixed(1)}× faster`,
      ),
    ),
    atLeast(
      "share of the machine's convolution peak while the network runs",
      ours?.shareOfPeak.median ?? null,
      LIMITS.shareOfPeak,
      percent,
    ),
    atMost(
      'p99 / p50 from end to end at half load, the worst of all sizes',
      worst(halfLoads, ({ stages: { endToEnd } }) => endToEnd.p99 / endToEnd.p50),
      LIMITS.tailRatio,
      (value) => value.toFixed(2),
    ),
    atMost(
      'event-loop lag of the station, p99.9, the worst of all sizes',
      worst(halfLoads, ({ lag }) => lag.station?.p999),
      LIMITS.lagMs,
      milliseconds,
    ),
    atMost(
      'event-loop lag of the agent, p99.9, the worst of all sizes',
      worst(halfLoads, ({ lag }) => lag.agent?.p999),
      LIMITS.lagMs,
      milliseconds,
    ),
    atMost(
      `outside the network, of the time from end to end, ${OUTSIDE_CASE}`,
      halfLoads?.find(({ name }) => name === OUTSIDE_CASE)?.shareOutsideNetwork ?? null,
      LIMITS.outside,
      percent,
    ),
    atMost(
      `growth of what is alive over ${heap?.frames ?? 'many'} frames`,
      growth,
      LIMITS.growth,
      (value) => `${(100 * value).toFixed(1)} %`,
    ),
  ];
}

function growthOf([first, last]: readonly [number, number]): number {
  return last / first - 1;
}

function atLeast(what: string, value: number | null, least: number, text: (value: number) => string): Bar {
  const measured = value === null ? null : text(value);
  return { what, promised: `≥ ${text(least)}`, measured, met: value === null ? null : value >= least };
}

function atMost(what: string, value: number | null, most: number, text: (value: number) => string): Bar {
  const measured = value === null ? null : text(value);
  return { what, promised: `≤ ${text(most)}`, measured, met: value === null ? null : value <= most };
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}

function milliseconds(ms: number): string {
  return `${ms.toFixed(1)} ms`;
}
