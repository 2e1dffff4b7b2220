/**
 * Whether updates are safe: a thousand and more tampered bundles, a process that ends at every change it makes on the disk,
 * updates of a daemon while 20 parts a second run through it, and a model that looks at these parts beside the one in use.
 * Writes `bench/results/updates.json`; ends with 1 where anything was wrong.
 *
 *     node dist/bench/updates.js
 *     node dist/bench/updates.js --positions 4 --every 10 --updates 3 --shadow-parts 100 --out /tmp/updates.json
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PACKAGE_ROOT } from '../src/paths.js';
import { CommandLine } from './support/arguments.js';
import { machine } from './support/daemon.js';
import { measureCrashes } from './updates/crashes.js';
import { measureRefusals } from './updates/refusals.js';
import { measureShadowing } from './updates/shadowing.js';
import { measureSwitching } from './updates/switching.js';

const PARTS_PER_SECOND = 20;

const line = new CommandLine(
  'usage: node dist/bench/updates.js [--positions <n>] [--every <n>] [--updates <n>] [--shadow-parts <n>] [--out <file>]',
);
const { values } = line.parse(process.argv.slice(2), {
  /** In each file and each header, at which something is changed. */
  positions: { type: 'string', default: '80' },
  /** At every so manieth change of the disk the process ends. */
  every: { type: 'string', default: '1' },
  /** In a row. */
  updates: { type: 'string', default: '100' },
  /** Without a shadow, and as many with one. */
  'shadow-parts': { type: 'string', default: '600' },
  out: { type: 'string', default: join(PACKAGE_ROOT, 'bench', 'results', 'updates.json') },
});
const refusals = await measureRefusals(line.whole('--positions', values.positions, 1, 10_000));
const crashes = await measureCrashes(line.whole('--every', values.every, 1, 10_000));
const switching = await measureSwitching(line.whole('--updates', values.updates, 1, 10_000), PARTS_PER_SECOND);
const shadowing = await measureShadowing(
  line.whole('--shadow-parts', values['shadow-parts'], 20, 100_000),
  PARTS_PER_SECOND,
);
const result = {
  what: 'tampered bundles, and processes that ended while they updated; all is well where nothing was wrong',
  command: `node dist/bench/updates.js --positions ${values.positions} --every ${values.every} --updates ${values.updates} --shadow-parts ${values['shadow-parts']}`,
  machine: machine(),
  refusals,
  crashes,
  switching,
  shadowing,
};
await writeFile(values.out, `${JSON.stringify(result, null, 2)}\n`);
console.log(JSON.stringify(result, null, 2));
const wrongParts = switching.missed + switching.twice + switching.outOfOrder + shadowing.missed + shadowing.twice;
process.exitCode = refusals.wrong.length + crashes.wrong.length + wrongParts === 0 ? 0 : 1;
