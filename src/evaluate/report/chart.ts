import { readable, ticksOf } from '../../encode/drawing.js';
import { html, type Markup } from './markup.js';

/** The area of a chart that data is drawn in, in units of its view box. */
export interface Plot {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** From values to places on an axis. */
export interface Scale {
  /** 0 at the low end of the axis, 1 at the high end. */
  readonly share: (value: number) => number;
  readonly ticks: readonly { readonly value: number; readonly label: string }[];
}

export function linearScale(
  low: number,
  high: number,
  count: number,
  label: (value: number) => string = readable,
): Scale {
  return {
    share: (value) => (value - low) / (high - low),
    ticks: ticksOf(low, high, count).map((value) => ({ value, label: label(value) })),
  };
}

/** @param low above 0 */
export function logScale(low: number, high: number): Scale {
  const ticks: number[] = [];
  for (let decade = Math.floor(Math.log10(low)); decade <= Math.log10(high); decade++) {
    for (const digit of [1, 2, 5]) ticks.push(digit * 10 ** decade);
  }
  return {
    share: (value) => Math.log(value / low) / Math.log(high / low),
    ticks: ticks.filter((tick) => tick >= low && tick <= high).map((value) => ({ value, label: readable(value) })),
  };
}

export function xOf(plot: Plot, share: number): string {
  return (plot.left + share * plot.width).toFixed(1);
}

export function yOf(plot: Plot, share: number): string {
  return (plot.top + (1 - share) * plot.height).toFixed(1);
}

/** Ticks and title below the plot. */
export function axisBelow(plot: Plot, scale: Scale, title: string): Markup {
  const bottom = plot.top + plot.height;
  return html`<g class="axis"><path d="M${plot.left} ${bottom}h${plot.width}"/>${scale.ticks.map(
    ({ value, label }) =>
      html`<path d="M${xOf(plot, scale.share(value))} ${bottom}v5"/><text x="${xOf(plot, scale.share(value))}" y="${bottom + 19}" text-anchor="middle">${label}</text>`,
  )}<text class="title" x="${plot.left + plot.width / 2}" y="${bottom + 39}" text-anchor="middle">${title}</text></g>`;
}

/** Ticks and grid lines left of the plot, and its title above it. */
export function axisLeft(plot: Plot, scale: Scale, title: string): Markup {
  return html`<g class="axis">${scale.ticks.map(
    ({ value, label }) =>
      html`<path class="grid" d="M${plot.left} ${yOf(plot, scale.share(value))}h${plot.width}"/><text x="${plot.left - 8}" y="${yOf(plot, scale.share(value))}" dy="0.35em" text-anchor="end">${label}</text>`,
  )}<text class="title" x="${plot.left - 40}" y="${plot.top - 14}">${title}</text></g>`;
}

export interface ChartOptions {
  readonly id: string;
  readonly width: number;
  readonly height: number;
  /** What a reader sees who cannot see the chart. */
  readonly description: string;
}

export function chart({ id, width, height, description }: ChartOptions, content: Markup): Markup {
  return html`<svg class="chart" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="${id}-text"><title id="${id}-text">${description}</title>${content}</svg>`;
}

/** Points as SVG path data; points closer than a third of a unit to the last are left out. */
export function polyline(points: readonly (readonly [x: string, y: string])[]): string {
  const kept: (readonly [string, string])[] = [];
  points.forEach((point, i) => {
    const last = kept.at(-1);
    const distance =
      last === undefined ? 1 : Math.hypot(Number(point[0]) - Number(last[0]), Number(point[1]) - Number(last[1]));
    if (i === points.length - 1 || distance > 1 / 3) kept.push(point);
  });
  return kept.map(([x, y], i) => `${i === 0 ? 'M' : 'L'}${x} ${y}`).join('');
}
