/** Whether two samples may come from one distribution. */
export interface SampleDifference {
  /** Largest distance of the two empirical distribution functions, 0 to 1. */
  readonly distance: number;
  /** Probability of at least this distance when both samples come from one distribution. */
  readonly pValue: number;
}

/**
 * Two-sample Kolmogorov–Smirnov test, with the asymptotic p-value in Stephens' form for small samples (Press et al.,
 * *Numerical Recipes*, 3rd ed., 14.3.3). Ties make it say too little, never too much.
 *
 * @param a in ascending order, at least one
 * @param b in ascending order, at least one
 */
export function kolmogorovSmirnov(a: readonly number[], b: readonly number[]): SampleDifference {
  if (a.length === 0 || b.length === 0) throw new RangeError('a comparison needs a value on either side');
  let [i, j, distance] = [0, 0, 0];
  while (i < a.length && j < b.length) {
    const value = Math.min(a[i]!, b[j]!);
    while (i < a.length && a[i]! <= value) i++;
    while (j < b.length && b[j]! <= value) j++;
    distance = Math.max(distance, Math.abs(i / a.length - j / b.length));
  }
  const root = Math.sqrt((a.length * b.length) / (a.length + b.length));
  return { distance, pValue: kolmogorovSurvival((root + 0.12 + 0.11 / root) * distance) };
}

/** 2 Σ (−1)^(j−1) e^(−2j²x²), which is 1 to twelve digits for x below 0.2, where the series converges slowly. */
function kolmogorovSurvival(x: number): number {
  if (x < 0.2) return 1;
  let sum = 0;
  for (let j = 1; j <= 100; j++) {
    const term = Math.exp(-2 * j * j * x * x);
    sum += j % 2 === 1 ? term : -term;
    if (term < 1e-16) break;
  }
  return Math.min(1, Math.max(0, 2 * sum));
}
