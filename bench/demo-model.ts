/**
 * How well does the shipped demo model see? Renders fresh parts of the simulated line, 100 good and 100 defective for each
 * seed, none of which the model was trained on, and evaluates `models/demo` on them. Writes `bench/results/demo-model.json`.
 *
 *     node dist/bench/demo-model.js
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { writeSimulatedDataset } from '../src/capture/simulated/dataset.js';
import { readDataset } from '../src/evaluate/dataset.js';
import { evaluateModel } from '../src/evaluate/evaluate.js';
import { modelScorer } from '../src/evaluate/model-scorer.js';
import { Inspector } from '../src/infer/inspector.js';
import { PACKAGE_ROOT } from '../src/paths.js';
import { machine } from './support/daemon.js';

/** None of them is the seed of the parts that the model was trained from (models/README.md). */
const SEEDS = [101, 102, 103] as const;
const PARTS = { good: 1, testGood: 100, defective: 100 } as const;
const LEAST_AUROC = 0.99;

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: join(PACKAGE_ROOT, 'models', 'demo') },
    out: { type: 'string', default: join(PACKAGE_ROOT, 'bench', 'results', 'demo-model.json') },
  },
});

const inspector = await Inspector.load(resolve(values.model), { threshold: { falseRejectRate: 0.005 }, threads: 2 });
const sets = [];
for (const seed of SEEDS) {
  const folder = await mkdtemp(join(tmpdir(), 'sideglance-demo-'));
  await writeSimulatedDataset({ out: folder, seed, size: 512, placement: 'aligned', ...PARTS });
  const { imageAuroc, pixelAuroc, aupro, verdicts, perDefect } = await evaluateModel(
    modelScorer(inspector),
    await readDataset(folder),
  );
  await rm(folder, { recursive: true });
  const byDefect = Object.fromEntries(Object.entries(perDefect).map(([kind, group]) => [kind, group.imageAuroc]));
  sets.push({ seed, imageAuroc, pixelAuroc, aupro, verdicts, byDefect });
  console.log(`seed ${seed}: image AUROC ${imageAuroc}, pixel AUROC ${pixelAuroc}, AUPRO ${aupro}`);
}
await inspector.close();
const meanAuroc = sets.reduce((sum, { imageAuroc }) => sum + (imageAuroc ?? 0), 0) / sets.length;
const passed = meanAuroc >= LEAST_AUROC;
const result = {
  what: 'models/demo on freshly simulated parts, 100 good and 100 defective for each seed',
  command: 'node dist/bench/demo-model.js',
  machine: machine(),
  verdict: passed ? 'passed' : 'FAILED',
  meanImageAuroc: meanAuroc,
  leastImageAuroc: LEAST_AUROC,
  sets,
};
await writeFile(values.out, `${JSON.stringify(result, null, 2)}\n`);
console.log(`${result.verdict}: mean image AUROC ${meanAuroc.toFixed(4)}`);
process.exitCode = passed ? 0 : 1;
