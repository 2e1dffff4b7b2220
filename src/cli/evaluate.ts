import { availableParallelism } from 'node:os';
import { readDataset } from '../evaluate/dataset.js';
import { type Evaluation, evaluateModel, type GroupMetrics } from '../evaluate/evaluate.js';
import { modelScorer } from '../evaluate/model-scorer.js';
import { ReportCollector } from '../evaluate/report/collector.js';
import { renderReport } from '../evaluate/report/page.js';
import type { Report } from '../evaluate/report/report.js';
import { Inspector } from '../infer/inspector.js';
import { AGENT_VERSION } from '../model/version.js';
import { executionChoice, type ModelOptions, thresholdOf } from './model-options.js';
import { showProgress } from './progress.js';
import { checkWritable, writeWhole } from './whole-file.js';

export interface EvaluateOptions extends ModelOptions {
  readonly dataset: string;
  /** A file for the figures, or true for standard output. */
  readonly json?: string | true;
  /** A file for the page. */
  readonly report?: string;
}

/** What `--json` writes. */
export interface EvaluationReport extends Evaluation {
  readonly model: string;
  readonly provider: string;
  readonly threshold: number;
}

/** @returns the exit code */
export async function evaluate(options: EvaluateOptions): Promise<number> {
  const { json, report } = options;
  for (const file of [json, report]) if (typeof file === 'string') await checkWritable(file);
  const { figures, page } = await measure(options);
  if (report !== undefined && page !== null) await writeWhole(report, renderReport(page));
  const text = `${JSON.stringify(figures, null, 2)}\n`;
  if (json === true) {
    process.stdout.write(text);
    return 0;
  }
  process.stdout.write(`${evaluationText(figures)}\n`);
  if (report !== undefined) process.stdout.write(`report: ${report}\n`);
  if (json !== undefined) await writeWhole(json, text);
  return 0;
}

async function measure(options: EvaluateOptions): Promise<{ figures: EvaluationReport; page: Report | null }> {
  const dataset = await readDataset(options.dataset);
  const { model, threads = availableParallelism() } = options;
  const choice = thresholdOf(options);
  const inspector = await Inspector.load(model, { ...(await executionChoice(options)), threshold: choice, threads });
  const collector = options.report === undefined ? null : new ReportCollector();
  const progress = showProgress({ title: 'evaluating', total: dataset.test.length });
  try {
    const evaluation = await evaluateModel(modelScorer(inspector), dataset, {
      onProgress: (done, _total, file) => progress.update(done, file),
      ...(collector && { onImage: (image) => collector.add(image) }),
    });
    const { provider, threshold, manifest } = inspector;
    const { trainedOn, calibration } = manifest;
    const subject = {
      model: inspector.model,
      trainedOn,
      provider,
      threshold: { ...threshold, choice, goodScores: calibration.scores.length },
      agent: AGENT_VERSION,
      evaluated: new Date(),
    };
    return {
      figures: { model: inspector.model, provider, threshold: threshold.score, ...evaluation },
      page: collector?.report(subject, evaluation) ?? null,
    };
  } finally {
    progress.stop();
    await inspector.close();
  }
}

/** The figures as a table: a line for each kind of defect, and one for all of them. */
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
