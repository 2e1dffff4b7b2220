/**
 * The score of a map: the mean of its `topCells` hottest cells, so that one hot cell (a speck of dust, a dead pixel)
 * does not decide alone. NaN where the map holds a NaN.
 */
export function imageScore(values: Float32Array, topCells: number): number {
  // Typed arrays sort by number, NaN last.
  const sorted = Float32Array.from(values).sort();
  const count = Math.min(topCells, sorted.length);
  let sum = 0;
  for (let i = sorted.length - count; i < sorted.length; i++) sum += sorted[i]!;
  return sum / count;
}

/** The index of the hottest cell. */
export function hottestCell(values: Float32Array): number {
  let hottest = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[hottest]!) hottest = i;
  return hottest;
}
