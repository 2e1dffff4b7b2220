import { upsampleMap } from '../image/map.js';
import type { RegionResult } from '../types.js';
import { contourPath } from './contour.js';
import {
  COLOURS,
  KIND_COLOURS,
  overlap,
  plate,
  plateSize,
  type Rectangle,
  readable,
  rectangle,
  verdictColour,
} from './drawing.js';
import { fitText } from './text.js';

/** Contour points per cell of the map: enough for a smooth line. */
const CONTOUR_STEPS = 4;
/** Defects with a label of their own, the strongest first; more labels would hide the part. */
const LABELS_MOST = 12;

/** Where the frame lies on the canvas and how far it is enlarged. `unit` is the size of text. */
export interface Placement {
  readonly picture: Rectangle;
  readonly zoom: number;
  readonly unit: number;
}

export function onCanvas(box: { x: number; y: number; width: number; height: number }, at: Placement): Rectangle {
  return {
    left: at.picture.left + box.x * at.zoom,
    top: at.picture.top + box.y * at.zoom,
    width: box.width * at.zoom,
    height: box.height * at.zoom,
  };
}

/** Whether any place of a region's map reaches the level of its contour. */
export function hasContour({ map, mapThreshold }: RegionResult): boolean {
  return map.values.some((value) => value >= mapThreshold);
}

/** The contours of all regions at their map thresholds, light on a dark halo, so that they show on any part. */
export function contourMarks(regions: readonly RegionResult[], at: Placement): string {
  let path = '';
  for (const { region, map, mapThreshold } of regions) {
    const width = map.columns * CONTOUR_STEPS;
    const height = map.rows * CONTOUR_STEPS;
    const frame = onCanvas(region, at);
    const place = { left: frame.left, top: frame.top, stepX: frame.width / width, stepY: frame.height / height };
    path += contourPath(upsampleMap(map, width, height), width, height, mapThreshold, place);
  }
  if (path === '') return '';
  const halo = `stroke="#000" stroke-opacity="0.55" stroke-width="${(at.unit * 0.2).toFixed(1)}"`;
  const line = `stroke="#fff" stroke-width="${(at.unit * 0.085).toFixed(1)}"`;
  return `<g fill="none" stroke-linecap="round"><path d="${path}" ${halo}/><path d="${path}" ${line}/></g>`;
}

/** Outline and name of each region that is not the whole frame. */
export function regionMarks(regions: readonly RegionResult[], at: Placement, taken: Rectangle[]): string {
  let svg = '';
  for (const { region, verdict, score } of regions) {
    const frame = onCanvas(region, at);
    const whole = frame.width >= at.picture.width - 1 && frame.height >= at.picture.height - 1;
    if (whole && regions.length === 1) continue;
    const dash = `stroke-dasharray="${(at.unit * 0.5).toFixed(1)} ${(at.unit * 0.3).toFixed(1)}"`;
    const width = `stroke-width="${(at.unit * 0.12).toFixed(1)}"`;
    svg += rectangle(frame, `fill="none" stroke="#000" stroke-opacity="0.5" ${width}`);
    svg += rectangle(frame, `fill="none" stroke="${COLOURS.text}" ${width} ${dash}`);
    const size = at.unit * 0.8;
    const text = fitText(`${region.name} ${readable(score)}`, size, Math.max(frame.width, size * 6));
    const place = placeLabel(frame, plateSize(text, size), at, taken, true);
    svg += plate(text, place.left, place.top, size, verdictColour(verdict), '#fff');
    taken.push(place);
  }
  return svg;
}

/** Boxes of the defects with kind and peak; dashed where the region does not fail for them. */
export function defectMarks(regions: readonly RegionResult[], at: Placement, taken: Rectangle[]): string {
  const defects = regions
    .flatMap(({ defects, verdict }) => defects.map((defect) => ({ ...defect, failed: verdict.result === 'fail' })))
    .sort((a, b) => b.peak - a.peak);
  const margin = at.unit * 0.35;
  let boxes = '';
  let labels = '';
  defects.forEach(({ box, kind, peak, failed }, i) => {
    const inner = onCanvas(box, at);
    const frame = clip(
      {
        left: inner.left - margin,
        top: inner.top - margin,
        width: inner.width + 2 * margin,
        height: inner.height + 2 * margin,
      },
      at.picture,
      at.unit * 0.08,
    );
    const colour = KIND_COLOURS[kind];
    const dash = failed ? '' : ` stroke-dasharray="${(at.unit * 0.35).toFixed(1)}"`;
    const round = `fill="none" rx="${(at.unit * 0.2).toFixed(1)}"${dash}`;
    boxes += rectangle(
      frame,
      `${round} stroke="#000" stroke-opacity="0.5" stroke-width="${(at.unit * 0.28).toFixed(1)}"`,
    );
    boxes += rectangle(frame, `${round} stroke="${colour}" stroke-width="${(at.unit * 0.14).toFixed(1)}"`);
    if (i >= LABELS_MOST) return;
    const size = at.unit * 0.8;
    const text = `${kind} ${readable(peak)}`;
    const place = placeLabel(frame, plateSize(text, size), at, taken, false);
    labels += plate(text, place.left, place.top, size, colour, '#10151a');
    taken.push(place);
  });
  return boxes + labels;
}

function clip(frame: Rectangle, to: Rectangle, inset: number): Rectangle {
  const left = Math.max(frame.left, to.left + inset);
  const top = Math.max(frame.top, to.top + inset);
  const right = Math.min(frame.left + frame.width, to.left + to.width - inset);
  const bottom = Math.min(frame.top + frame.height, to.top + to.height - inset);
  return { left, top, width: Math.max(1, right - left), height: Math.max(1, bottom - top) };
}

/** A free place for a label near its box and clear of the colour bar; the first wish where none is free. */
function placeLabel(
  frame: Rectangle,
  size: { width: number; height: number },
  at: Placement,
  taken: readonly Rectangle[],
  insideFirst: boolean,
): Rectangle {
  const gap = at.unit * 0.2;
  const right = frame.left + frame.width;
  const bottom = frame.top + frame.height;
  const inside = { left: frame.left + gap, top: frame.top + gap };
  const around = [
    { left: frame.left, top: frame.top - size.height - gap },
    { left: frame.left, top: bottom + gap },
    { left: right + gap, top: frame.top },
    { left: frame.left - size.width - gap, top: frame.top },
    { left: right - size.width, top: bottom - size.height },
  ];
  const wishes = (insideFirst ? [inside, ...around] : [...around, inside]).map((wish) => ({ ...wish, ...size }));
  // Left of a narrow part there is empty ground; right of it stands the colour bar.
  const least = at.unit * 0.5;
  const { top } = at.picture;
  const most = { left: at.picture.left + at.picture.width - size.width, top: top + at.picture.height - size.height };
  const within = (wish: Rectangle): boolean =>
    wish.left >= least && wish.left <= most.left && wish.top >= top && wish.top <= most.top;
  const free = wishes.find((wish) => within(wish) && !taken.some((other) => overlap(wish, other)));
  const chosen = free ?? wishes.find(within) ?? wishes[0]!;
  return {
    ...size,
    left: Math.max(least, Math.min(most.left, chosen.left)),
    top: Math.max(top, Math.min(most.top, chosen.top)),
  };
}
