/**
 * What the alarms of `src/service/alarms` cost and bring, on simulated lines: false alarms while all is well, and how
 * many parts pass from a change to its alarm. It does not depend on the machine. Writes `bench/results/alarms.md`.
 *
 *     node dist/bench/alarms.js
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AlarmsSchema } from '../src/config/alarms.js';
import { PACKAGE_ROOT } from '../src/paths.js';
import { REJECTS } from '../src/service/alarms/reject-rate.js';
import { DRIFT } from '../src/service/alarms/score-drift.js';
import {
  type Delay,
  driftDelay,
  driftFalseAlarms,
  type FalseAlarms,
  rejectDelay,
  rejectFalseAlarms,
} from './alarms/measure.js';
import { PROCESSES } from './alarms/processes.js';

const { partsPerFalseAlarm } = AlarmsSchema.parse({});
const LIMIT = Math.log(partsPerFalseAlarm);
const RUNS = 200;
const PARTS_A_RUN = 50_000;
const DELAY_RUNS = 200;
const MOST_PARTS = 20_000;
const SHIFTS = [0.5, 0.75, 1, 1.5, 2] as const;
/** One deviation, reached after so many parts. */
const RAMP = 10_000;
const SHORT_LIMITS = [1_000, 10_000, 100_000] as const;
const PLAY = ['lots of 1,000, means ± 0.2', 'lots of 200, means ± 0.3'] as const;
const OTHER_SHIFTS = [1.5, 2, 2.5] as const;
const RATES = [0, 0.001, 0.01, 0.05, 0.2] as const;
const TIMES = [1.5, 2, 3, 5] as const;
const LEAST_RAISED = 0.01;

const whole = (value: number) => Math.round(value).toLocaleString('en');
const percent = (share: number) => `${Number((100 * share).toPrecision(2))} %`;

const processRows = Object.entries(PROCESSES).map(([name, process]) => {
  const shifted = SHIFTS.map((shift) => delayText(driftDelay(process, () => shift, DELAY_RUNS, MOST_PARTS, LIMIT)));
  const ramp = driftDelay(process, (part) => Math.min(1, part / RAMP), DELAY_RUNS, MOST_PARTS, LIMIT);
  const down = driftDelay(process, () => -1, DELAY_RUNS, MOST_PARTS, LIMIT);
  const wrong = falseText(driftFalseAlarms(process, RUNS, PARTS_A_RUN, LIMIT));
  return `| ${[name, wrong, ...shifted, delayText(down), delayText(ramp)].join(' | ')} |`;
});

const playRows = PLAY.flatMap((name) =>
  OTHER_SHIFTS.map((shift) => {
    const settings = { ...DRIFT, shift };
    const process = PROCESSES[name]!;
    const wrong = falseText(driftFalseAlarms(process, RUNS, PARTS_A_RUN, LIMIT, settings));
    const delays = [1, 1.5, 2].map((by) =>
      delayText(driftDelay(process, () => by, DELAY_RUNS, MOST_PARTS, LIMIT, settings)),
    );
    return `| ${[name, shift, wrong, ...delays].join(' | ')} |`;
  }),
);

const shortRows = SHORT_LIMITS.map((parts) => {
  const drift = driftFalseAlarms(PROCESSES['independent, normal']!, RUNS, PARTS_A_RUN, Math.log(parts));
  const rejects = rejectFalseAlarms(0.02, RUNS, PARTS_A_RUN, Math.log(parts));
  const between = ({ parts: all, alarms }: FalseAlarms) =>
    alarms === 0 ? `more than ${whole(all)}` : whole(all / alarms);
  return `| ${whole(parts)} | ${between(drift)} | ${between(rejects)} |`;
});

const rateRows = RATES.map((rate) => {
  const raised = TIMES.map((times) => Math.max(LEAST_RAISED, rate) * times);
  const cells = raised.map(
    (to) => `${percent(to)}: ${delayText(rejectDelay(rate, to, DELAY_RUNS, MOST_PARTS, LIMIT))}`,
  );
  return `| ${[percent(rate), falseText(rejectFalseAlarms(rate, RUNS, PARTS_A_RUN, LIMIT)), ...cells].join(' | ')} |`;
});

const text = `# Alarms

Written by \`node dist/bench/alarms.js\`. Simulated lines, ${whole(partsPerFalseAlarm)} parts for a false alarm (\`partsPerFalseAlarm\`, the default).
False alarms: in ${RUNS} runs of ${whole(PARTS_A_RUN)} parts each after what was learnt, ${whole(RUNS * PARTS_A_RUN)} parts in all. Delays: parts from the change to the
alarm, median and, behind it, what nine of ten of ${DELAY_RUNS} runs stay within; "–" where that is more than ${whole(MOST_PARTS)}.

## Scores

Means of ${DRIFT.batch} scores, learnt from ${whole(DRIFT.batch * DRIFT.learnt)} parts; a shift of ${DRIFT.shift} deviations is looked for (\`scoreShift\`, the default), so half of
it is meant to pass. Scores have a mean of 0 and a deviation of 1 within a lot; parts above ${percent(0.005)} of the normal distribution fail and
are not looked at. Shifts are in the same deviations.

| line | false alarms | ${SHIFTS.map((shift) => `shift ${shift}`).join(' | ')} | shift −1 | 1 reached in ${whole(RAMP)} parts |
|---|---|${SHIFTS.map(() => '---|').join('')}---|---|
${processRows.join('\n')}

Lots that differ are shifts, and one lot in so many lies far off. Where that is normal, \`scoreShift\` is to be larger:

| line | \`scoreShift\` | false alarms | shift 1 | shift 1.5 | shift 2 |
|---|---|---|---|---|---|
${playRows.join('\n')}

## Rejects

Learnt from ${whole(REJECTS.learnt)} to ${whole(REJECTS.learntAtMost)} parts (\`rejectRate: auto\`); the change comes after the latter.

| normal rate | false alarms | ${TIMES.map((times) => `${times} times ¹`).join(' | ')} |
|---|---|${TIMES.map(() => '---|').join('')}
${rateRows.join('\n')}

¹ of the normal rate, or of ${percent(LEAST_RAISED)} where that is more.

## What \`partsPerFalseAlarm\` promises

Parts between two false alarms, with limits so low that there are some: independent normal scores, and 2 % rejects. What is normal was learnt
in each run, as it would be.

| promised | score-high and score-low together | reject-rate |
|---|---|---|
${shortRows.join('\n')}
`;
process.stdout.write(text);
await writeFile(join(PACKAGE_ROOT, 'bench', 'results', 'alarms.md'), text);

function falseText({ alarms, runsWithOne, runs }: FalseAlarms): string {
  return alarms === 0 ? 'none' : `${alarms}, in ${runsWithOne} of ${runs} runs`;
}

function delayText({ median, most }: Delay): string {
  const one = (parts: number) => (Number.isFinite(parts) ? whole(parts) : '–');
  return `${one(median)} (${one(most)})`;
}
