/**
 * Whether updates are safe. Writes `bench/results/updates.json`, where parts that were measured before stay; ends with 1
 * where a bar is missed.
 *
 *     node dist/bench/updates.js [--only refusals,crashes,…] [--percent 100] [--out FILE]
 *
 * `--percent`: how much of each part is done; the bars are for all of it.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PACKAGE_ROOT } from '../src/paths.js';
import { CommandLine } from './support/arguments.js';
import { machine } from './support/daemon.js';
import { measureCrashes } from './updates/crashes.js';
import { measureDaemonKills } from './updates/daemon-kills.js';
import { measureMisbehaving } from './updates/misbehaving.js';
import { measureRefusals } from './updates/refusals.js';
import { measureShadowing } from './updates/shadowing.js';
import { measureSwitching } from './updates/switching.js';

interface Part {
  /** What has to be so. */
  readonly bar: string;
  /** @param share from 0 to 1 of what the bar asks for */
  measure(share: number): Promise<{ readonly passed: boolean }>;
}

const PARTS: Readonly<Record<string, Part>> = {
  refusals: {
    bar: '1,000 tampered bundles: none activated, each with its code, nothing touched outside the staging folder',
    measure: async (share) => judged(await measureRefusals(Math.ceil(80 * share))),
  },
  crashes: {
    bar: 'a process that updates, ended at every change that it makes on the disk: the store is whole, a model works, the lowest allowed version stays',
    measure: async (share) => judged(await measureCrashes(Math.ceil(1 / share))),
  },
  kills: {
    bar: 'a daemon, killed at random moments of an update from download to probation: it comes back with a model that works, and the update can be asked for again',
    measure: async (share) => judged(await measureDaemonKills(Math.ceil(60 * share))),
  },
  switching: {
    bar: '100 updates while 20 parts/s run: no part missed, none judged twice, p99 during a switch at most twice that before, memory, files and disk flat',
    measure: async (share) => {
      const figures = await measureSwitching(Math.ceil(100 * share), 20);
      const { missed, twice, outOfOrder, p99Ms, rssMb, openFiles, storeMb } = figures;
      const isFlat =
        rssMb.late <= 1.05 * rssMb.half && openFiles.late <= openFiles.early && storeMb.late <= 1.1 * storeMb.early;
      const passed = missed + twice + outOfOrder === 0 && p99Ms.during <= 2 * p99Ms.before && isFlat;
      return { passed, ...figures };
    },
  },
  shadowing: {
    bar: 'a model looks at 20 parts/s beside the one in use: no part missed, none judged twice',
    measure: async (share) => {
      const figures = await measureShadowing(Math.max(20, Math.ceil(600 * share)), 20);
      return { passed: figures.missed + figures.twice === 0, ...figures };
    },
  },
  misbehaving: {
    bar: 'validly signed bad models with golden samples of their own: refused or rolled back within 60 s; a wave of defects after a good update rolls nothing back',
    measure: async () => judged(await measureMisbehaving()),
  },
};

function judged<Figures extends { readonly wrong: readonly string[] }>(figures: Figures) {
  return { passed: figures.wrong.length === 0, ...figures };
}

const line = new CommandLine('usage: node dist/bench/updates.js [--only PART,…] [--percent 1-100] [--out FILE]');
const { values } = line.parse(process.argv.slice(2), {
  only: { type: 'string' },
  percent: { type: 'string', default: '100' },
  out: { type: 'string', default: join(PACKAGE_ROOT, 'bench', 'results', 'updates.json') },
});
const names = values.only === undefined ? Object.keys(PARTS) : line.names('--only', values.only, Object.keys(PARTS));
const percent = line.whole('--percent', values.percent, 1, 100);
const results = JSON.parse(await readFile(values.out, 'utf8').catch(() => '{}')) as Record<string, unknown>;
for (const name of names) {
  const { bar, measure } = PARTS[name] as Part;
  const begun = performance.now();
  const { passed, ...figures } = await measure(percent / 100);
  const seconds = Math.round((performance.now() - begun) / 100) / 10;
  const command = `node dist/bench/updates.js --only ${name} --percent ${percent}`;
  results[name] = { bar, passed, command, machine: machine(), seconds, ...figures };
  await mkdir(dirname(values.out), { recursive: true });
  await writeFile(values.out, `${JSON.stringify(results, null, 2)}\n`);
  console.log(`${passed ? 'passed' : 'MISSED'}  ${name} (${seconds} s): ${bar}\n${JSON.stringify(figures, null, 2)}`);
  if (!passed) process.exitCode = 1;
}
