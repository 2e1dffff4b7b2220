import { Random } from '../random.js';
import type { ImageTallies } from './image-tallies.js';
import { auroc } from './metrics.js';
import { metricsOf, type PixelMetrics } from './pixel-metrics.js';

/**
 * Confidence intervals: how far a figure would vary had other images been drawn. By the percentile bootstrap (Efron 1979)
 * over images, good and defective ones drawn apart so that each draw has as many of them as the dataset. Seeded: the
 * same scores give the same interval.
 */
export const BOOTSTRAP = {
  draws: 1000,
  confidence: 0.95,
  seed: 1,
  /** Where coarse bins move a pixel metric further than this, draws of them say nothing about it. */
  largestBinningError: 0.005,
} as const;

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** The interval of `auroc(good, defective)`; null where that is null. Contains it. */
export function imageAurocInterval(good: readonly number[], defective: readonly number[]): Interval | null {
  const exact = auroc(good, defective);
  if (exact === null) return null;
  const random = new Random(BOOTSTRAP.seed);
  const redraw = (scores: readonly number[]): number[] => scores.map(() => random.pick(scores));
  const draws = Array.from({ length: BOOTSTRAP.draws }, () => auroc(redraw(good), redraw(defective))!);
  return intervalOf(draws, exact);
}

/** The pixel metrics that are given an interval. */
export type PixelFigure = 'pixelAuroc' | 'aupro' | 'aupro05';

/**
 * The intervals of the pixel metrics. Draws are measured in coarser bins than the metrics themselves; each interval is
 * moved by what that changes for the whole dataset, and contains the metric.
 * @param isDefective for each image of the tallies.
 * @returns null for a metric that is null, or that the coarse bins cannot measure.
 */
export function pixelIntervals(
  tallies: ImageTallies,
  isDefective: readonly boolean[],
  exact: PixelMetrics,
): Readonly<Record<PixelFigure, Interval | null>> {
  const images = isDefective.map((defective, image) => ({ defective, image }));
  const strata = [true, false].map((kind) =>
    images.filter(({ defective }) => defective === kind).map(({ image }) => image),
  );
  const random = new Random(BOOTSTRAP.seed);
  const draws = Array.from({ length: exact.aupro === null ? 0 : BOOTSTRAP.draws }, () => {
    const times = new Uint32Array(tallies.length);
    for (const stratum of strata) for (const _ of stratum) times[random.pick(stratum)]!++;
    return metricsOf(tallies.steps(times));
  });
  const coarse = metricsOf(tallies.steps());
  const interval = (figure: PixelFigure): Interval | null => {
    const value = exact[figure];
    const binned = coarse[figure];
    if (value === null || binned === null || Math.abs(value - binned) > BOOTSTRAP.largestBinningError) return null;
    // A draw without any region has no metric.
    const values = draws.flatMap((metrics) => metrics[figure] ?? []);
    return intervalOf(
      values.map((draw) => Math.min(1, Math.max(0, draw + value - binned))),
      value,
    );
  };
  return { pixelAuroc: interval('pixelAuroc'), aupro: interval('aupro'), aupro05: interval('aupro05') };
}

/** The middle share of the draws, widened where the figure itself lies outside it. */
function intervalOf(draws: readonly number[], exact: number): Interval {
  const sorted = Float64Array.from(draws).sort();
  const tail = ((1 - BOOTSTRAP.confidence) / 2) * (sorted.length - 1);
  return {
    low: Math.min(exact, sorted[Math.floor(tail)] ?? exact),
    high: Math.max(exact, sorted[Math.ceil(sorted.length - 1 - tail)] ?? exact),
  };
}

/**
 * The interval of a share of independent trials (Wilson 1927), also where it was none or all of them: there a bootstrap
 * would see no spread. Null without trials.
 */
export function shareInterval(count: number, trials: number): Interval | null {
  if (trials === 0) return null;
  const z = 1.959964;
  const share = count / trials;
  const middle = (share + z ** 2 / (2 * trials)) / (1 + z ** 2 / trials);
  const reach = (z / (1 + z ** 2 / trials)) * Math.sqrt((share * (1 - share)) / trials + z ** 2 / (4 * trials ** 2));
  return { low: count === 0 ? 0 : middle - reach, high: count === trials ? 1 : middle + reach };
}
