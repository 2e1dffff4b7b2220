/**
 * The score of an image from its anomaly map: the mean of its `topCells` hottest cells, so that a single hot cell
 * (a dead pixel, a speck) weighs little.
 */
export function imageScore(map: Float32Array, topCells: number): number {
  const hottest = Float32Array.from(map)
    .sort()
    .subarray(Math.max(0, map.length - topCells));
  return hottest.reduce((sum, value) => sum + value, 0) / hottest.length;
}
