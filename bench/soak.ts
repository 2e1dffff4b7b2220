/**
 * Does it go on? Runs the daemon for hours with all that is around it (two simulated lines, the GigE Vision camera of aravis
 * where that is installed, a mosquitto, readers of `/metrics` and `/health`), breaks one thing after the other, and looks at
 * memory, handles, threads, latency, event loops, and whether a verdict was lost. Writes `bench/results/soak.json`, also
 * while it runs; Ctrl-C ends it early, with its result.
 *
 *     node dist/bench/soak.js --minutes 120 --rate 2
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SideglanceError } from '../src/errors.js';
import { PACKAGE_ROOT } from '../src/paths.js';
import { runSoak, type SoakResult } from './soak/run.js';
import { CommandLine } from './support/arguments.js';
import { machine } from './support/daemon.js';

const USAGE = 'usage: node dist/bench/soak.js [--minutes N] [--rate PARTS_PER_SECOND] [--out FILE]';

/**
 * @param args as on the command line
 * @returns the exit code: 1 when a bar is missed
 */
export async function soak(args: readonly string[], say: (text: string) => void): Promise<number> {
  const line = new CommandLine(USAGE);
  const { values } = line.parse(args, {
    minutes: { type: 'string', default: '120' },
    rate: { type: 'string', default: '2' },
    out: { type: 'string', default: join(PACKAGE_ROOT, 'bench', 'results', 'soak.json') },
  });
  const minutes = line.minutes(values.minutes);
  const partsPerSecond = line.whole('--rate', values.rate, 1, 100);
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  await mkdir(dirname(values.out), { recursive: true });
  const write = async (result: SoakResult) => {
    const report = {
      what: 'the daemon over hours, with what can break broken in turn',
      command: `node dist/bench/soak.js --minutes ${minutes} --rate ${partsPerSecond}`,
      machine: machine(),
      ...result,
    };
    await writeFile(values.out, `${JSON.stringify(report, null, 1)}\n`);
  };
  const result = await runSoak({ minutes, partsPerSecond, say, onInterim: write, signal: stop.signal });
  await write(result);
  for (const { what, most, measured, met } of result.bars) {
    const verdict = met === null ? 'not measured' : met ? 'met' : 'MISSED';
    say(`${what}: ${measured === null ? '–' : Number(measured.toPrecision(3))}, at most ${most}: ${verdict}`);
  }
  say(`soak ${result.verdict}: ${values.out}`);
  return result.verdict === 'FAILED' ? 1 : 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    process.exitCode = await soak(process.argv.slice(2), (text) => process.stdout.write(`${text}\n`));
  } catch (thrown) {
    if (!(thrown instanceof SideglanceError)) throw thrown;
    process.stderr.write(`soak: ${thrown.message}\n`);
    process.exitCode = 1;
  }
}
