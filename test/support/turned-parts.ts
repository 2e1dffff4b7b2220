/** A part without symmetry that may lie anywhere, at a known pose. For tests of what finds parts. */
import { type Relief, ReliefMaker, reliefSize } from '../../src/infer/locate/relief.js';
import type { Random } from '../../src/random.js';
import type { Picture } from '../../src/types.js';

export interface TurnedPart {
  /** Side of the square picture; 128 when left out. */
  readonly size?: number;
  /** Radians, and the place of the part's middle in pixels; upright in the middle when left out. */
  readonly turn?: number;
  readonly x?: number;
  readonly y?: number;
  /** A bright spot of 6 pixels' radius, at this place relative to the part's middle, turned with it. */
  readonly spot?: { readonly x: number; readonly y: number };
  /** Brightness: factor, and how much of it is lost from the left to the right edge. */
  readonly gain?: number;
  readonly slope?: number;
  /** Draws noise of so many grey levels. */
  readonly noise?: { readonly random: Random; readonly deviation: number };
}

/** A plate of 76 × 44 pixels with a bore at one end and a slot at the other, on a darker ground. */
export function turnedPart(part: TurnedPart = {}): Picture {
  const { size = 128, turn = 0, x = size / 2, y = size / 2, spot, gain = 1, slope = 0, noise } = part;
  const [cosine, sine] = [Math.cos(turn), Math.sin(turn)];
  const data = new Uint8Array(size * size * 3);
  for (let i = 0; i < size * size; i++) {
    const [dx, dy] = [(i % size) + 0.5 - x, Math.floor(i / size) + 0.5 - y];
    const [u, v] = [cosine * dx + sine * dy, cosine * dy - sine * dx];
    const plate = inside(Math.max(Math.abs(u) - 38, Math.abs(v) - 22));
    const bore = inside(Math.hypot(u + 24, v + 6) - 9);
    const slot = inside(Math.max(Math.abs(u - 22) - 5, Math.abs(v - 4) - 13));
    const light = spot ? inside(Math.hypot(u - spot.x, v - spot.y) - 6) : 0;
    const grey =
      (60 + plate * (90 - 80 * Math.max(bore, slot)) + 100 * light) * gain * (1 - (slope * (i % size)) / size);
    const seen = noise ? grey + noise.deviation * noise.random.normal() : grey;
    data.fill(Math.min(255, Math.max(0, Math.round(seen))), 3 * i, 3 * i + 3);
  }
  return { width: size, height: size, stride: size * 3, format: 'RGB', data };
}

/** 1 inside, 0 outside, with an edge of a pixel. */
function inside(distance: number): number {
  return Math.min(1, Math.max(0, 0.5 - distance));
}

/** The relief of a picture, pixel for pixel as far as reliefs may be so large. */
export function reliefOf(picture: Picture): Relief {
  const maker = new ReliefMaker(reliefSize(picture, 'everywhere'));
  return maker.make(picture, { x: 0, y: 0, width: picture.width, height: picture.height });
}

/** The difference of two angles, from −π to π. */
export function angleBetween(a: number, b: number): number {
  return Math.atan2(Math.sin(a - b), Math.cos(a - b));
}
