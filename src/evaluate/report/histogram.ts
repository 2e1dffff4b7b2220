import { readable } from '../../encode/drawing.js';
import { axisBelow, chart, linearScale, logScale, type Plot, type Scale, xOf } from './chart.js';
import { counted } from './figures.js';
import { html, type Markup } from './markup.js';

/** Bars over the whole range of scores. */
const BARS = 48;
/** Where the highest score is this many times the lowest, only a logarithmic axis shows both. */
const LOG_FROM = 12;
const SIZE = { width: 1000, height: 412 };
const UPPER: Plot = { left: 56, top: 56, width: 920, height: 150 };
const LOWER: Plot = { left: 56, top: 206, width: 920, height: 150 };

/** The scores of good images upwards and of defective ones downwards; those on the wrong side of the threshold stand out. */
export function histogram(good: readonly number[], defective: readonly number[], threshold: number): Markup {
  const all = [...good, ...defective, threshold];
  const lowest = Math.min(...all);
  const highest = Math.max(...all);
  const log = lowest > 0 && highest / lowest > LOG_FROM;
  const bins = binsOf(all, threshold, log);
  const counts = { good: countIn(good, bins), defective: countIn(defective, bins) };
  const most = Math.max(1, ...counts.good, ...counts.defective);
  const low = bins.edge(0);
  const high = bins.edge(bins.count);
  const scale = log ? logScale(low, high) : linearScale(low, high, 10);
  const line = xOf(UPPER, scale.share(threshold));
  const flip = scale.share(threshold) > 0.7;
  const bottom = LOWER.top + LOWER.height;
  const rejectedGood = good.filter((score) => score > threshold).length;
  const missed = defective.filter((score) => score <= threshold).length;
  const description =
    `Histogram of the scores of ${counted(good.length, 'good image')} and ${counted(defective.length, 'defective image')}. ` +
    `Above the threshold ${readable(threshold)} lie ${rejectedGood} good and ${defective.length - missed} defective images.`;
  return chart(
    { id: 'histogram', ...SIZE, description },
    html`${countAxis(most)}
${bars(counts.good, bins, scale, most, 'good', threshold)}${bars(counts.defective, bins, scale, most, 'defective', threshold)}
<path class="middle" d="M${LOWER.left} ${LOWER.top}h${LOWER.width}"/>
${axisBelow(LOWER, scale, log ? 'score (logarithmic)' : 'score')}
<path class="threshold" d="M${line} 42V${bottom}"/>
<text class="threshold-label" x="${line}" y="38" dx="${flip ? -6 : 6}" text-anchor="${flip ? 'end' : 'start'}">threshold ${readable(threshold)}</text>
<text class="side" x="${UPPER.left - 40}" y="16">good images ↑</text>
<text class="side" x="${UPPER.left - 40}" y="${bottom + 39}">defective images ↓</text>`,
  );
}

interface Bins {
  readonly count: number;
  /** The score at the lower edge of a bin. */
  readonly edge: (bin: number) => number;
  /** The bin of a score; one that is equal to an edge belongs below it, as a score at the threshold passes. */
  readonly of: (score: number) => number;
}

/** Bins of equal width on the axis, with the threshold at an edge: no bar lies on both sides. */
function binsOf(scores: readonly number[], threshold: number, log: boolean): Bins {
  const forward = (score: number): number => (log ? Math.log(score) : score);
  const back = (value: number): number => (log ? Math.exp(value) : value);
  const values = scores.map(forward);
  const origin = forward(threshold);
  const span = Math.max(...values) - Math.min(...values);
  const width = span > 0 ? span / BARS : Math.max(Math.abs(origin) / BARS, 1e-6);
  const fromThreshold = (value: number): number => Math.ceil((value - origin) / width) - 1;
  const first = fromThreshold(Math.min(...values));
  const last = fromThreshold(Math.max(...values));
  return {
    count: last - first + 1,
    edge: (bin) => back(origin + (first + bin) * width),
    of: (score) => fromThreshold(forward(score)) - first,
  };
}

function countIn(scores: readonly number[], bins: Bins): number[] {
  const counts = Array<number>(bins.count).fill(0);
  for (const score of scores) counts[bins.of(score)]!++;
  return counts;
}

function bars(
  counts: readonly number[],
  bins: Bins,
  scale: Scale,
  most: number,
  kind: 'good' | 'defective',
  threshold: number,
): Markup {
  const boundary = bins.of(threshold);
  return html`<g class="${kind}">${counts.map((count, bin) => {
    if (count === 0) return null;
    const x = UPPER.left + scale.share(bins.edge(bin)) * UPPER.width;
    const width = UPPER.left + scale.share(bins.edge(bin + 1)) * UPPER.width - x;
    const height = (count / most) * (UPPER.height - 6);
    const wrong = kind === 'good' ? bin > boundary : bin <= boundary;
    const what = kind === 'good' ? 'rejected' : 'missed';
    return html`<rect${wrong ? html` class="wrong"` : null} x="${(x + 0.6).toFixed(1)}" y="${(kind === 'good' ? LOWER.top - height : LOWER.top).toFixed(1)}" width="${Math.max(0.8, width - 1.2).toFixed(1)}" height="${height.toFixed(1)}"><title>${counted(count, `${kind} image`)}${wrong ? `, ${what}` : null}: score ${readable(bins.edge(bin))} to ${readable(bins.edge(bin + 1))}</title></rect>`;
  })}</g>`;
}

/** Counts from the middle both ways. */
function countAxis(most: number): Markup {
  const scale = linearScale(0, most, 3);
  const reach = UPPER.height - 6;
  const ticks = scale.ticks.filter(({ value }) => Number.isInteger(value));
  return html`<g class="axis">${ticks.map(({ value, label }) => {
    const offset = scale.share(value) * reach;
    return [LOWER.top - offset, LOWER.top + offset]
      .slice(0, value === 0 ? 1 : 2)
      .map(
        (y) =>
          html`<path class="grid" d="M${UPPER.left} ${y.toFixed(1)}h${UPPER.width}"/><text x="${UPPER.left - 8}" y="${y.toFixed(1)}" dy="0.35em" text-anchor="end">${label}</text>`,
      );
  })}</g>`;
}
