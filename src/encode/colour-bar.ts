import { COLOURS, readable, rectangle, ticksOf } from './drawing.js';
import { type HeatScale, heatColour, LEVEL_VISIBLE } from './heat.js';
import type { Placement } from './marks.js';
import { CAP_HEIGHT, svgText, textWidth } from './text.js';

/** What lies below the heat on the bar: a mid grey, as a part might be. */
const BAR_GROUND: readonly [number, number, number] = [128, 134, 140];
const BAR_BANDS = 96;
/** Lowest level on the bar: a little below where heat begins to show. */
const LEVEL_FROM = LEVEL_VISIBLE * 0.6;
/** Shortest and tallest bar, in units of text. */
const BAR_LEAST = 7;
const BAR_MOST = 26;

/** Width of the bar with its labels, in pixels. */
export function colourBarWidth(scale: HeatScale, unit: number): number {
  const size = unit * 0.8;
  const labels = [...labelsOf(scale, 6).map(({ text }) => text), ...titlesOf(scale), thresholdLabel(scale)];
  return Math.ceil(unit * 1.9 + Math.max(...labels.map((label) => textWidth(label, size))));
}

/** Height of the bar with its title, in pixels; more than the picture's where that is very flat. */
export function colourBarHeight(scale: HeatScale, { unit, picture }: Placement): number {
  const title = titleHeight(scale, unit);
  return title + Math.max(unit * BAR_LEAST, Math.min(unit * BAR_MOST, picture.height - title));
}

function titleHeight(scale: HeatScale, unit: number): number {
  return unit * 0.8 * (0.6 + titlesOf(scale).length * 1.25);
}

/** The colour bar right of the picture: colours as they show on the part, numbers, and the threshold as a white line. */
export function colourBar(scale: HeatScale, at: Placement): string {
  const { unit, picture } = at;
  const size = unit * 0.8;
  const left = picture.left + picture.width + unit;
  const titles = titlesOf(scale);
  let svg = '';
  titles.forEach((title, i) => {
    svg += svgText(title, left, picture.top + size * (0.8 + i * 1.25), size, COLOURS.quiet);
  });
  const top = picture.top + titleHeight(scale, unit);
  const height = colourBarHeight(scale, at) - titleHeight(scale, unit);
  const yOf = (level: number): number => top + height * (1 - (level - LEVEL_FROM) / (scale.top - LEVEL_FROM));

  for (let i = 0; i < BAR_BANDS; i++) {
    const level = LEVEL_FROM + ((BAR_BANDS - i - 0.5) / BAR_BANDS) * (scale.top - LEVEL_FROM);
    const [r, g, b, opacity] = heatColour(level, scale);
    const mixed = [r, g, b].map((v, c) => Math.round(v * (opacity / 255) + BAR_GROUND[c]! * (1 - opacity / 255)));
    // Whole pixels, or the seams between the bands show.
    const from = Math.round(top + (i * height) / BAR_BANDS);
    const to = Math.round(top + ((i + 1) * height) / BAR_BANDS);
    svg += rectangle({ left, top: from, width: unit, height: to - from }, `fill="rgb(${mixed.join(',')})"`);
  }
  svg += rectangle({ left, top, width: unit, height }, `fill="none" stroke="${COLOURS.line}" stroke-width="1"`);

  const threshold = yOf(1);
  const line = (y: number, length: number, colour: string, width: number): string =>
    `<path d="M${left.toFixed(1)} ${y.toFixed(1)}h${length.toFixed(1)}" stroke="${colour}" stroke-width="${width.toFixed(1)}"/>`;
  svg += line(threshold, unit * 1.35, '#000', unit * 0.3) + line(threshold, unit * 1.35, '#fff', unit * 0.14);
  const write = (text: string, y: number, colour: string): string =>
    svgText(text, left + unit * 1.6, y + (size * CAP_HEIGHT) / 2, size, colour);
  svg += write(thresholdLabel(scale), threshold, COLOURS.text);
  for (const { level, text } of labelsOf(scale, Math.max(2, height / (unit * 4)))) {
    const y = Math.min(top + height - size * 0.35, Math.max(top + size * 0.35, yOf(level)));
    if (Math.abs(y - threshold) < size * 1.3) continue;
    svg += line(yOf(level), unit * 1.25, COLOURS.quiet, 1) + write(text, y, COLOURS.quiet);
  }
  return svg;
}

function titlesOf(scale: HeatScale): string[] {
  if (scale.scoreOf === null) return ['above', 'background'];
  return ['map'];
}

function thresholdLabel(scale: HeatScale): string {
  return scale.scoreOf === null ? 'threshold' : `${readable(scale.scoreOf(1))} threshold`;
}

function labelsOf(scale: HeatScale, count: number): Label[] {
  if (scale.scoreOf === null) {
    const levels = ticksOf(LEVEL_FROM, scale.top, count);
    return withTop(
      scale,
      levels.map((level) => ({ level, text: percent(level) })),
      percent,
    );
  }
  const { scoreOf } = scale;
  const zero = scoreOf(0);
  const one = scoreOf(1) - zero;
  const scores = ticksOf(scoreOf(LEVEL_FROM), scoreOf(scale.top), count);
  const labels = scores.map((score) => ({ level: (score - zero) / one, text: readable(score) }));
  return withTop(scale, labels, (level) => readable(scoreOf(level)));
}

interface Label {
  readonly level: number;
  readonly text: string;
}

/** Where scores go beyond the bar, its end says so. */
function withTop(scale: HeatScale, labels: Label[], textOf: (level: number) => string): Label[] {
  if (!scale.clipped) return labels;
  const near = (scale.top - LEVEL_FROM) * 0.07;
  const top = { level: scale.top, text: `≥ ${textOf(scale.top)}` };
  return [...labels.filter(({ level }) => scale.top - level > near), top];
}

function percent(level: number): string {
  return `${readable(level * 100)} %`;
}
