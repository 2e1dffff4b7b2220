import type { PixelFormat } from '../../types.js';
import { NOISE_LENGTH } from './layers.js';
import type { PartRaster } from './raster.js';
import { TILE } from './textures.js';

/** Brightness of the belt in grey levels, and how far its weave swings it. */
const BELT_TONE = 62;
const BELT_SWING = 9;
/** Where the frame lies between cold (the blue of the belt, −1) and warm (rust, 1). */
const BELT_WARMTH = -0.34;
const METAL_WARMTH = 0.02;

/** A rectangle of frame pixels, `right` and `bottom` excluded. */
export interface FrameSpan {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** What falls on the sensor, before noise: brightness in grey levels and colour temperature. */
export interface Exposure {
  readonly width: number;
  readonly height: number;
  readonly light: Float32Array;
  readonly warmth: Float32Array | null;
  /** Room for the blur's first pass. */
  readonly scratch: Float32Array;
}

/**
 * Looks at the part: places it on the belt by its pose, lights the scene, and blurs it as the lens does.
 * Fills the span of `exposure`; the raster's light must be premultiplied by its cover.
 */
export function expose(raster: PartRaster, exposure: Exposure, span: FrameSpan): void {
  const { width, height } = exposure;
  // One pixel more on each side, so that the blur inside the span sees what it would see in a whole frame.
  const grown = {
    left: Math.max(0, span.left - 1),
    top: Math.max(0, span.top - 1),
    right: Math.min(width, span.right + 1),
    bottom: Math.min(height, span.bottom + 1),
  };
  project(raster, exposure, grown);
  blur(exposure, grown, span, raster.variation.blur);
}

function project(raster: PartRaster, exposure: Exposure, span: FrameSpan): void {
  const { layers, variation, light, belt } = raster;
  const { width, height, scratch, warmth } = exposure;
  const { weave, vignette } = layers;
  const { centreX, centreY, beltX, beltY } = variation;
  const cos = Math.cos(variation.turn) / variation.zoom;
  const sin = Math.sin(variation.turn) / variation.zoom;
  const stepX = (2 * variation.gradientX) / width;
  const middleU = layers.width / 2 - 0.5;
  const middleV = layers.height / 2 - 0.5;
  const lastColumn = layers.width - 1;
  const lastRow = layers.height - 1;
  const rasterWidth = layers.width;
  const tone = variation.beltTone * BELT_TONE;
  const rust = warmth === null ? null : raster.warmth;
  for (let y = span.top; y < span.bottom; y++) {
    const dy = y + 0.5 - centreY;
    const illumination =
      variation.gain * (1 + variation.gradientY * ((2 * (y + 0.5)) / height - 1) - variation.gradientX);
    const weaveRow = ((y + beltY) & (TILE - 1)) * TILE;
    const shiftU = dy * sin + middleU;
    const shiftV = dy * cos + middleV;
    for (let x = span.left; x < span.right; x++) {
      const dx = x + 0.5 - centreX;
      const u = dx * cos + shiftU;
      const v = shiftV - dx * sin;
      const i = y * width + x;
      let value = 0;
      let beltShare = 1;
      let tint = BELT_WARMTH;
      if (u >= 0 && v >= 0 && u < lastColumn && v < lastRow) {
        const column = u | 0;
        const row = v | 0;
        const s = u - column;
        const t = v - row;
        const at = row * rasterWidth + column;
        const below = at + rasterWidth;
        const upper = light[at]! + (light[at + 1]! - light[at]!) * s;
        value = upper + (light[below]! + (light[below + 1]! - light[below]!) * s - upper) * t;
        const beltUpper = belt[at]! + (belt[at + 1]! - belt[at]!) * s;
        beltShare = beltUpper + (belt[below]! + (belt[below + 1]! - belt[below]!) * s - beltUpper) * t;
        tint = METAL_WARMTH;
        if (beltShare > 0) tint += (BELT_WARMTH - METAL_WARMTH) * Math.min(1, 2.5 * beltShare);
        else if (rust !== null) tint += rust[at]!;
      }
      if (beltShare > 0) {
        value += beltShare * (tone + BELT_SWING * weave[weaveRow + ((x + beltX) & (TILE - 1))]!);
      }
      scratch[i] = value * vignette[i]! * (illumination + stepX * (x + 0.5));
      if (warmth !== null) warmth[i] = tint;
    }
  }
}

/** A slight defocus: the binomial-like kernel [a, 1 − 2a, a] both ways, as one 3 × 3 pass. */
function blur(exposure: Exposure, from: FrameSpan, span: FrameSpan, amount: number): void {
  const { width, scratch, light } = exposure;
  const centre = 1 - 2 * amount;
  const corner = amount * amount;
  const side = amount * centre;
  const middle = centre * centre;
  for (let y = span.top; y < span.bottom; y++) {
    const up = y > from.top ? -width : 0;
    const down = y < from.bottom - 1 ? width : 0;
    for (let x = span.left; x < span.right; x++) {
      const i = y * width + x;
      const left = x > from.left ? i - 1 : i;
      const right = x < from.right - 1 ? i + 1 : i;
      light[i] =
        middle * scratch[i]! +
        side * (scratch[left]! + scratch[right]! + scratch[i + up]! + scratch[i + down]!) +
        corner * (scratch[left + up]! + scratch[right + up]! + scratch[left + down]! + scratch[right + down]!);
    }
  }
}

/** Highlights roll off instead of clipping, as a camera's tone curve makes them. By table, a quarter level a step. */
const TONE_STEPS = 4;
const TONE = Float32Array.from({ length: 600 * TONE_STEPS }, (_, i) => {
  const level = i / TONE_STEPS;
  return level < 190 ? level : 190 + 62 * (1 - Math.exp((190 - level) / 62));
});

/** Bytes of a pixel in each format. */
export const PIXEL_BYTES: Readonly<Record<PixelFormat, number>> = { GRAY8: 1, RGB: 3, BGRx: 4 };

/** Reads the sensor out: tone curve, colour, photon and read noise (EMVA 1288's linear model), 8 bits. */
export function readOut(raster: PartRaster, exposure: Exposure, format: PixelFormat): Uint8Array {
  const { sensorNoise } = raster.layers;
  const { shotNoise, readNoise, noiseOffsets } = raster.variation;
  const deviation = Float32Array.from({ length: 256 }, (_, level) => Math.sqrt(readNoise ** 2 + shotNoise * level));
  const { light, warmth } = exposure;
  const count = light.length;
  const [first, second, third] = noiseOffsets;
  const mask = NOISE_LENGTH - 1;
  const bytes = PIXEL_BYTES[format];
  const data = new Uint8Array(bytes * count);
  if (format === 'GRAY8') {
    for (let i = 0; i < count; i++) {
      const level = toneOf(light[i]!);
      data[i] = quantise(level + sensorNoise[(i + first) & mask]! * deviation[level | 0]!);
    }
    return data;
  }
  const red = format === 'RGB' ? 0 : 2;
  const blue = 2 - red;
  for (let i = 0; i < count; i++) {
    const level = toneOf(light[i]!);
    const spread = deviation[level | 0]!;
    const tint = warmth === null ? 0 : warmth[i]!;
    const at = bytes * i;
    // The weights keep the luma (Rec. 601) of the level within half a percent.
    data[at + red] = quantise(level * (1 + 0.5 * tint) + sensorNoise[(i + first) & mask]! * spread);
    data[at + 1] = quantise(level * (1 - 0.13 * tint) + sensorNoise[(i + second) & mask]! * spread);
    data[at + blue] = quantise(level * (1 - 0.62 * tint) + sensorNoise[(i + third) & mask]! * spread);
  }
  return data;
}

/** Grey level on the picture, 0 to 255, for light on the sensor. */
export function toneOf(light: number): number {
  const level = TONE[(light * TONE_STEPS) | 0];
  return level === undefined ? 252 : level;
}

function quantise(level: number): number {
  return level <= 0 ? 0 : level >= 255 ? 255 : (level + 0.5) | 0;
}
