/**
 * How accurate is the method, and what do PaDiM and PatchCore reach with the same teacher, images and metrics?
 * Writes `bench/results/accuracy.json` and `.md`; FOLDER holds categories in the layout of MVTec AD.
 *
 *     node dist/bench/accuracy.js FOLDER --methods paper,padim,patchcore-s8,patchcore-s8-s16,sideglance --once paper \
 *       --categories a,b --minutes 5 --size 256 --seeds 1,2 --out bench/results/accuracy
 *
 * Every method, category and seed is measured once and kept under `<out>/cells`; a run that was interrupted goes on from
 * there. Kept figures are told apart by settings, not by code: raise `revision` in a method when its code changes.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { SideglanceError } from '../src/errors.js';
import { type Dataset, readDataset, trainingImages } from '../src/evaluate/dataset.js';
import { type CellKey, type Figures, FiguresSchema, keptOrMeasured } from './accuracy/cells.js';
import { measure } from './accuracy/measure.js';
import type { Method } from './accuracy/method.js';
import { type RunOptions, readOptions, seedsOf } from './accuracy/options.js';
import { PADIM } from './accuracy/padim.js';
import { patchCore } from './accuracy/patchcore.js';
import { accuracyTable, type Measured } from './accuracy/report.js';
import { trained } from './accuracy/sideglance.js';

const METHODS = new Map<string, Method>(
  [PADIM, patchCore(['s8']), patchCore(['s8', 's16']), trained('sideglance'), trained('paper')].map((method) => [
    method.name,
    method,
  ]),
);

try {
  const options = await readOptions(process.argv.slice(2), [...METHODS.keys()]);
  const datasets: Dataset[] = [];
  for (const category of options.categories) datasets.push(await readDataset(join(options.folder, category)));
  await writeReport(options, await measureAll(options, datasets));
} catch (thrown) {
  if (!(thrown instanceof SideglanceError)) throw thrown;
  process.stderr.write(`accuracy: ${thrown.message}\n`);
  process.exitCode = 1;
}

/** A cell that cannot be measured is left out and fails the command at its end; the others are still worth having. */
async function measureAll(options: RunOptions, datasets: readonly Dataset[]): Promise<Measured[]> {
  const jobs = options.seeds.flatMap((seed) =>
    datasets.flatMap((dataset) =>
      options.methods
        .filter((name) => seedsOf(name, options).includes(seed))
        .map((name) => ({ seed, dataset, method: METHODS.get(name)! })),
    ),
  );
  const measured: Measured[] = [];
  for (const [index, { seed, dataset, method }] of jobs.entries()) {
    const cell = { method: method.name, category: dataset.name, seed };
    process.stdout.write(`${index + 1}/${jobs.length} ${cell.method} on ${cell.category}, seed ${seed}: `);
    try {
      const { figures, kept } = await measureOne(options, dataset, method, seed);
      process.stdout.write(`${summary(figures)}${kept ? ' (kept from an earlier run)' : ''}\n`);
      measured.push({ ...cell, figures });
    } catch (thrown) {
      if (!(thrown instanceof SideglanceError)) throw thrown;
      process.stdout.write(`failed: ${thrown.message}\n`);
      process.exitCode = 1;
    }
  }
  return measured;
}

async function measureOne(
  options: RunOptions,
  dataset: Dataset,
  method: Method,
  seed: number,
): Promise<{ figures: Figures; kept: boolean }> {
  const { size, minutes, out } = options;
  const training = await trainingImages(dataset.folder);
  const key: CellKey = {
    method: method.name,
    category: dataset.name,
    images: [training.length, dataset.test.length],
    seed,
    size,
    minutes: method.takesMinutes ? minutes : null,
    settings: method.settings,
  };
  return keptOrMeasured(join(out, 'cells'), key, FiguresSchema, () =>
    measure(method, dataset, { seed, size, minutes, threads: availableParallelism() }),
  );
}

async function writeReport(options: RunOptions, measured: readonly Measured[]): Promise<void> {
  const { methods, once, categories, minutes, size, seeds, out } = options;
  const text = accuracyTable(options, measured);
  await mkdir(dirname(out), { recursive: true });
  await writeFile(`${out}.md`, text);
  const report = { methods, once, categories, minutes, size, seeds, cells: measured };
  await writeFile(`${out}.json`, `${JSON.stringify(report, null, 2)}\n`);
  process.stdout.write(`\n${text}`);
}

function summary({ imageAuroc, aupro, trainingSeconds, msPerImage }: Figures): string {
  const [image, region] = [imageAuroc, aupro].map((value) => value?.toFixed(4) ?? '–');
  return `image AUROC ${image}, AUPRO@30 % ${region}, ${trainingSeconds.toFixed(0)} s of training, ${msPerImage.toFixed(0)} ms an image`;
}
