import { readable } from '../../encode/drawing.js';
import { DEFECT_KINDS, type DefectKind } from '../../kinds.js';
import { BOOTSTRAP, type Interval, shareInterval } from '../bootstrap.js';
import { GOOD } from '../dataset.js';
import type { GroupMetrics } from '../evaluate.js';
import { area, areaRange, counted, percent, percentRange } from './figures.js';
import { html, type Markup } from './markup.js';
import { evidenceOf, type Report, type ReportImage, type Subject } from './report.js';

/** The main figures with their intervals. */
export function figures({ evaluation, intervals, perDefect }: Report): Markup {
  const { imageAuroc, pixelAuroc, aupro, aupro05, good, defective, verdicts } = evaluation;
  const areas: readonly (readonly [name: string, meaning: string, value: number | null, Interval | null])[] = [
    ['Image AUROC', 'good from defective images', imageAuroc, intervals.imageAuroc],
    ['Pixel AUROC', 'good from defective pixels', pixelAuroc, intervals.pixelAuroc],
    ['AUPRO 30 %', 'overlap with defective regions', aupro, intervals.aupro],
    ['AUPRO 5 %', 'the same at few false pixels', aupro05, intervals.aupro05],
  ];
  const falseAlarms = verdicts?.falseRejects ?? 0;
  const misses = verdicts?.misses ?? 0;
  const spreadless = Object.values({ ...intervals, ...perDefect }).some(
    (each) => each !== null && each.low === each.high,
  );
  return html`<div class="tiles">
${share('Missed defects', misses, defective, 'defective')}${share('False alarms', falseAlarms, good, 'good')}${areas.map(
  ([name, meaning, value, interval]) => html`<div class="tile"><h3>${name}</h3><p class="value">${area(value)}</p>
<p class="interval">${value === null ? 'not measurable' : interval === null ? 'no interval, see the notes' : areaRange(interval)}</p><p class="quiet">${meaning}</p></div>
`,
)}</div>
<p class="quiet">Below each figure its ${percent(BOOTSTRAP.confidence)} confidence interval: for areas by bootstrap over images (${BOOTSTRAP.draws} draws, good and defective apart, seed ${BOOTSTRAP.seed}), for shares after Wilson.${
    spreadless
      ? ' “No spread seen”: every draw separates the images as all of them do, which says little where they are few.'
      : null
  }</p>`;
}

function share(name: string, count: number, of: number, what: string): Markup {
  const interval = shareInterval(count, of);
  return html`<div class="tile ${count > 0 ? 'wrong' : ''}"><h3>${name}</h3><p class="value">${interval === null ? '–' : count} <small>of ${of}</small></p>
<p class="interval">${interval === null ? `no ${what} test images` : percentRange(interval)}</p><p class="quiet">${interval === null ? 'not measurable' : `${percent(count / of)} of ${what} images`}</p></div>
`;
}

/** A line for each kind of defect, and one for all of them; null where there are none. */
export function defectTable({ evaluation, perDefect, intervals, images }: Report): Markup | null {
  if (evaluation.defective === 0) return null;
  const row = (name: string, group: GroupMetrics, interval: Interval | null, own: readonly ReportImage[]) => {
    const alarms = own.filter(({ verdict }) => verdict !== 'pass');
    const raisedBy = (kind: DefectKind): number => alarms.filter((image) => evidenceOf(image) === kind).length;
    const missed = own.length - alarms.length;
    return html`<tr><th scope="row">${name}</th><td>${own.length}</td><td class="${missed > 0 ? 'wrong' : ''}">${missed}</td>${DEFECT_KINDS.map((kind) => html`<td>${raisedBy(kind)}</td>`)}<td>${area(group.imageAuroc)}</td><td class="quiet">${interval === null ? '–' : areaRange(interval)}</td><td>${area(group.pixelAuroc)}</td><td>${area(group.aupro)}</td><td>${area(group.aupro05)}</td></tr>
`;
  };
  return html`<div class="wide" role="region" aria-label="Figures for each kind of defect" tabindex="0"><table>
<thead><tr><th scope="col" rowspan="2">defect</th><th scope="col" rowspan="2">images</th><th scope="col" rowspan="2">missed</th><th scope="colgroup" colspan="${DEFECT_KINDS.length}">alarm raised by</th><th scope="colgroup" colspan="2">image AUROC</th><th scope="col" rowspan="2">pixel AUROC</th><th scope="col" rowspan="2">AUPRO 30 %</th><th scope="col" rowspan="2">AUPRO 5 %</th></tr>
<tr>${DEFECT_KINDS.map((kind) => html`<th scope="col">${kind}</th>`)}<th scope="col">value</th><th scope="col">${percent(BOOTSTRAP.confidence)} interval</th></tr></thead>
<tbody>${Object.entries(evaluation.perDefect).map(([name, group]) =>
    row(
      name,
      group,
      perDefect[name] ?? null,
      images.filter(({ defect }) => defect === name),
    ),
  )}</tbody>
<tfoot>${row(
    'all defects',
    evaluation,
    intervals.imageAuroc,
    images.filter(({ defect }) => defect !== GOOD),
  )}</tfoot>
</table></div>`;
}

/** What was measured, how and when. */
export function subjectList(report: Report): Markup {
  const { subject, evaluation } = report;
  const entries: readonly (readonly [string, string])[] = [
    [
      'Model',
      `${subject.model}, trained on ${counted(subject.trainedOn.images, 'good image')} in ${counted(subject.trainedOn.steps, 'step')}`,
    ],
    [
      'Dataset',
      `${evaluation.dataset}: ${counted(evaluation.images, 'test image')}, ${evaluation.good} good and ${evaluation.defective} defective`,
    ],
    ['Threshold', `${readable(subject.threshold.score)}; a higher score fails. ${thresholdText(subject.threshold)}`],
    [
      'Time',
      `${evaluation.msPerImage.toFixed(1)} ms an image (median), from pixels to score and map, on ${subject.provider}`,
    ],
    [
      'Measured',
      `${subject.evaluated.toISOString().slice(0, 16).replace('T', ' ')} UTC with sideglance ${subject.agent}`,
    ],
  ];
  return html`<dl>${entries.map(([name, text]) => html`<dt>${name}</dt><dd>${text}</dd>`)}</dl>`;
}

function thresholdText({ choice, goodScores, extrapolated }: Subject['threshold']): string {
  if ('score' in choice) return 'It was set by hand.';
  const rate = percent(choice.falseRejectRate);
  const base = `the ${goodScores} scores of good images that the model had not seen`;
  return extrapolated
    ? `It is to reject ${rate} of good parts; ${base} are too few for that rate, so it was extrapolated and the rate is an estimate.`
    : `It is to reject at most ${rate} of good parts, by ${base}.`;
}
