import { upsampleMap } from '../image/map.js';
import type { RegionResult } from '../types.js';
import { inferno } from './colour-map.js';

/**
 * How the values of maps become colours. Levels are counted per region from the background (0) to the map threshold (1), so
 * that regions with different thresholds can share one colour bar.
 */
export interface HeatScale {
  /** The highest level that has a colour of its own. */
  readonly top: number;
  /** True where some score lies above `top`. */
  readonly clipped: boolean;
  /** Turns a level back into a score; null where the regions have different thresholds. */
  readonly scoreOf: ((level: number) => number) | null;
}

/** Below this level nothing is drawn: the part shows unchanged. */
export const LEVEL_VISIBLE = 0.35;
/** A colour bar reaches at least and at most this far; beyond it differences say nothing more. */
const LEVEL_TOP_LEAST = 1.6;
const LEVEL_TOP_MOST = 3.5;
/** Opacity at the threshold and at the top: the part must remain visible below the heat. */
const OPACITY_AT_THRESHOLD = 0.5;
const OPACITY_AT_TOP = 0.64;
/** Inferno starts black and ends nearly white: both ends would pass for the part itself. */
const COLOUR_FROM = 0.22;
const COLOUR_TO = 0.97;
const BACKGROUND_QUANTILE = 0.25;
const TABLE_SIZE = 512;

/** One region's scores and where its background lies. */
export interface RegionLevels {
  readonly result: RegionResult;
  readonly background: number;
}

/** The common scale of an inspection's regions. */
export function heatScaleOf(results: readonly RegionResult[]): { scale: HeatScale; regions: RegionLevels[] } {
  const first = results[0];
  const oneThreshold = results.every((result) => result.mapThreshold === first?.mapThreshold);
  const own = results.map(backgroundOf);
  const common = Math.min(...own);
  const regions = results.map((result, i) => ({ result, background: oneThreshold ? common : own[i]! }));
  let highest = 0;
  for (const region of regions) {
    for (const value of region.result.map.values) highest = Math.max(highest, levelOf(region, value));
  }
  const top = Math.min(LEVEL_TOP_MOST, Math.max(LEVEL_TOP_LEAST, highest));
  const scoreOf =
    first === undefined || !oneThreshold ? null : (level: number) => common + level * (first.mapThreshold - common);
  return { scale: { top, clipped: highest > top, scoreOf }, regions };
}

/** The score of an unremarkable place: a low quantile of the map, kept apart from the threshold. */
function backgroundOf({ map, mapThreshold }: RegionResult): number {
  const sorted = map.values.slice().sort();
  const low = sorted[Math.floor(sorted.length * BACKGROUND_QUANTILE)] ?? 0;
  // A region that is a defect all over has no background to measure; something below the threshold stands in.
  const least = mapThreshold - Math.max(Math.abs(mapThreshold) * 0.5, 1e-6);
  return Math.min(low, least);
}

export function levelOf({ result, background }: RegionLevels, score: number): number {
  return (score - background) / (result.mapThreshold - background);
}

/** Colour and opacity (each 0…255) of a level. */
export function heatColour(level: number, scale: HeatScale): [number, number, number, number] {
  const t = Math.min(1, Math.max(0, (level - LEVEL_VISIBLE) / (scale.top - LEVEL_VISIBLE)));
  const below = Math.min(1, Math.max(0, (level - LEVEL_VISIBLE) / (1 - LEVEL_VISIBLE)));
  const above = Math.min(1, Math.max(0, (level - 1) / (scale.top - 1)));
  const smooth = below * below * (3 - 2 * below);
  const opacity = OPACITY_AT_THRESHOLD * smooth + (OPACITY_AT_TOP - OPACITY_AT_THRESHOLD) * above;
  return [...inferno(COLOUR_FROM + (COLOUR_TO - COLOUR_FROM) * t), Math.round(opacity * 255)];
}

/** RGB pixels that a heat map is blended into. */
export interface Canvas {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/**
 * Blends a region's heat over the canvas; `frame` is the region on the canvas, in pixels, and is cut at its edges.
 */
export function blendHeat(
  canvas: Canvas,
  region: RegionLevels,
  frame: { left: number; top: number; width: number; height: number },
  scale: HeatScale,
): void {
  const table = Array.from({ length: TABLE_SIZE }, (_, i) => heatColour((i / (TABLE_SIZE - 1)) * scale.top, scale));
  const width = Math.max(1, Math.round(frame.width));
  const height = Math.max(1, Math.round(frame.height));
  const left = Math.round(frame.left);
  const top = Math.round(frame.top);
  const scores = upsampleMap(region.result.map, width, height);
  for (let y = Math.max(0, -top); y < height && top + y < canvas.height; y++) {
    for (let x = Math.max(0, -left); x < width && left + x < canvas.width; x++) {
      const level = levelOf(region, scores[y * width + x]!);
      if (level <= LEVEL_VISIBLE) continue;
      // A score that is not a number is drawn as the hottest: it must not look good.
      const index = Math.min(TABLE_SIZE - 1, Math.round((level / scale.top) * (TABLE_SIZE - 1)));
      const [r, g, b, opacity] = table[Number.isNaN(index) ? TABLE_SIZE - 1 : index]!;
      const at = ((top + y) * canvas.width + left + x) * 3;
      const share = opacity / 255;
      canvas.data[at] = canvas.data[at]! * (1 - share) + r * share;
      canvas.data[at + 1] = canvas.data[at + 1]! * (1 - share) + g * share;
      canvas.data[at + 2] = canvas.data[at + 2]! * (1 - share) + b * share;
    }
  }
}
