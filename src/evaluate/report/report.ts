import { type ByKind, type DefectKind, leadingKind } from '../../kinds.js';
import type { Defect, ThresholdChoice, Verdict } from '../../types.js';
import type { Interval, PixelFigure } from '../bootstrap.js';
import { GOOD } from '../dataset.js';
import type { Evaluation } from '../evaluate.js';
import type { ProPoint } from '../pixel-metrics.js';

/** What was measured, and with what. */
export interface Subject {
  /** `<id>@<version>` of the bundle. */
  readonly model: string;
  readonly trainedOn: { readonly images: number; readonly steps: number };
  readonly provider: string;
  readonly threshold: {
    readonly score: number;
    readonly extrapolated: boolean;
    readonly choice: ThresholdChoice;
    /** How many scores of held-out good images the bundle holds. */
    readonly goodScores: number;
  };
  /** Version of the sideglance that measured. */
  readonly agent: string;
  readonly evaluated: Date;
}

/** An image as a page can show it. */
export interface Thumbnail {
  /** In pixels. */
  readonly width: number;
  readonly height: number;
  /** WebP. */
  readonly picture: Uint8Array;
  /** WebP: the picture with the anomaly map over it. */
  readonly heat: Uint8Array;
  /** Outline of the ground truth as SVG path data in pixels of the thumbnail; empty where there is none. */
  readonly truth: string;
}

/** A test image and what the model said of it. */
export interface ReportImage {
  /** Relative to the dataset. */
  readonly file: string;
  readonly defect: string;
  readonly verdict: Verdict['result'];
  readonly score: number;
  /** Share of good parts that would score at least as high; in (0, 1]. */
  readonly pValue: number;
  /** What each kind of evidence contributes to the map at its hottest place. */
  readonly parts: ByKind;
  /** Highest peak first, in pixels of the image. */
  readonly defects: readonly Defect[];
  readonly width: number;
  readonly height: number;
  readonly thumbnail: Thumbnail;
}

/** Everything that the page is made from. */
export interface Report {
  readonly subject: Subject;
  readonly evaluation: Evaluation;
  /** In the order of the dataset. */
  readonly images: readonly ReportImage[];
  readonly intervals: Readonly<Record<PixelFigure | 'imageAuroc', Interval | null>>;
  /** Of the image AUROC of each defect against all good images. */
  readonly perDefect: Readonly<Record<string, Interval | null>>;
  /** Up to a false positive rate of 0.3. */
  readonly proCurve: readonly ProPoint[];
}

/** Which evidence raised the alarm: that of the strongest place, or of the hottest where no place stands out. */
export function evidenceOf({ defects, parts }: ReportImage): DefectKind {
  return defects[0]?.kind ?? leadingKind(parts);
}

/** What came of an image on the line: anything but a pass is rejected. */
export type Outcome = 'missed' | 'false alarm' | 'found' | 'passed';

export function outcomeOf({ defect, verdict }: Pick<ReportImage, 'defect' | 'verdict'>): Outcome {
  if (defect === GOOD) return verdict === 'pass' ? 'passed' : 'false alarm';
  return verdict === 'pass' ? 'missed' : 'found';
}
