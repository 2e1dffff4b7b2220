/** Metrics over scores of whole images, exact. Those over pixels are in `pixel-metrics.ts`. */

/**
 * Area under the ROC curve: the probability that a defective image scores higher than a good one, ties counting half
 * (Mann-Whitney, by mid-ranks; exact).
 * @returns null where one of the two groups is empty: the area does not exist then.
 */
export function auroc(good: ArrayLike<number>, defective: ArrayLike<number>): number | null {
  if (good.length === 0 || defective.length === 0) return null;
  const { scores, positives } = sorted(good, defective);
  let rankSum = 0;
  for (let i = 0; i < scores.length; ) {
    let j = i;
    let positivesHere = 0;
    while (j < scores.length && scores[j] === scores[i]) positivesHere += positives[j++]!;
    // Ranks i+1 … j share their mean.
    rankSum += (positivesHere * (i + 1 + j)) / 2;
    i = j;
  }
  const p = defective.length;
  return (rankSum - (p * (p + 1)) / 2) / (p * good.length);
}

/** One point of a ROC curve: what is rejected when every score ≥ `threshold` is. */
export interface RocPoint {
  readonly threshold: number;
  readonly falsePositiveRate: number;
  readonly truePositiveRate: number;
}

/**
 * The ROC curve, from rejecting nothing (threshold +∞) to rejecting everything; a point a distinct score, so ties make
 * one slanted step. The trapezoids below it sum to {@link auroc}.
 * @returns an empty list where one of the two groups is empty.
 */
export function rocCurve(good: ArrayLike<number>, defective: ArrayLike<number>): RocPoint[] {
  if (good.length === 0 || defective.length === 0) return [];
  const { scores, positives } = sorted(good, defective);
  const points: RocPoint[] = [{ threshold: Number.POSITIVE_INFINITY, falsePositiveRate: 0, truePositiveRate: 0 }];
  let rejectedGood = 0;
  let rejectedDefective = 0;
  for (let i = scores.length - 1; i >= 0; ) {
    const threshold = scores[i]!;
    for (; i >= 0 && scores[i] === threshold; i--) {
      if (positives[i] === 1) rejectedDefective++;
      else rejectedGood++;
    }
    points.push({
      threshold,
      falsePositiveRate: rejectedGood / good.length,
      truePositiveRate: rejectedDefective / defective.length,
    });
  }
  return points;
}

/** All scores ascending, and for each 1 where it belongs to a defective image. */
function sorted(
  good: ArrayLike<number>,
  defective: ArrayLike<number>,
): { scores: Float64Array; positives: Uint8Array } {
  const all = [...Array.from(good, (s) => [s, 0] as const), ...Array.from(defective, (s) => [s, 1] as const)];
  all.sort((a, b) => a[0] - b[0]);
  return { scores: Float64Array.from(all, ([s]) => s), positives: Uint8Array.from(all, ([, p]) => p) };
}
