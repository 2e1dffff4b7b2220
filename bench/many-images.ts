/**
 * Does memory stay bounded when there are many good images? Renders parts of the simulated line, trains on all of them and
 * reports the most memory that the process ever held. Writes `bench/results/many-images.json`.
 *
 *     node dist/bench/many-images.js --good 5000 --steps 200 --pixels 256 --out bench/results/many-images.json
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { writeSimulatedDataset } from '../src/capture/simulated/dataset.js';
import { SideglanceError } from '../src/errors.js';
import { PACKAGE_ROOT } from '../src/paths.js';
import { train } from '../src/train/train.js';
import { CommandLine } from './support/arguments.js';
import { machine } from './support/daemon.js';

const COMMAND_LINE = new CommandLine('usage: many-images [--good 5000] [--steps 200] [--pixels 256] [--out FILE]');

/** What training may hold, whatever the number of images. */
const MOST_GIB = 4;

/**
 * @returns the exit code: 1 where training held more memory than it may
 * @throws SideglanceError as `writeSimulatedDataset` and `train`; `SG_USAGE`
 */
export async function manyImages(args: readonly string[], say: (text: string) => void): Promise<number> {
  const { values, positionals } = COMMAND_LINE.parse(args, {
    good: { type: 'string', default: '5000' },
    steps: { type: 'string', default: '200' },
    pixels: { type: 'string', default: '256' },
    out: { type: 'string', default: join(PACKAGE_ROOT, 'bench', 'results', 'many-images.json') },
  });
  if (positionals.length > 0) throw COMMAND_LINE.wrong(`there is nothing to do with ${positionals.join(' ')}`);
  const good = COMMAND_LINE.whole('--good', values.good, 20, 100_000);
  const steps = COMMAND_LINE.whole('--steps', values.steps, 1, 1_000_000);
  const size = COMMAND_LINE.whole('--pixels', values.pixels, 128, 4096);
  const folder = await mkdtemp(join(tmpdir(), 'sideglance-many-images-'));
  try {
    const images = join(folder, 'images');
    await writeSimulatedDataset({ out: images, good, testGood: 0, defective: 0, seed: 7, size, placement: 'aligned' });
    const renderedGiB = peakGiB();
    say(`${good} parts rendered, ${renderedGiB.toFixed(2)} GiB so far\n`);
    const phases: { seconds: number; peakGiB: number; text: string }[] = [];
    const begun = performance.now();
    const seconds = () => Math.round((performance.now() - begun) / 1000);
    await train({
      images,
      out: join(folder, 'model'),
      seed: 1,
      steps,
      size: 256,
      threads: availableParallelism(),
      onEvent: (event) => {
        if (event.type !== 'phase') return;
        phases.push({ seconds: seconds(), peakGiB: peakGiB(), text: event.text.replaceAll(folder, '…') });
        say(`${seconds()} s, ${peakGiB().toFixed(2)} GiB: ${event.text}\n`);
      },
    });
    const most = peakGiB();
    const passed = most <= MOST_GIB;
    const report = {
      what: 'most memory (resident set) that training on many images held, and when each phase began',
      command: `node dist/bench/many-images.js --good ${good} --steps ${steps} --pixels ${size}`,
      machine: machine(),
      verdict: passed ? 'passed' : 'FAILED',
      allowedGiB: MOST_GIB,
      peakGiB: most,
      renderedGiB,
      seconds: seconds(),
      phases,
    };
    await writeFile(resolve(values.out), `${JSON.stringify(report, null, 2)}\n`);
    say(`${most.toFixed(2)} GiB at most, ${MOST_GIB} allowed: ${report.verdict}\n`);
    return passed ? 0 : 1;
  } finally {
    await rm(folder, { recursive: true });
  }
}

function peakGiB(): number {
  return Math.round((100 * process.resourceUsage().maxRSS) / 2 ** 20) / 100;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    process.exitCode = await manyImages(process.argv.slice(2), (text) => process.stdout.write(text));
  } catch (thrown) {
    if (!(thrown instanceof SideglanceError)) throw thrown;
    process.stderr.write(`many-images: ${thrown.message}\n`);
    process.exitCode = 1;
  }
}
