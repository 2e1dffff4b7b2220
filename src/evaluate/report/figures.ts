import type { Interval } from '../bootstrap.js';
import type { Outcome } from './report.js';

export const OUTCOME_WORDS: Readonly<Record<Outcome, string>> = {
  missed: 'missed defect',
  'false alarm': 'false alarm',
  found: 'defect found',
  passed: 'good, passes',
};

/** An area under a curve. What is short of 1 is not rounded to it. */
export function area(value: number | null): string {
  if (value === null) return '–';
  return value < 1 && value >= 0.9995 ? '> 0.999' : value.toFixed(3);
}

/** An interval without width is no certainty: every draw separated the images as all of them do. */
export function areaRange({ low, high }: Interval): string {
  if (low === high) return 'no spread seen';
  return `${area(low)} to ${area(high)}`;
}

/** A share as per cent, to a tenth. */
export function percent(share: number): string {
  return `${Number((share * 100).toFixed(1))} %`;
}

export function percentRange({ low, high }: Interval): string {
  return `${percent(low)} to ${percent(high)}`;
}

/** `1 image`, `2 images`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
