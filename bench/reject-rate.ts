/**
 * What an extrapolated threshold keeps of its promise: for several distributions of good scores, the mean share of good
 * parts above the threshold over many calibrations, and how often the interval holds the true score.
 * Writes `bench/results/reject-rate.md`.
 *
 *     node dist/bench/reject-rate.js
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { quantileThreshold } from '../src/infer/calibration.js';
import { TAIL } from '../src/infer/tail.js';
import { PACKAGE_ROOT } from '../src/paths.js';
import { Random } from '../src/random.js';

const CALIBRATIONS = 300;
const REFERENCE = 1_000_000;
const COUNTS = [40, 100, 300] as const;
const RATES = [0.005, 0.001] as const;

const DISTRIBUTIONS: Readonly<Record<string, (random: Random) => number>> = {
  exponential: (random) => -Math.log(1 - random.uniform()),
  'gamma, shape 3': (random) => -Math.log((1 - random.uniform()) * (1 - random.uniform()) * (1 - random.uniform())),
  Gumbel: (random) => -Math.log(-Math.log(1 - random.uniform())),
  'lognormal, σ 0.5': (random) => Math.exp(0.5 * random.normal()),
  'lognormal, σ 1': (random) => Math.exp(random.normal()),
  normal: (random) => random.normal(),
  'normal, one in twenty from another': (random) => (random.chance(0.05) ? 3 + 1.5 * random.normal() : random.normal()),
};

const cases = COUNTS.flatMap((count) => RATES.map((rate) => ({ count, rate })));
const rows = Object.entries(DISTRIBUTIONS).map(([name, draw]) => {
  const random = new Random(1);
  const reference = Float64Array.from({ length: REFERENCE }, () => draw(random)).sort();
  return `| ${[name, ...cases.map(({ count, rate }) => measure(draw, reference, count, rate))].join(' | ')} |`;
});
const text = `# Extrapolated thresholds

Written by \`node dist/bench/reject-rate.js\`: ${CALIBRATIONS} calibrations a cell, judged against ${REFERENCE.toLocaleString('en')} further scores. The mean share of good
parts above the threshold, as a multiple of the rate that was asked for (1 is what was promised, less is on the safe side); behind it, from ${TAIL.leastScores} scores on,
how many of the intervals hold the true score (${TAIL.confidence * 100} % are meant to).

| good scores | ${cases.map(({ count, rate }) => `${count} scores, ${rate * 100} %`).join(' | ')} |
|---|${cases.map(() => '---|').join('')}
${rows.join('\n')}
`;
process.stdout.write(text);
await writeFile(join(PACKAGE_ROOT, 'bench', 'results', 'reject-rate.md'), text);

function measure(draw: (random: Random) => number, reference: Float64Array, count: number, rate: number): string {
  const random = new Random(count);
  const truth = reference[Math.floor(REFERENCE * (1 - rate))] as number;
  let [share, covered, intervals] = [0, 0, 0];
  for (let round = 0; round < CALIBRATIONS; round++) {
    const scores = Array.from({ length: count }, () => draw(random)).sort((a, b) => a - b);
    const { score, interval } = quantileThreshold(scores, rate);
    share += shareAbove(score, reference) / CALIBRATIONS;
    if (interval) intervals++;
    if (interval && interval.low <= truth && truth <= interval.high) covered++;
  }
  const coverage = intervals > 0 ? `, ${Math.round((100 * covered) / intervals)} %` : '';
  return `${(share / rate).toFixed(2)}${coverage}`;
}

function shareAbove(score: number, reference: Float64Array): number {
  let [low, high] = [0, reference.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (reference[middle]! <= score) low = middle + 1;
    else high = middle;
  }
  return 1 - low / reference.length;
}
