import type { Picture, PixelFormat } from '../../types.js';
import { type Exposure, expose, PIXEL_BYTES, readOut } from './camera-view.js';
import { type DefectPlan, planDefect, SIMULATED_DEFECTS, type SimulatedDefect } from './defects.js';
import { applyInk, drawInk, stampBore, stampSpeck } from './features.js';
import { buildLayers, type Layers } from './layers.js';
import { Random, STREAM } from './random.js';
import { type PartRaster, wholeRaster } from './raster.js';
import { paintSurface } from './surface.js';
import { changedSpan, measureTruth, noTruth, type Truth } from './truth.js';
import { drawVariation, type Variation } from './variation.js';

export type Placement = 'aligned' | 'anywhere';

export interface RenderOptions {
  /** Which line: parts of one seed share the drift of their light. */
  readonly seed: number;
  /** Which part of the line, from 0. */
  readonly index: number;
  readonly width: number;
  readonly height: number;
  readonly format: PixelFormat;
  /** Absent or null: a good part. */
  readonly defect?: SimulatedDefect | 'random' | null;
  /** `aligned`: in a fixture, give or take; `anywhere`: turned and shifted at random. */
  readonly placement: Placement;
}

export interface SimulatedPart {
  readonly picture: Picture;
  readonly truth: Truth;
}

/** Smallest frame in which print and bores can still be told apart. */
export const MIN_FRAME_SIDE = 128;

/** A part in a fixture fills more of the frame than one that may turn. */
const ZOOM = { aligned: 1.2, anywhere: 1 } as const;

/** A defect that turns out too faint to see is drawn again, stronger, at most so often. */
const MAX_TRIES = 8;

/** Buffers to paint any part into. */
type BlankRaster = Omit<PartRaster, 'variation'>;

interface Workspace {
  readonly layers: Layers;
  readonly good: BlankRaster;
  readonly bad: BlankRaster;
  readonly exposure: Exposure;
  readonly badExposure: Exposure;
}

/** Layers and buffers by frame size and placement; two sets, because a line and a test seldom need more. */
const workspaces = new Map<string, Workspace>();
const MAX_WORKSPACES = 2;

/**
 * Renders one part as a camera over the conveyor sees it. The same options give the same picture, bit for bit; the
 * same seed and index with and without a defect give the same part, in the same place, in the same light and noise.
 *
 * @throws RangeError for a frame with a side below 128 pixels, or for numbers that are not whole.
 */
export function renderPart(options: RenderOptions): SimulatedPart {
  const { seed, index, width, height, format } = options;
  for (const value of [seed, index, width, height]) {
    if (!Number.isSafeInteger(value))
      throw new RangeError(`seed, index and frame size are whole numbers, not ${value}`);
  }
  if (Math.min(width, height) < MIN_FRAME_SIDE) {
    throw new RangeError(
      `the simulated camera needs a frame of at least ${MIN_FRAME_SIDE} pixels a side, not ${width}×${height}`,
    );
  }
  const space = workspaceFor(width, height, options.placement);
  const variation = drawVariation(options);
  const frame = { left: 0, top: 0, right: width, bottom: height };
  const exposure = format === 'GRAY8' ? { ...space.exposure, warmth: null } : space.exposure;
  const good = { ...space.good, variation, warmth: null };
  paintPart(good, {});
  expose(good, exposure, frame);

  let truth = noTruth(width, height);
  const wanted = options.defect ?? null;
  if (wanted !== null) truth = damage(options, wanted, space, exposure, variation);
  const data = readOut(good, exposure, format);
  const stride = width * PIXEL_BYTES[format];
  return { picture: { width, height, stride, format, data }, truth };
}

/** Paints the part again with its defect, puts it into `exposure`, and measures what has changed. */
function damage(
  options: RenderOptions,
  wanted: SimulatedDefect | 'random',
  space: Workspace,
  exposure: Exposure,
  variation: Variation,
): Truth {
  const { seed, index } = options;
  const kind = wanted === 'random' ? new Random(seed, index, STREAM.defect).pick(SIMULATED_DEFECTS) : wanted;
  const { width, height } = exposure;
  for (let attempt = 0; ; attempt++) {
    const random = new Random(seed, index, STREAM.defect + 16 * (attempt + 1));
    const bad: PartRaster = { ...space.bad, variation };
    if (bad.warmth !== null) bad.warmth.fill(0);
    paintPart(bad, planDefect(kind, random, 1.15 ** attempt));
    const span = changedSpan(space.good, bad, variation, width, height);
    const badExposure = exposure.warmth === null ? { ...space.badExposure, warmth: null } : space.badExposure;
    expose(bad, badExposure, span);
    const measured = measureTruth(kind, exposure, badExposure, span);
    if (!measured.visible && attempt + 1 < MAX_TRIES) continue;
    for (let y = span.top; y < span.bottom; y++) {
      const from = y * width + span.left;
      const to = y * width + span.right;
      exposure.light.set(badExposure.light.subarray(from, to), from);
      if (exposure.warmth !== null && badExposure.warmth !== null) {
        exposure.warmth.set(badExposure.warmth.subarray(from, to), from);
      }
    }
    return measured.truth;
  }
}

function paintPart(raster: PartRaster, plan: DefectPlan): void {
  const { layers, variation, light, cover, belt, ink } = raster;
  cover.set(layers.cover);
  belt.set(layers.belt);
  ink.fill(0);
  paintSurface(raster, wholeRaster(layers));
  plan.surface?.(raster);
  for (const bore of plan.bores?.(variation.bores) ?? variation.bores) stampBore(raster, bore);
  drawInk(raster);
  plan.ink?.(raster);
  applyInk(raster);
  for (const speck of variation.specks) stampSpeck(raster, speck);
  plan.finish?.(raster);
  // Premultiplied, so that a pixel on the outline mixes metal and belt when it is interpolated.
  for (let i = 0; i < light.length; i++) light[i] = light[i]! * cover[i]!;
}

function workspaceFor(width: number, height: number, placement: Placement): Workspace {
  const key = `${width}×${height} ${placement}`;
  const known = workspaces.get(key);
  if (known !== undefined) return known;
  const layers = buildLayers(width, height, (ZOOM[placement] * Math.min(width, height)) / 512);
  const made: Workspace = {
    layers,
    good: emptyRaster(layers, false),
    bad: emptyRaster(layers, true),
    exposure: emptyExposure(width, height),
    badExposure: emptyExposure(width, height),
  };
  const oldest = workspaces.keys().next();
  if (workspaces.size >= MAX_WORKSPACES && oldest.done !== true) workspaces.delete(oldest.value);
  workspaces.set(key, made);
  return made;
}

function emptyRaster(layers: Layers, withWarmth: boolean): BlankRaster {
  const count = layers.width * layers.height;
  return {
    layers,
    light: new Float32Array(count),
    cover: new Float32Array(count),
    belt: new Float32Array(count),
    ink: new Float32Array(count),
    warmth: withWarmth ? new Float32Array(count) : null,
  };
}

function emptyExposure(width: number, height: number): Exposure {
  const count = width * height;
  return {
    width,
    height,
    light: new Float32Array(count),
    warmth: new Float32Array(count),
    scratch: new Float32Array(count),
  };
}
