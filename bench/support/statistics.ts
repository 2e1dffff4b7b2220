/** Null where a value is: a mean over a part would be another figure. */
export function meanOf(values: readonly (number | null)[]): number | null {
  let sum = 0;
  for (const value of values) {
    if (value === null) return null;
    sum += value;
  }
  return sum / values.length;
}

/** The sample's standard deviation (n − 1); null for fewer than two values, or where one is missing. */
export function deviationOf(values: readonly (number | null)[]): number | null {
  const mean = meanOf(values);
  if (mean === null || values.length < 2) return null;
  const squares = values.reduce<number>((sum, value) => sum + ((value as number) - mean) ** 2, 0);
  return Math.sqrt(squares / (values.length - 1));
}

/** Median and quartiles. */
export interface Spread {
  readonly low: number;
  readonly median: number;
  readonly high: number;
}

/** @param values at least one */
export function spreadOf(values: readonly number[]): Spread {
  return { low: quantileOf(values, 0.25), median: quantileOf(values, 0.5), high: quantileOf(values, 0.75) };
}

/** Between the two nearest values, in proportion (Hyndman and Fan 1996, definition 7). @param values at least one */
export function quantileOf(values: readonly number[], share: number): number {
  const ascending = [...values].sort((a, b) => a - b);
  const at = share * (ascending.length - 1);
  const [below, above] = [ascending[Math.floor(at)] as number, ascending[Math.ceil(at)] as number];
  return below + (at - Math.floor(at)) * (above - below);
}
