/**
 * Does a model see as well where parts lie anywhere? Renders the simulated line with parts in a fixture and with parts
 * anywhere, trains a model on each with default settings, and one on the latter that does not look for the part. Writes
 * `bench/results/placement.json` and `.md`.
 *
 *     node dist/bench/placement.js --minutes 5 --good 300 --out bench/results/placement
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeSimulatedDataset } from '../src/capture/simulated/dataset.js';
import { SideglanceError } from '../src/errors.js';
import type { Placement } from '../src/train/placement.js';
import { measurePlacement, type PlacementFigures } from './placement/measure.js';
import { type PlacementOptions, readOptions } from './placement/options.js';
import { GOAL, placementTable, ratioOf } from './placement/report.js';
import { machine } from './support/daemon.js';
import { prepareResults, writeResults } from './support/results.js';

/** How the parts lie, and what training is told of it. */
export const CASES = [
  { name: 'aligned', parts: 'aligned', told: 'auto' },
  { name: 'anywhere', parts: 'anywhere', told: 'auto' },
  { name: 'anywhere, not located', parts: 'anywhere', told: 'aligned' },
] as const;

/**
 * Runs the script; writes the results and says how it goes.
 * @returns the exit code: 1 where the goal is missed
 * @throws SideglanceError as `readOptions`, `prepareResults`, `writeSimulatedDataset`, `train` and `evaluateModel`
 */
export async function placement(args: readonly string[], say: (text: string) => void): Promise<number> {
  const options = readOptions(args);
  await prepareResults(options.out);
  const folder = await mkdtemp(join(tmpdir(), 'sideglance-placement-'));
  const figures: Record<string, PlacementFigures> = {};
  try {
    for (const parts of ['aligned', 'anywhere'] as const) await render(options, parts, join(folder, parts));
    for (const { name, parts, told } of CASES) {
      const measured = await measurePlacement(join(folder, parts), {
        ...options,
        told,
        threads: availableParallelism(),
      });
      figures[name] = measured;
      say(`${name}: image AUROC ${measured.imageAuroc?.toFixed(4)}, AUPRO ${measured.aupro?.toFixed(4)}\n`);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
  const ratio = ratioOf(figures.anywhere!.imageAuroc, figures.aligned!.imageAuroc);
  const passed = ratio !== null && ratio >= GOAL;
  const { out, ...settings } = options;
  const text = placementTable(options, figures, machine());
  const report = { ...settings, machine: machine(), verdict: passed ? 'passed' : 'FAILED', ratio, goal: GOAL, figures };
  await writeResults(out, text, report);
  say(`\n${text}`);
  return passed ? 0 : 1;
}

async function render(
  { good, testGood, defective, pixels, seed }: PlacementOptions,
  placement: Placement,
  out: string,
): Promise<void> {
  await writeSimulatedDataset({ out, good, testGood, defective, seed, size: pixels, placement });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    process.exitCode = await placement(process.argv.slice(2), (text) => process.stdout.write(text));
  } catch (thrown) {
    if (!(thrown instanceof SideglanceError)) throw thrown;
    process.stderr.write(`placement: ${thrown.message}\n`);
    process.exitCode = 1;
  }
}
