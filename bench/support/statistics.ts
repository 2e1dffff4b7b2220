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
