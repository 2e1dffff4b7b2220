/**
 * Is anything lost between the line and the broker? Each part measures with a real mosquitto, and some with a network
 * namespace, a disk of their own (both need root, and are left out without) or strace. Writes `bench/results/delivery.json`,
 * where parts that were measured before stay.
 *
 *     node dist/bench/delivery.js [--only outages,kills-every,…] [--percent 100]
 *
 * `--percent`: how much of each part is done; the bars are for all of it.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SideglanceError } from '../src/errors.js';
import { PACKAGE_ROOT } from '../src/paths.js';
import type { SyncMode } from '../src/publish/outbox/types.js';
import { measureCommands } from './delivery/commands.js';
import { measureKills } from './delivery/kill.js';
import { measureOutages } from './delivery/outage.js';
import { measurePowerCuts } from './delivery/power-cut.js';
import { measureThroughput } from './delivery/throughput.js';
import { CommandLine } from './support/arguments.js';
import { machine } from './support/daemon.js';

const USAGE = 'usage: node dist/bench/delivery.js [--only PART,…] [--percent 1-100] [--out FILE]';

interface Part {
  /** What has to be so, with what is measured. */
  readonly bar: string;
  measure(share: number): Promise<{ readonly passed: boolean }>;
}

const NOTHING_LOST =
  'nothing lost, no stream out of order (each lane with liveFirst), every duplicate has its identity';

export const PARTS: Readonly<Record<string, Part>> = {
  outages: {
    bar: `100,000 verdicts, broker killed, cable out, half-open, slow, refusing, wrong password: ${NOTHING_LOST}`,
    measure: (share) => outages('liveFirst', share),
  },
  'outages-strict': {
    bar: `as outages, with order: strict: ${NOTHING_LOST}`,
    measure: (share) => outages('strict', share),
  },
  kills: {
    bar: '200 × kill -9 at random moments under load: no kept verdict lost, store never damaged',
    measure: (share) => kills('batched', share),
  },
  'kills-every': {
    bar: 'as kills, with sync: every',
    measure: (share) => kills('every', share),
  },
  'power-cuts': {
    bar: '500 power cuts: opens, consistent, loses 200 ms at most, gives no identity out twice',
    measure: (share) => powerCuts('batched', share),
  },
  'power-cuts-every': {
    bar: 'as power-cuts, with sync: every: loses nothing that was offered',
    measure: (share) => powerCuts('every', share),
  },
  throughput: {
    bar: '2,000 verdicts/s stored and delivered, 5,000/s after an outage, p99 at most 20 ms at 30/s',
    measure: (share) => throughput('batched', share),
  },
  'throughput-every': {
    bar: 'none: what sync: every costs',
    measure: async (share) => ({ ...(await throughput('every', share)), passed: true }),
  },
  commands: {
    bar: '1,000,000 fuzzed commands: no crash, no growth, nothing done without a valid command',
    measure: (share) =>
      measureCommands({ messages: Math.ceil(1_000_000 * share), overBroker: Math.ceil(5_000 * share) }),
  },
};

/** @param share from 0 to 1 of what the bar asks for */
function outages(order: 'liveFirst' | 'strict', share: number) {
  return measureOutages({
    order,
    verdicts: Math.ceil(100_000 * share),
    partsPerSecond: share < 0.1 ? 300 : 600,
    secondsEach: Math.max(0.4, 2 * share),
  });
}

function kills(sync: SyncMode, share: number) {
  return measureKills({ sync, kills: Math.ceil(200 * share), partsPerSecond: 500, liveMs: 400 });
}

function powerCuts(sync: SyncMode, share: number) {
  return measurePowerCuts({ sync, points: Math.ceil(500 * share), seconds: Math.max(2, 20 * share) });
}

function throughput(sync: SyncMode, share: number) {
  return measureThroughput({ sync, verdicts: Math.ceil(20_000 * share), seconds: Math.max(2, Math.round(60 * share)) });
}

/**
 * @param args as on the command line
 * @returns the exit code: 1 when a bar is missed
 */
export async function delivery(args: readonly string[], say: (text: string) => void): Promise<number> {
  const line = new CommandLine(USAGE);
  const { values } = line.parse(args, {
    only: { type: 'string' },
    percent: { type: 'string', default: '100' },
    out: { type: 'string', default: join(PACKAGE_ROOT, 'bench', 'results', 'delivery.json') },
  });
  const names = values.only === undefined ? Object.keys(PARTS) : line.names('--only', values.only, Object.keys(PARTS));
  const percent = line.whole('--percent', values.percent, 1, 100);
  const before = await readFile(values.out, 'utf8').catch(() => '{}');
  const results: Record<string, object> = { ...JSON.parse(before).parts };
  let failures = 0;
  for (const name of names) {
    const part = PARTS[name] as Part;
    const result = await part.measure(percent / 100);
    if (!result.passed) failures++;
    results[name] = { bar: part.bar, percent, machine: machine(), ...result };
    say(`${name} ${result.passed ? 'passed' : 'FAILED'}: ${JSON.stringify(result)}`);
    await mkdir(dirname(values.out), { recursive: true });
    const report = { what: 'delivery of verdicts through outages, kills and power cuts', parts: results };
    await writeFile(values.out, `${JSON.stringify(report, null, 1)}\n`);
  }
  return failures === 0 ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    process.exitCode = await delivery(process.argv.slice(2), (text) => process.stdout.write(`${text}\n`));
  } catch (thrown) {
    if (!(thrown instanceof SideglanceError)) throw thrown;
    process.stderr.write(`delivery: ${thrown.message}\n`);
    process.exitCode = 1;
  }
}
