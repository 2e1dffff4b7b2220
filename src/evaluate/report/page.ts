import { GOOD } from '../dataset.js';
import { proChart, rocChart } from './curves.js';
import { counted } from './figures.js';
import { FILTER_SCRIPT, filterForm } from './filter.js';
import { gallery, galleryLegend, kindStyle } from './gallery.js';
import { histogram } from './histogram.js';
import { html, Markup } from './markup.js';
import type { Report } from './report.js';
import { STYLE } from './style.js';
import { defectTable, figures, subjectList } from './tables.js';

/** Nothing is loaded from anywhere, also where a part of the page were not what it should be. */
const POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/** The report as one HTML page that needs nothing beside it: pictures, style and script are in it. */
export function renderReport(report: Report): string {
  const { subject, evaluation, images } = report;
  const title = `${subject.model} on ${evaluation.dataset}`;
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<meta name="color-scheme" content="light dark"/>
<meta http-equiv="Content-Security-Policy" content="${POLICY}"/>
<meta name="generator" content="sideglance ${subject.agent}"/>
<title>${title}: evaluation</title>
<style>${new Markup(STYLE + kindStyle())}</style>
</head>
<body>
<header>
<h1>Evaluation of ${title}</h1>
<p class="lead">${summary(report)}</p>
</header>
<main>
<section aria-labelledby="figures"><h2 id="figures">Figures</h2>
${figures(report)}
${notes(report)}</section>
<section aria-labelledby="subject"><h2 id="subject">What was measured</h2>
<div class="panel">${subjectList(report)}</div></section>
<section aria-labelledby="scores"><h2 id="scores">Scores and curves</h2>
<div class="charts">${charts(report)}</div></section>
<section aria-labelledby="defects"><h2 id="defects">Kinds of defect</h2>
${defectTable(report) ?? html`<p class="quiet">There are no defective test images.</p>`}</section>
<section aria-labelledby="images"><h2 id="images">Every image</h2>
<p>Left the image, right the anomaly map over it. p is the share of good parts that would score at least as high. Solid boxes are defects, dashed ones places that stand out in an image that passes. A place is named after the evidence that contributes most to its scores, with its share.</p>
${galleryLegend()}
${filterForm(images)}
${gallery(images)}</section>
</main>
<footer><p>Made by sideglance ${subject.agent}. This page holds everything it shows and loads nothing.</p></footer>
<script>${new Markup(FILTER_SCRIPT)}</script>
</body>
</html>
`;
  return page.text;
}

function summary({ evaluation }: Report): string {
  const { good, defective, verdicts } = evaluation;
  const found = defective - (verdicts?.misses ?? 0);
  const parts = [
    ...(defective > 0 ? [`${found} of ${counted(defective, 'defective image')} found`] : []),
    ...(good > 0 ? [`${verdicts?.falseRejects ?? 0} of ${counted(good, 'good image')} rejected`] : []),
  ];
  return `${parts.join(', ')}.`;
}

/** What a reader should know of the figures: the evaluation's notes, and why an interval is missing. */
function notes({ evaluation, intervals }: Report): Markup | null {
  const names = { pixelAuroc: 'pixel AUROC', aupro: 'AUPRO 30 %', aupro05: 'AUPRO 5 %' } as const;
  const missing = (['pixelAuroc', 'aupro', 'aupro05'] as const).filter(
    (figure) => evaluation[figure] !== null && intervals[figure] === null,
  );
  const all = [
    ...evaluation.notes,
    ...missing.map(
      (figure) =>
        `no interval of the ${names[figure]}: the scores lie too close together for the bins that images are drawn in`,
    ),
  ];
  return all.length === 0 ? null : html`<ul class="notes">${all.map((note) => html`<li>${note}</li>`)}</ul>`;
}

function charts({ evaluation, images, subject, proCurve }: Report): Markup {
  const good = images.filter(({ defect }) => defect === GOOD).map(({ score }) => score);
  const defective = images.filter(({ defect }) => defect !== GOOD).map(({ score }) => score);
  const { score: threshold } = subject.threshold;
  const panel = (title: string, drawn: Markup | null, missing: string): Markup =>
    html`<div class="panel"><h3>${title}</h3>${drawn ?? html`<p class="quiet">${missing}</p>`}</div>
`;
  return html`<div class="panel full"><h3>Scores of good and defective images</h3>${histogram(good, defective, threshold)}<p class="quiet">Red with an outline: images on the wrong side of the threshold.</p></div>
${panel(
  'ROC curve over images',
  rocChart(good, defective, threshold, evaluation.imageAuroc),
  'It needs good and defective test images.',
)}${panel(
  'Per-region overlap (PRO) over pixels',
  proChart(proCurve, evaluation.aupro, evaluation.aupro05),
  'It needs test images with a defect that is marked.',
)}`;
}
