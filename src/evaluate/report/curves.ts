import { rocCurve } from '../metrics.js';
import type { ProPoint } from '../pixel-metrics.js';
import { axisBelow, axisLeft, chart, linearScale, type Plot, polyline, xOf, yOf } from './chart.js';
import { area, percent } from './figures.js';
import { html, type Markup } from './markup.js';

const SIZE = { width: 520, height: 400 };
const PLOT: Plot = { left: 62, top: 44, width: 430, height: 300 };
const SHARES = linearScale(0, 1, 5, percent);
/** The false positive rates that AUPRO is measured up to. */
const PRO_LIMIT = 0.3;
const PRO_STRICT = 0.05;

/** The ROC curve over images with the point where the threshold lies; null without good or defective images. */
export function rocChart(
  good: readonly number[],
  defective: readonly number[],
  threshold: number,
  auroc: number | null,
): Markup | null {
  const curve = rocCurve(good, defective);
  if (curve.length === 0) return null;
  const line = polyline(
    curve.map(({ falsePositiveRate, truePositiveRate }) => [xOf(PLOT, falsePositiveRate), yOf(PLOT, truePositiveRate)]),
  );
  const share = (scores: readonly number[]): number =>
    scores.filter((score) => score > threshold).length / scores.length;
  const at = { x: share(good), y: share(defective) };
  const words = `${percent(at.y)} of defective and ${percent(at.x)} of good images rejected`;
  const anchor = at.x > 0.5 ? 'end' : 'start';
  // The label stands below the curve, and never below the plot.
  const labelY = Math.min(PLOT.top + PLOT.height - 90, Number(yOf(PLOT, at.y)) + 34);
  const labelX = Number(xOf(PLOT, at.x)) + (anchor === 'end' ? -12 : 14);
  return chart(
    { id: 'roc', ...SIZE, description: `ROC curve over images, area ${area(auroc)}. At the threshold ${words}.` },
    html`${axisLeft(PLOT, SHARES, 'defective images rejected')}${axisBelow(PLOT, SHARES, 'good images rejected')}
<path class="fill" d="${line}L${xOf(PLOT, 1)} ${yOf(PLOT, 0)}Z"/>
<path class="chance" d="M${xOf(PLOT, 0)} ${yOf(PLOT, 0)}L${xOf(PLOT, 1)} ${yOf(PLOT, 1)}"/>
<path class="curve" d="${line}"/>
<circle class="operating" cx="${xOf(PLOT, at.x)}" cy="${yOf(PLOT, at.y)}" r="6"/>
<text class="note strong" x="${labelX}" y="${labelY}" text-anchor="${anchor}">at the threshold</text>
<text class="note" x="${labelX}" y="${labelY + 19}" text-anchor="${anchor}">${percent(at.y)} of defective rejected</text>
<text class="note" x="${labelX}" y="${labelY + 38}" text-anchor="${anchor}">${percent(at.x)} of good rejected</text>
<text class="note strong" x="${xOf(PLOT, 1)}" y="${yOf(PLOT, 0.06)}" dx="-10" text-anchor="end">AUROC ${area(auroc)}</text>`,
  );
}

/** The per-region overlap up to 30 % false positive rate; null where there are no regions. */
export function proChart(curve: readonly ProPoint[], aupro: number | null, aupro05: number | null): Markup | null {
  if (curve.length === 0) return null;
  const rates = linearScale(0, PRO_LIMIT, 6, percent);
  const line = polyline(
    curve.map(({ falsePositiveRate, overlap }) => [xOf(PLOT, rates.share(falsePositiveRate)), yOf(PLOT, overlap)]),
  );
  const strict = xOf(PLOT, rates.share(PRO_STRICT));
  return chart(
    {
      id: 'pro',
      ...SIZE,
      description: `Per-region overlap over the false positive rate of pixels: area ${area(aupro)} up to 30 %, ${area(aupro05)} up to 5 %.`,
    },
    html`${axisLeft(PLOT, SHARES, 'overlap with defective regions')}${axisBelow(PLOT, rates, 'good pixels marked')}
<path class="fill" d="${line}L${xOf(PLOT, 1)} ${yOf(PLOT, 0)}L${xOf(PLOT, 0)} ${yOf(PLOT, 0)}Z"/>
<path class="limit" d="M${strict} ${PLOT.top}V${PLOT.top + PLOT.height}"/>
<path class="curve" d="${line}"/>
<text class="note strong" x="${strict}" y="${yOf(PLOT, 0.06)}" dx="8">5 %: ${area(aupro05)}</text>
<text class="note strong" x="${xOf(PLOT, 1)}" y="${yOf(PLOT, 0.06)}" dx="-10" text-anchor="end">AUPRO 30 %: ${area(aupro)}</text>`,
  );
}
