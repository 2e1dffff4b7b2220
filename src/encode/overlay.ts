import { packPixels } from '../image/pixels.js';
import { sharp } from '../image/sharp.js';
import { DEFECT_KINDS, KIND_MEANINGS } from '../kinds.js';
import type { Picture, RegionResult, Verdict } from '../types.js';
import { colourBar, colourBarHeight, colourBarWidth } from './colour-bar.js';
import { COLOURS, KIND_COLOURS, plate, plateSize, readable, rectangle, verdictColour, wrapParts } from './drawing.js';
import { blendHeat, type Canvas, heatScaleOf } from './heat.js';
import { contourMarks, defectMarks, hasContour, onCanvas, type Placement, regionMarks } from './marks.js';
import { CAP_HEIGHT, fitText, svgText, textWidth } from './text.js';

export interface OverlayOptions {
  /** Stands in the caption's second line, for instance the file name or the part number. */
  readonly title?: string;
  /** The longer side of the part on the overlay is brought to this range, in pixels. */
  readonly minSide?: number;
  readonly maxSide?: number;
}

/** What an overlay shows: an `Inspection` fits. */
export interface Judged {
  readonly verdict: Verdict;
  readonly regions: readonly RegionResult[];
}

const MIN_SIDE = 720;
const MAX_SIDE = 2048;
/** The caption needs room even over a narrow part. */
const MIN_WIDTH = 460;
/** Lines and text stay clean. */
const JPEG_QUALITY = 85;

/**
 * Draws an inspection for people, as PNG: the part with the anomaly map over it (transparent where it is far below its
 * threshold), contours at the map's threshold, boxes of the defects with kind and peak, a colour bar with that
 * threshold marked, and a caption with verdict, score and threshold. Small parts are enlarged, large ones shrunk. Text
 * is drawn from outlines, so no font need be installed.
 *
 * @param picture the frame that `inspection` is about; its regions are in this picture's pixels.
 * @throws SideglanceError `SG_FRAME_FORMAT` where the picture does not hold what it says.
 */
export async function renderOverlay(
  picture: Picture,
  inspection: Judged,
  options: OverlayOptions = {},
): Promise<Uint8Array> {
  const drawn = await drawOverlay(picture, inspection, options);
  return drawn.png({ compressionLevel: 6 }).toBuffer();
}

/** The same as JPEG, a tenth of the size. `width` and `height` are of the whole picture, with caption and colour bar. */
export async function renderOverlayJpeg(
  picture: Picture,
  inspection: Judged,
  options: OverlayOptions = {},
): Promise<{ readonly bytes: Uint8Array; readonly width: number; readonly height: number }> {
  const drawn = await drawOverlay(picture, inspection, options);
  const { data, info } = await drawn.jpeg({ quality: JPEG_QUALITY }).toBuffer({ resolveWithObject: true });
  return { bytes: data, width: info.width, height: info.height };
}

async function drawOverlay(picture: Picture, inspection: Judged, options: OverlayOptions) {
  const longer = Math.max(picture.width, picture.height);
  const minSide = options.minSide ?? MIN_SIDE;
  const maxSide = options.maxSide ?? MAX_SIDE;
  const zoom = longer < minSide ? Math.ceil(minSide / longer) : Math.min(1, maxSide / longer);
  const width = Math.max(1, Math.round(picture.width * zoom));
  const height = Math.max(1, Math.round(picture.height * zoom));
  const unit = Math.round(Math.min(32, Math.max(14, Math.max(width, height) * 0.019)));

  const { scale, regions } = heatScaleOf(inspection.regions);
  const barWidth = inspection.regions.length > 0 ? colourBarWidth(scale, unit) + unit : 0;
  const canvasWidth = Math.max(MIN_WIDTH, width + barWidth + 2 * unit);
  const caption = captionOf(inspection, options.title, unit, canvasWidth);
  const left = Math.round((canvasWidth - width - barWidth) / 2);
  const at: Placement = { picture: { left, top: caption.height, width, height }, zoom, unit };
  const legend = legendOf(inspection.regions, at, canvasWidth);
  const barHeight = barWidth > 0 ? colourBarHeight(scale, at) : 0;
  const canvasHeight = Math.ceil(caption.height + Math.max(height + Math.max(unit, legend.height), barHeight + unit));

  const canvas = await partOnGround(picture, at, canvasWidth, canvasHeight);
  for (const region of regions) blendHeat(canvas, region, onCanvas(region.result.region, at), scale);

  const taken: { left: number; top: number; width: number; height: number }[] = [];
  const bar = barWidth > 0 ? colourBar(scale, at) : '';
  const marks =
    contourMarks(inspection.regions, at) +
    regionMarks(inspection.regions, at, taken) +
    defectMarks(inspection.regions, at, taken);
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" width="${canvasWidth}" height="${canvasHeight}">` +
    `${caption.svg}${marks}${bar}${legend.svg}</svg>`;
  return sharp(canvas.data, { raw: { width: canvasWidth, height: canvasHeight, channels: 3 } }).composite([
    { input: Buffer.from(svg) },
  ]);
}

/** The part at its place on the canvas, scaled, on the ground colour. */
async function partOnGround(picture: Picture, at: Placement, width: number, height: number): Promise<Canvas> {
  const { channels, data, ...size } = packPixels(picture);
  const { left, top, width: partWidth, height: partHeight } = at.picture;
  const part = await sharp(data, { raw: { ...size, channels } })
    .resize(partWidth, partHeight, { kernel: at.zoom > 1 ? 'cubic' : 'lanczos3', fit: 'fill' })
    .toColourspace('srgb')
    .raw()
    .toBuffer();
  const ground = Buffer.from(COLOURS.ground.slice(1), 'hex');
  const canvas = Buffer.alloc(width * height * 3, ground);
  for (let y = 0; y < partHeight; y++) {
    canvas.set(part.subarray(y * partWidth * 3, (y + 1) * partWidth * 3), ((top + y) * width + left) * 3);
  }
  return { width, height, data: canvas };
}

interface Block {
  readonly svg: string;
  readonly height: number;
}

/** Verdict, and what it rests on. */
function captionOf(inspection: Judged, title: string | undefined, unit: number, width: number): Block {
  const { verdict, regions } = inspection;
  const size = unit * 1.5;
  const word = verdict.result.toUpperCase();
  const pill = plateSize(word, size);
  const beside = unit + pill.width + unit * 0.8;
  const room = width - unit - beside;
  const [head, ...facts] = factsOf(verdict, regions);
  const lines = wrapParts(facts, unit * 0.9, room);
  if (title !== undefined) lines.push(fitText(title, unit * 0.9, room));
  const step = unit * 1.3;
  let svg = plate(word, unit, unit * 0.8, size, verdictColour(verdict), '#fff');
  let baseline = unit * 0.8 + (pill.height + size * 0.8 * CAP_HEIGHT) / 2;
  svg += svgText(fitText(head ?? '', size * 0.8, room), beside, baseline, size * 0.8, COLOURS.text);
  baseline += step * 0.25;
  for (const line of lines) {
    baseline += step;
    svg += svgText(line, beside, baseline, unit * 0.9, COLOURS.quiet);
  }
  return { svg, height: Math.round(Math.max(pill.height + unit * 1.6, baseline + unit * 0.9)) };
}

/** The headline first, then what may be wrapped. */
function factsOf(verdict: Verdict, regions: readonly RegionResult[]): string[] {
  const facts: string[] = [];
  const hottest = regions.reduce<RegionResult | undefined>(
    (best, region) => (best === undefined || margin(region) > margin(best) ? region : best),
    undefined,
  );
  if (verdict.result === 'invalid') {
    facts.push(verdict.reason);
    if (verdict.detail !== undefined) facts.push(verdict.detail);
  }
  if (hottest === undefined) return facts.length > 0 ? facts : [''];
  const where = regions.length > 1 ? `${hottest.region.name}: ` : '';
  facts.push(`${where}score ${readable(hottest.score)}  ·  threshold ${readable(hottest.threshold)}`);
  facts.push(`p ${hottest.pValue < 0.0001 ? '< 0.0001' : `= ${readable(hottest.pValue)}`}`);
  const places = regions.reduce((sum, region) => sum + region.defects.length, 0);
  // A part that passes may have places above the map threshold; to call them defects would contradict its verdict.
  const noun = verdict.result === 'fail' ? 'defect' : 'suspicious place';
  facts.push(places === 1 ? `1 ${noun}` : `${places} ${noun}s`);
  if (regions.length > 1) {
    const failed = regions.filter((region) => region.verdict.result === 'fail').length;
    facts.push(`${failed} of ${regions.length} regions fail`);
  }
  return facts;
}

function margin(result: RegionResult): number {
  return result.score - result.threshold;
}

/** The meaning of the lines that occur; nothing where there are none. */
function legendOf(regions: readonly RegionResult[], at: Placement, width: number): Block {
  const size = at.unit * 0.8;
  const found = new Set(regions.flatMap((region) => region.defects.map((defect) => defect.kind)));
  const entries = DEFECT_KINDS.filter((kind) => found.has(kind)).map((kind) => ({
    text: `${kind}: ${KIND_MEANINGS[kind]}`,
    colour: KIND_COLOURS[kind],
    height: size * 0.9,
  }));
  const { top: pictureTop, height: pictureHeight } = at.picture;
  if (regions.some(hasContour)) {
    entries.push({ text: 'contour at the threshold of the map', colour: '#ffffff', height: 0 });
  }
  if (entries.length === 0) return { svg: '', height: 0 };

  const step = size * 1.6;
  let svg = '';
  let x = at.unit;
  let y = pictureTop + pictureHeight + at.unit * 0.7;
  for (const { text: whole, colour, height } of entries) {
    const text = fitText(whole, size, width - 2 * at.unit - size * 1.4);
    const needed = size * 1.4 + textWidth(text, size);
    if (x > at.unit && x + needed > width - at.unit) {
      x = at.unit;
      y += step;
    }
    const swatch = { left: x, top: y + (size * 0.9 - height) / 2, width: size * 0.9, height };
    const line = `fill="none" stroke="${colour}" stroke-width="${(size * 0.16).toFixed(1)}"`;
    svg += height > 0 ? rectangle(swatch, line) : `<path d="M${swatch.left} ${swatch.top}h${swatch.width}" ${line}/>`;
    svg += svgText(text, x + size * 1.4, y + size * 0.83, size, COLOURS.quiet);
    x += needed + size * 2;
  }
  return { svg, height: Math.ceil(y + step + at.unit * 0.4 - (pictureTop + pictureHeight)) };
}
