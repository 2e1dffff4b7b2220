/**
 * What does each part of the method contribute? Trains one model a category and evaluates it with one thing changed at a
 * time (`ablation/variants.ts`). Writes `bench/results/ablation.json` and `.md`; FOLDER holds categories in the layout of
 * MVTec AD.
 *
 *     node dist/bench/ablation.js FOLDER --categories a,b,c --minutes 5 --size 256 --seed 1 --out bench/results/ablation
 *
 * Every category is measured once and kept under `<out>/cells`; a run that was interrupted goes on from there.
 */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SideglanceError } from '../src/errors.js';
import { type Dataset, readDataset, trainingImages } from '../src/evaluate/dataset.js';
import { AGENT_VERSION } from '../src/model/version.js';
import { TRAINING, type trainModel } from '../src/train/model.js';
import { POSITION } from '../src/train/position/norm.js';
import { type Ablation, AblationSchema, ablate } from './ablation/measure.js';
import { type AblationOptions, readOptions } from './ablation/options.js';
import { ablationTable, type Measured } from './ablation/report.js';
import { AS_IT_IS, VARIANTS } from './ablation/variants.js';
import { type CellKey, keptOrMeasured } from './accuracy/cells.js';
import { prepareResults, writeResults } from './support/results.js';

/** Grows when code changes what comes out: kept figures are told apart by settings, not by code. */
const REVISION = 1;

export interface AblationHooks {
  readonly say: (text: string) => void;
  /** `trainModel` when left out. */
  readonly train?: typeof trainModel;
}

/**
 * Runs the script; writes the results and says how it goes.
 * @returns the exit code
 * @throws SideglanceError as `readOptions`, `readDataset` and `prepareResults`, before anything is trained
 */
export async function ablation(args: readonly string[], { say, train }: AblationHooks): Promise<number> {
  const options = await readOptions(args);
  const datasets: Dataset[] = [];
  for (const category of options.categories) datasets.push(await readDataset(join(options.folder, category)));
  await prepareResults(options.out);
  const measured: Measured[] = [];
  for (const dataset of datasets) {
    say(`${dataset.name}: `);
    try {
      const { figures, kept } = await measureOne(options, dataset, { say, ...(train && { train }) });
      measured.push({ category: dataset.name, figures });
      say(`${summary(figures)}${kept ? ' (kept from an earlier run)' : ''}\n`);
    } catch (thrown) {
      // The other categories are still worth having.
      if (!(thrown instanceof SideglanceError)) throw thrown;
      say(`failed: ${thrown.message}\n`);
    }
  }
  const text = ablationTable(options, measured);
  const { folder: _, out, ...settings } = options;
  await writeResults(out, text, { ...settings, categories: measured });
  say(`\n${text}`);
  return measured.length === datasets.length ? 0 : 1;
}

async function measureOne(
  { seed, size, minutes, steps, out }: AblationOptions,
  dataset: Dataset,
  { say, ...hooks }: AblationHooks,
): Promise<{ figures: Ablation; kept: boolean }> {
  const training = await trainingImages(dataset.folder);
  const budget = steps === undefined ? { minutes } : { steps };
  const key: CellKey = {
    method: 'ablation',
    category: dataset.name,
    images: [training.length, dataset.test.length],
    seed,
    size,
    minutes: steps === undefined ? minutes : null,
    settings: {
      revision: REVISION,
      version: AGENT_VERSION,
      ...budget,
      training: TRAINING,
      position: POSITION,
      VARIANTS,
    },
  };
  const threads = availableParallelism();
  return keptOrMeasured(join(out, 'cells'), key, AblationSchema, () =>
    ablate(dataset, { seed, size, ...budget, threads, ...hooks, onVariant: () => say('.') }),
  );
}

function summary({ variants, trainingSeconds }: Ablation): string {
  const { imageAuroc, aupro } = variants[AS_IT_IS.name]!;
  const [image, region] = [imageAuroc, aupro].map((value) => value?.toFixed(4) ?? '–');
  return ` image AUROC ${image}, AUPRO@30 % ${region} as it is, ${trainingSeconds.toFixed(0)} s of training`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    process.exitCode = await ablation(process.argv.slice(2), { say: (text) => process.stdout.write(text) });
  } catch (thrown) {
    if (!(thrown instanceof SideglanceError)) throw thrown;
    process.stderr.write(`ablation: ${thrown.message}\n`);
    process.exitCode = 1;
  }
}
