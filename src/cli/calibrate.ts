import type { RecalibrateOptions, Recalibration } from '../calibrate/recalibrate.js';
import { recalibrate } from '../calibrate/recalibrate.js';
import type { Threshold } from '../infer/calibration.js';
import { modelName } from '../model/manifest.js';
import type { Box } from '../types.js';
import { distribution, figure, percent, thresholdText } from './distribution.js';
import { INTERRUPTED, interruptible } from './interrupt.js';
import { DEFAULT_FALSE_REJECT_RATE, executionChoice, type RuntimeOptions } from './model-options.js';
import { type Progress, showProgress } from './progress.js';

export interface CalibrateCommandOptions extends RuntimeOptions {
  readonly images: string;
  readonly labels?: string;
  readonly assumeGood?: true;
  readonly combine?: true;
  readonly out?: string;
  readonly bundleVersion?: string;
  readonly region?: Box;
  readonly json?: true;
}

/** Missed parts that the text names; `--json` names all. */
const MISSED_NAMED = 20;

/** @returns the exit code */
export function calibrate({ json, bundleVersion, config, ...options }: CalibrateCommandOptions): Promise<number> {
  const { falseRejectRate = DEFAULT_FALSE_REJECT_RATE } = options;
  return interruptible(async (signal) => {
    try {
      const result = await withProgress({
        ...options,
        ...(await executionChoice({ ...options, ...(config !== undefined && { config }) })),
        falseRejectRate,
        ...(bundleVersion !== undefined && { version: bundleVersion }),
        signal,
      });
      process.stdout.write(
        json ? `${JSON.stringify(report(result, falseRejectRate))}\n` : text(result, falseRejectRate),
      );
      return 0;
    } catch (thrown) {
      if (!signal.aborted) throw thrown;
      process.stderr.write(`stopped; nothing was written to ${options.out ?? options.model}\n`);
      return INTERRUPTED;
    }
  });
}

async function withProgress(options: RecalibrateOptions): Promise<Recalibration> {
  let progress: Progress | null = null;
  try {
    return await recalibrate({
      ...options,
      onProgress(done, total, file) {
        progress ??= showProgress({ title: 'scoring', total });
        progress.update(done, file);
      },
    });
  } finally {
    (progress as Progress | null)?.stop();
  }
}

/** What `--json` prints. */
function report(result: Recalibration, falseRejectRate: number): object {
  const { out, previous, manifest, precision, calibration, before, after, good, failed, skipped, difference } = result;
  const { id, version } = manifest;
  return {
    bundle: out,
    id,
    version,
    previous: modelName(previous),
    precision,
    falseRejectRate,
    threshold: { before, after },
    good: { images: good.length, rejected: { before: above(good, before), after: above(good, after) } },
    failed: {
      images: failed.length,
      caught: { before: above(failed, before), after: above(failed, after) },
      missed: missed(result).map(({ file, score }) => ({ file, score })),
    },
    skipped: skipped.map(({ file, error: { code, message } }) => ({ file, error: { code, message } })),
    difference,
    calibration,
  };
}

function text(result: Recalibration, rate: number): string {
  const { out, manifest, precision, calibration, before, after, good, failed, skipped } = result;
  const [old, now] = [result.old.scores, calibration.scores];
  const images = good.length + failed.length + skipped.length;
  const combined = calibration.recalibrated?.combined ? `, ${good.length} of them new` : '';
  return [
    ...skipped.map(({ file, error }) => `skipped ${file}: ${error.message}`),
    ...(skipped.length > 0 ? [`${skipped.length} of ${images} images skipped`] : []),
    ...(precision === 'fp32' ? [] : [`calibrated for ${precision}; what holds for fp32 stays`]),
    `before: scores of ${old.length} good images: ${distribution(old)}`,
    `now:    scores of ${now.length} good images${combined}: ${distribution(now)}`,
    `threshold at a false reject rate of ${percent(rate)}`,
    `before: ${thresholdText(before, old.length, rate)}`,
    `now:    ${thresholdText(after, now.length, rate)}`,
    `of ${good.length} good images ${above(good, after)} lie above the new threshold, ${above(good, before)} above the old one`,
    ...(failed.length > 0 ? failedText(result) : []),
    ...warnings(result),
    `${modelName(manifest)} written to ${out}`,
    '',
  ].join('\n');
}

function failedText(result: Recalibration): string[] {
  const { failed, before, after } = result;
  const all = missed(result);
  const count = `of ${failed.length} failed parts ${above(failed, after)} lie above the new threshold, ${above(failed, before)} above the old one`;
  if (all.length === 0) return [count];
  const more = all.length > MISSED_NAMED ? [`  and ${all.length - MISSED_NAMED} more`] : [];
  return [
    `${count}; missed, the lowest score first:`,
    ...all.slice(0, MISSED_NAMED).map(({ file, score }) => `  ${figure(score)} ${file}`),
    ...more,
  ];
}

function warnings({ difference, manifest, calibration }: Recalibration): string[] {
  const { recalibrated } = calibration;
  const found: string[] = [];
  if (difference.large) {
    const { distance, pValue } = difference;
    const p = pValue < 1e-12 ? 'p < 1e-12' : `p = ${pValue.toPrecision(2)}`;
    found.push(
      `warning: the new scores are distributed very differently from the old ones (Kolmogorov–Smirnov distance ${figure(distance)}, ${p}). ` +
        'The threshold follows them, but parts that have changed may need a model that is trained anew.',
    );
    if (recalibrated?.combined) {
      found.push('warning: scores that differ so should not be combined: leave --combine out');
    }
  }
  if (recalibrated?.source === manifest.trainedOn.source) {
    found.push(
      `warning: the model was trained from a folder of this name, ${recalibrated.source}. Images that the training saw score too low, and so would the threshold lie`,
    );
  }
  return found;
}

/** The parts that are known to be bad and pass all the same, the worst miss first. */
function missed({ failed, after }: Recalibration): Recalibration['failed'] {
  return failed.filter(({ score }) => score <= after.score).sort((a, b) => a.score - b.score);
}

function above(parts: Recalibration['good'], { score: threshold }: Threshold): number {
  return parts.filter(({ score }) => score > threshold).length;
}
