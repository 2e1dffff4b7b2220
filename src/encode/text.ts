import { GLYPH_LINES } from './glyphs.js';

interface Glyph {
  readonly advance: number;
  readonly path: string;
}

/** Units of the outlines: 1000 to the font size. */
const UNITS = 1000;
const SPACE: Glyph = { advance: 249, path: '' };
/** Shown for a character that has no outline, so that nothing is lost without a trace. */
const MISSING: Glyph = { advance: 500, path: 'M60 0v-700h380v700zM120-60h260v-580h-260z' };
/** Height of capitals as a share of the font size. */
export const CAP_HEIGHT = 0.711;

let glyphs: Map<string, Glyph> | undefined;

function glyphOf(character: string): Glyph {
  if (glyphs === undefined) {
    glyphs = new Map([[' ', SPACE]]);
    for (const line of GLYPH_LINES.trim().split('\n')) {
      const [drawn = '', advance = '0', path = ''] = line.split(' ', 2).concat(line.replace(/^\S+ \S+ ?/, ''));
      glyphs.set(drawn, { advance: Number(advance), path });
    }
  }
  return glyphs.get(character) ?? MISSING;
}

/** Width of a text in pixels at a font size in pixels. */
export function textWidth(text: string, size: number): number {
  let width = 0;
  for (const character of text) width += glyphOf(character).advance;
  return (width * size) / UNITS;
}

/** Shortens a text with an ellipsis until it is at most `width` pixels wide. */
export function fitText(text: string, size: number, width: number): string {
  if (textWidth(text, size) <= width) return text;
  const characters = [...text];
  while (characters.length > 0 && textWidth(`${characters.join('')}…`, size) > width) characters.pop();
  return `${characters.join('').trimEnd()}…`;
}

/** A text as SVG paths: left end and baseline at (x, y), font size and position in pixels. */
export function svgText(text: string, x: number, y: number, size: number, fill: string): string {
  let pen = 0;
  let paths = '';
  for (const character of text) {
    const { advance, path } = glyphOf(character);
    if (path !== '') paths += `<path transform="translate(${pen})" d="${path}"/>`;
    pen += advance;
  }
  const scale = (size / UNITS).toFixed(5);
  return `<g fill="${fill}" transform="translate(${x.toFixed(1)} ${y.toFixed(1)}) scale(${scale})">${paths}</g>`;
}
