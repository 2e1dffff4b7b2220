import { SideglanceError } from '../../errors.js';
import { type Calibration, type GoldenSample, type Manifest, modelName } from '../../model/manifest.js';
import type { Precision } from './precision.js';

/** What the figures of one precision are compared with, and verdicts follow from. */
export interface Measured {
  readonly golden: readonly GoldenSample[];
  readonly calibration: Calibration;
}

/**
 * How far golden figures may be off, in standard deviations of good scores, where a network computes less finely than in
 * FP32: engines of one precision differ from build to build as much as from FP32. Half precision moved scores of
 * simulated parts by 0.025 of these at most (bench/results/precision.json); the others have never been measured.
 */
const SHARES: Readonly<Record<Exclude<Precision, 'fp32'>, number>> = { tf32: 0.05, fp16: 0.05, int8: 0.25 };

/**
 * What a bundle holds about a precision.
 *
 * @param uncalibrated for measuring: FP32's figures with a tolerance that tells a network that is wrong from one that
 * computes less finely
 * @throws SideglanceError `SG_PRECISION_UNCALIBRATED` when it holds nothing
 */
export function measuredFor(manifest: Manifest, precision: Precision, uncalibrated = false): Measured {
  const { golden, calibration, precisions } = manifest;
  if (precision === 'fp32') return { golden, calibration };
  const measured = precisions?.[precision];
  if (measured !== undefined && !uncalibrated) return measured;
  if (uncalibrated) {
    const tolerance = 2 * precisionTolerance(calibration, precision);
    return { calibration, golden: golden.map((sample) => ({ ...sample, tolerance: sample.tolerance + tolerance })) };
  }
  throw new SideglanceError(
    'SG_PRECISION_UNCALIBRATED',
    `${modelName(manifest)} is not calibrated for ${precision}, and thresholds of FP32 do not hold for it. Fix: ` +
      `calibrate it on this device, with images of good parts (\`sideglance calibrate --config …\`), or set the precision to fp32`,
  );
}

export function precisionTolerance({ scores }: Calibration, precision: Exclude<Precision, 'fp32'>): number {
  const mean = scores.reduce((a, b) => a + b) / scores.length;
  const variance = scores.reduce((sum, score) => sum + (score - mean) ** 2, 0) / scores.length;
  return SHARES[precision] * Math.sqrt(variance);
}
