import type { DefectKind } from '../kinds.js';
import type { Verdict } from '../types.js';
import { CAP_HEIGHT, fitText, svgText, textWidth } from './text.js';

/** Colours of overlays. The kinds of defect differ from each other, from inferno and in lightness. */
export const COLOURS = {
  ground: '#14181c',
  text: '#eceff1',
  quiet: '#9aa4ad',
  line: '#3a434b',
  pass: '#2e9e5b',
  fail: '#d63b3b',
  invalid: '#c98307',
} as const;

export const KIND_COLOURS: Readonly<Record<DefectKind, string>> = {
  position: '#5cf59b',
  context: '#3fd2ff',
  distortion: '#ff8df2',
};

export interface Rectangle {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

export function rectangle(at: Rectangle, attributes: string): string {
  const { left, top, width, height } = at;
  const size = `x="${left.toFixed(1)}" y="${top.toFixed(1)}" width="${width.toFixed(1)}" height="${height.toFixed(1)}"`;
  return `<rect ${size} ${attributes}/>`;
}

export function overlap(a: Rectangle, b: Rectangle): boolean {
  return a.left < b.left + b.width && b.left < a.left + a.width && a.top < b.top + b.height && b.top < a.top + a.height;
}

/** A word on a coloured plate, as high as 1.5 font sizes. */
export function plate(text: string, left: number, top: number, size: number, fill: string, colour: string): string {
  const place = { left, top, ...plateSize(text, size) };
  const baseline = top + (place.height + size * CAP_HEIGHT) / 2;
  const ground = rectangle(place, `rx="${(size * 0.25).toFixed(1)}" fill="${fill}"`);
  return ground + svgText(text, left + size * 0.45, baseline, size, colour);
}

export function plateSize(text: string, size: number): { width: number; height: number } {
  return { width: textWidth(text, size) + size * 0.9, height: size * 1.5 };
}

/** Breaks parts of a sentence into lines of at most `width` pixels, joined by a middle dot. */
export function wrapParts(parts: readonly string[], size: number, width: number): string[] {
  const lines: string[] = [];
  for (const part of parts) {
    const last = lines.at(-1);
    const joined = last === undefined ? part : `${last}  ·  ${part}`;
    if (last !== undefined && textWidth(joined, size) <= width) lines[lines.length - 1] = joined;
    else lines.push(fitText(part, size, width));
  }
  return lines;
}

/** A number for people: three significant digits, no exponent where it can be avoided. */
export function readable(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.001 || size >= 100_000)) return value.toExponential(1);
  if (size >= 100) return value.toFixed(0);
  return String(Number(value.toPrecision(3)));
}

export function verdictColour(verdict: Verdict): string {
  return COLOURS[verdict.result];
}

/** Round numbers that divide a range into about `count` steps. */
export function ticksOf(low: number, high: number, count: number): number[] {
  const rough = (high - low) / Math.max(1, count);
  if (!(rough > 0) || !Number.isFinite(rough)) return [];
  const decade = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * decade).find((s) => s >= rough * 0.999) ?? 10 * decade;
  const ticks: number[] = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) {
    ticks.push(Number((i * step).toPrecision(12)));
  }
  return ticks;
}
