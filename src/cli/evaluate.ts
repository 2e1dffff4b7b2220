import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { reasonOf, SideglanceError } from '../errors.js';
import { readDataset } from '../evaluate/dataset.js';
import { type Evaluation, evaluateModel, type GroupMetrics } from '../evaluate/evaluate.js';
import { modelScorer } from '../evaluate/model-scorer.js';
import { Inspector } from '../infer/inspector.js';
import { type ModelOptions, thresholdOf } from './model-options.js';
import { showProgress } from './progress.js';

export interface EvaluateOptions extends ModelOptions {
  readonly dataset: string;
  /** A file for the report, or true for standard output. */
  readonly json?: string | true;
}

/** What `--json` writes. */
export interface EvaluationReport extends Evaluation {
  readonly model: string;
  readonly provider: string;
  readonly threshold: number;
}

/** @returns the exit code */
export async function evaluate(options: EvaluateOptions): Promise<number> {
  const report = await measure(options);
  const { json } = options;
  if (json === true) {
    process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
    return 0;
  }
  process.stdout.write(`${evaluationText(report)}\n`);
  if (json !== undefined) await writeReport(json, report);
  return 0;
}

async function measure(options: EvaluateOptions): Promise<EvaluationReport> {
  const dataset = await readDataset(options.dataset);
  const { model, threads = availableParallelism(), providers, library } = options;
  const inspector = await Inspector.load(model, {
    threshold: thresholdOf(options),
    threads,
    ...(providers && { providers }),
    ...(library !== undefined && { library }),
  });
  const progress = showProgress({ title: 'evaluating', total: dataset.test.length });
  try {
    const evaluation = await evaluateModel(modelScorer(inspector), dataset, {
      onProgress: (done, _total, file) => progress.update(done, file),
    });
    const { provider, threshold } = inspector;
    return { model: inspector.model, provider, threshold: threshold.score, ...evaluation };
  } finally {
    progress.stop();
    await inspector.close();
  }
}

async function writeReport(file: string, report: EvaluationReport): Promise<void> {
  try {
    await writeFile(file, `${JSON.stringify(report, null, 2)}\n`);
  } catch (cause) {
    throw new SideglanceError('SG_STORAGE', `cannot write the report ${file}: ${reasonOf(cause)}`, { cause });
  }
}

/** The report as a table: a line for each kind of defect, and one for all of them. */
export function evaluationText(report: EvaluationReport): string {
  const groups: [string, GroupMetrics][] = [...Object.entries(report.perDefect), ['all', report]];
  const width = Math.max(...groups.map(([name]) => name.length), 'defect'.length);
  const row = (name: string, cells: readonly string[]) =>
    `${name.padEnd(width)}${cells.map((cell) => cell.padStart(13)).join('')}`;
  return [
    `${report.model} on ${report.dataset}: ${report.images} images, ${report.msPerImage.toFixed(1)} ms an image (${report.provider})`,
    '',
    row('defect', ['images', 'image AUROC', 'pixel AUROC', 'AUPRO 30 %', 'missed']),
    ...groups.map(([name, group]) =>
      row(name, [
        String(group.defective),
        figure(group.imageAuroc),
        figure(group.pixelAuroc),
        figure(group.aupro),
        group.verdicts === null ? '–' : String(group.verdicts.misses),
      ]),
    ),
    '',
    ...(report.verdicts === null
      ? []
      : [
          `at the threshold ${report.threshold.toPrecision(4)}: ${report.verdicts.falseRejects} of ${report.good} good images rejected, ${report.verdicts.misses} of ${report.defective} defective ones missed`,
        ]),
    ...report.notes.map((note) => `note: ${note}`),
  ].join('\n');
}

function figure(value: number | null): string {
  return value === null ? '–' : value.toFixed(4);
}
