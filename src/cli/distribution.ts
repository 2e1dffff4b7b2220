import { type Threshold, thresholdFrom } from '../infer/calibration.js';
import { TAIL } from '../infer/tail.js';
import { DEFAULT_FALSE_REJECT_RATE } from './model-options.js';

const BARS = ' ▁▂▃▄▅▆▇█';
const COLUMNS = 24;

/**
 * What is known about good parts after a training: how their scores are distributed, and the threshold that follows.
 * @param scores of good images that the model had not seen, in ascending order, at least one
 */
export function scoreSummary(scores: readonly number[]): string {
  const threshold = thresholdFrom({ falseRejectRate: DEFAULT_FALSE_REJECT_RATE }, scores);
  return [
    `scores of ${scores.length} good images that the model had not seen: ${distribution(scores)}`,
    `threshold at a false reject rate of ${percent(DEFAULT_FALSE_REJECT_RATE)}: ${thresholdText(threshold, scores.length, DEFAULT_FALSE_REJECT_RATE)}`,
  ].join('\n');
}

/** Least, shape, most and median. @param scores in ascending order, at least one */
export function distribution(scores: readonly number[]): string {
  const [least, most] = [scores[0] ?? 0, scores.at(-1) ?? 0];
  const median = scores[Math.floor((scores.length - 1) / 2)] ?? 0;
  return `${figure(least)} |${histogram(scores)}| ${figure(most)}, median ${figure(median)}`;
}

/** A threshold with what is to be said against it. @param count of the scores that it follows from */
export function thresholdText({ score, extrapolated, interval }: Threshold, count: number, rate: number): string {
  if (!extrapolated) return figure(score);
  const between = interval
    ? `; with ${percent(TAIL.confidence)} confidence from ${figure(interval.low)} to ${figure(interval.high)}`
    : '';
  return `${figure(score)} (extrapolated: ${count} scores are too few to count off ${percent(rate)}${between})`;
}

export function percent(share: number): string {
  return `${Number((share * 100).toPrecision(6))} %`;
}

/** @param scores in ascending order */
export function histogram(scores: readonly number[]): string {
  const [least, most] = [scores[0] ?? 0, scores.at(-1) ?? 0];
  const counts = new Array<number>(COLUMNS).fill(0);
  for (const score of scores) {
    const place = most > least ? Math.floor(((score - least) / (most - least)) * COLUMNS) : 0;
    counts[Math.min(place, COLUMNS - 1)]! += 1;
  }
  const highest = Math.max(...counts);
  // A bar of height 0 is for no score at all: one score among a thousand still shows.
  return counts.map((count) => BARS[count === 0 ? 0 : Math.max(1, Math.round((count / highest) * 8))]).join('');
}

/** Of a score. */
export function figure(value: number): string {
  return value.toPrecision(4);
}
