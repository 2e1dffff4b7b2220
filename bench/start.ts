/**
 * How long is it from the start of the daemon to its first verdict, and what does it cost while nothing comes? Starts the
 * daemon as a service manager does, with a mosquitto beside it: on the simulated line, and on the GigE Vision camera of
 * aravis where that is installed; then leaves it alone with a camera that no trigger comes to. Writes `bench/results/start.json`.
 *
 *     node dist/bench/start.js [--starts 10] [--idle 60]
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SideglanceError } from '../src/errors.js';
import { PACKAGE_ROOT } from '../src/paths.js';
import { startBroker } from './delivery/broker.js';
import { type IdleResult, measureIdle, measureStarts, type StartsResult } from './start/measure.js';
import { openTriggeredCamera, type TriggeredCamera, withGigeCamera } from './start/scenes.js';
import { CommandLine } from './support/arguments.js';
import { machine } from './support/daemon.js';

const USAGE = 'usage: node dist/bench/start.js [--starts 1-100] [--idle SECONDS] [--out FILE]';
const BARS = { firstVerdictMs: 5_000, idleShareOfCore: 0.02 } as const;

/**
 * @param args as on the command line
 * @returns the exit code: 1 when a bar is missed
 */
export async function start(args: readonly string[], say: (text: string) => void): Promise<number> {
  const line = new CommandLine(USAGE);
  const { values } = line.parse(args, {
    starts: { type: 'string', default: '10' },
    idle: { type: 'string', default: '60' },
    out: { type: 'string', default: join(PACKAGE_ROOT, 'bench', 'results', 'start.json') },
  });
  const count = line.whole('--starts', values.starts, 1, 100);
  const seconds = line.whole('--idle', values.idle, 1, 3600);
  const broker = await startBroker();
  const starts: StartsResult[] = [];
  const idle: IdleResult[] = [];
  const measure = async (name: string, camera: object) => {
    starts.push(await measureStarts({ broker, name, station: { camera }, count }));
    say(startsText(starts.at(-1) as StartsResult));
  };
  const leave = async (name: string, station: object, triggered: TriggeredCamera | null = null) => {
    idle.push(await measureIdle({ broker, name, station, triggered, seconds }));
    say(idleText(idle.at(-1) as IdleResult));
  };
  try {
    const triggered = await openTriggeredCamera();
    try {
      await leave('triggered camera', { camera: triggered.camera }, triggered);
    } finally {
      await triggered.close();
    }
    await measure('simulated line', { type: 'simulated' });
    const isThere = await withGigeCamera(async (camera) => {
      await measure('GigE camera', camera(25));
      await leave('GigE camera, a frame a second, parts on command', { camera: camera(1), trigger: 'command' });
    });
    if (!isThere) say('left out, for aravis is not installed (apt-get install aravis-tools): GigE camera');
  } finally {
    await broker.close();
  }
  const worstMs = Math.max(...starts.map(({ firstVerdictMs }) => firstVerdictMs.worst));
  const worstShare = Math.max(...idle.map(({ shareOfCore }) => shareOfCore));
  const passed = worstMs <= BARS.firstVerdictMs && worstShare <= BARS.idleShareOfCore;
  const result = {
    what: 'from the start of the daemon to its first verdict, and what it costs while no part comes',
    command: `node dist/bench/start.js --starts ${count} --idle ${seconds}`,
    machine: machine(),
    verdict: passed ? 'passed' : 'FAILED',
    bars: BARS,
    starts,
    idle,
  };
  await mkdir(dirname(values.out), { recursive: true });
  await writeFile(values.out, `${JSON.stringify(result, null, 1)}\n`);
  say(`start ${result.verdict}: ${values.out}`);
  return passed ? 0 : 1;
}

function startsText({ name, ready, firstVerdictMs, cpuSeconds }: StartsResult): string {
  const text = ({ median, worst }: StartsResult['ready']) => `${Math.round(median)} ms (worst ${Math.round(worst)})`;
  return `${name}: ready after ${text(ready)}, first verdict after ${text(firstVerdictMs)}, ${cpuSeconds.median.toFixed(2)} s of a core`;
}

function idleText({ name, shareOfCore, seconds }: IdleResult): string {
  return `${name}: ${(shareOfCore * 100).toFixed(2)} % of a core over ${seconds} s`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    process.exitCode = await start(process.argv.slice(2), (text) => process.stdout.write(`${text}\n`));
  } catch (thrown) {
    if (!(thrown instanceof SideglanceError)) throw thrown;
    process.stderr.write(`start: ${thrown.message}\n`);
    process.exitCode = 1;
  }
}
