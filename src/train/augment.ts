import type { Random } from '../random.js';
import { type Raster, warp } from './raster.js';

/** How far training images are moved and relit. Everything here must be something a good part may show. */
export interface AugmentationLimits {
  /** Largest shift, as a share of the image's side. */
  readonly shift: number;
  readonly radians: number;
  /** Scale runs from 1 − scale to 1 + scale. */
  readonly scale: number;
  readonly flips: boolean;
  /** Gain runs from 1 − gain to 1 + gain, for all channels together. */
  readonly gain: number;
  /** Gain of each channel alone. */
  readonly tint: number;
  /** Largest offset, in grey levels. */
  readonly offset: number;
  /** Largest deviation of added noise, in grey levels. */
  readonly noise: number;
}

/** Parts that stand where they always stand, lit as they always are, give or take a little. */
export const ALIGNED_PARTS: AugmentationLimits = {
  shift: 0.015,
  radians: 0.02,
  scale: 0.01,
  flips: false,
  gain: 0.06,
  tint: 0.015,
  offset: 4,
  noise: 3,
};

/** The same limits, each times `strength`, 0…1. */
export function weakened(limits: AugmentationLimits, strength: number): AugmentationLimits {
  const scaled = Object.entries(limits).map(([name, value]) => [
    name,
    typeof value === 'number' ? value * strength : value,
  ]);
  return Object.fromEntries(scaled);
}

const NOISE_LENGTH = 1 << 16;

/** Standard normal numbers × 16, drawn once: noise for a whole image is a walk through them from a random start. */
export function noiseTable(random: Random): Int8Array {
  return Int8Array.from({ length: NOISE_LENGTH }, () =>
    Math.max(-127, Math.min(127, Math.round(16 * random.normal()))),
  );
}

/** Writes a changed copy of `source` to `target` (width × height × 3). */
export function augment(
  source: Raster,
  limits: AugmentationLimits,
  random: Random,
  noise: Int8Array,
  target: Uint8Array,
): void {
  const spread = (most: number) => random.between(-most, most);
  warp(
    source,
    {
      shiftX: spread(limits.shift) * source.width,
      shiftY: spread(limits.shift) * source.height,
      radians: spread(limits.radians),
      scale: 1 + spread(limits.scale),
      flipX: limits.flips && random.chance(0.5),
      flipY: limits.flips && random.chance(0.5),
    },
    target,
  );
  const gain = 1 + spread(limits.gain);
  const offset = spread(limits.offset);
  const amplitude = (random.uniform() ** 2 * limits.noise) / 16;
  const channels = [0, 1, 2].map(() => {
    const own = gain * (1 + spread(limits.tint));
    return Float32Array.from({ length: 256 }, (_, value) => value * own + offset);
  });
  let place = random.below(NOISE_LENGTH);
  for (let index = 0; index < target.length; index += 3) {
    for (let channel = 0; channel < 3; channel += 1) {
      place = (place + 1) & (NOISE_LENGTH - 1);
      const lit = channels[channel]![target[index + channel]!]! + amplitude * noise[place]! + 0.5;
      target[index + channel] = lit < 0 ? 0 : Math.min(lit, 255);
    }
  }
}
