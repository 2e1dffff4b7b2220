import type { Random } from '../random.js';
import { type Affine, IDENTITY, type Raster, type Window, warp } from './raster.js';

/** Sizes and strengths of pseudo-defects. */
export const PSEUDO_DEFECTS = {
  /** Share of the image that one defect's shape covers at most and at least, drawn evenly on a logarithmic scale. */
  area: [0.0008, 0.12] as readonly [number, number],
  /** Most defects in one image. */
  most: 3,
  /** A pixel counts as changed from this difference on, in grey levels of the channel that changed most. */
  visible: 12,
} as const;

/** A soft mask in 0…1, one value for each pixel of its window, row by row. */
interface Mask {
  readonly window: Window;
  readonly values: Float32Array;
}

/**
 * Writes to `target` a copy of `clean` with one to three pseudo-defects (the Z* of Wang et al. 2021, section 3.3):
 * noise-shaped blobs or strokes, filled with texture from elsewhere, flat colour, a change of brightness, a smear or grain.
 *
 * @param other another good image, of the same size, to take texture from
 */
export function drawPseudoDefects(clean: Raster, other: Raster, random: Random, target: Uint8Array): void {
  target.set(clean.data);
  const count = 1 + random.below(PSEUDO_DEFECTS.most);
  for (let index = 0; index < count; index += 1) {
    const mask = random.chance(0.7)
      ? blob(clean.width, clean.height, random)
      : stroke(clean.width, clean.height, random);
    const filling = random.pick(FILLINGS)(clean, other, random, mask.window);
    blend(target, clean.width, filling, mask, random.between(0.5, 1));
  }
}

/** Which cells show a defect: `labels` 1 or 0, `counts` the cell's weight in the loss (0 where it is unclear). */
export interface CellLabels {
  readonly labels: Float32Array;
  readonly counts: Float32Array;
}

/**
 * Labels each cell by what visibly changed: at least an eighth of the cell's own pixels → defect; nothing in its whole
 * patch → normal; anything between is left out.
 */
export function labelCells(
  clean: Uint8Array,
  changed: Uint8Array,
  width: number,
  height: number,
  stride: number,
  margin: number,
  into: CellLabels,
): void {
  const integral = new Uint32Array((width + 1) * (height + 1));
  for (let y = 0; y < height; y += 1) {
    let row = 0;
    for (let x = 0; x < width; x += 1) {
      const at = (y * width + x) * 3;
      const difference = Math.max(
        Math.abs(clean[at]! - changed[at]!),
        Math.abs(clean[at + 1]! - changed[at + 1]!),
        Math.abs(clean[at + 2]! - changed[at + 2]!),
      );
      if (difference >= PSEUDO_DEFECTS.visible) row += 1;
      integral[(y + 1) * (width + 1) + x + 1] = integral[y * (width + 1) + x + 1]! + row;
    }
  }
  const changedIn = (left: number, top: number, right: number, bottom: number) => {
    const [x0, y0, x1, y1] = [Math.max(0, left), Math.max(0, top), Math.min(width, right), Math.min(height, bottom)];
    const at = (x: number, y: number) => integral[y * (width + 1) + x]!;
    return at(x1, y1) - at(x0, y1) - at(x1, y0) + at(x0, y0);
  };
  const columns = width / stride;
  for (let index = 0; index < into.labels.length; index += 1) {
    const left = (index % columns) * stride;
    const top = Math.floor(index / columns) * stride;
    const own = changedIn(left, top, left + stride, top + stride);
    const reached =
      own > 0 ? own : changedIn(left - margin, top - margin, left + stride + margin, top + stride + margin);
    const isDefect = own >= (stride * stride) / 8;
    into.labels[index] = isDefect ? 1 : 0;
    into.counts[index] = isDefect || reached === 0 ? 1 : 0;
  }
}

/** An ellipse whose edge is eaten by smooth noise. */
function blob(width: number, height: number, random: Random): Mask {
  const [least, most] = PSEUDO_DEFECTS.area;
  const area = Math.exp(random.between(Math.log(least), Math.log(most))) * width * height;
  const aspect = Math.exp(random.between(-1, 1));
  const radiusX = Math.sqrt((area / Math.PI) * aspect);
  const radiusY = Math.sqrt(area / Math.PI / aspect);
  const centreX = random.between(0, width);
  const centreY = random.between(0, height);
  const radians = random.between(0, Math.PI);
  const roughness = random.between(0.1, 0.9);
  const noise = smoothNoise(random);
  const frequency = random.between(1.5, 6) / Math.max(radiusX, radiusY);
  const softness = random.between(0.05, 0.3);
  const [cosine, sine] = [Math.cos(radians), Math.sin(radians)];
  const reach = Math.ceil(Math.max(radiusX, radiusY) * 1.6) + 1;
  return paint(width, height, centreX, centreY, reach, (dx, dy) => {
    const u = (cosine * dx + sine * dy) / radiusX;
    const v = (cosine * dy - sine * dx) / radiusY;
    const distance = Math.sqrt(u * u + v * v) + roughness * noise(dx * frequency, dy * frequency);
    return (1 - distance) / softness;
  });
}

/** A bent line of some width, as scratches, hairs and cracks are. */
function stroke(width: number, height: number, random: Random): Mask {
  const side = Math.sqrt(width * height);
  const length = side * Math.exp(random.between(Math.log(0.05), Math.log(0.5)));
  const thickness = Math.exp(random.between(Math.log(0.7), Math.log(5)));
  const points: [number, number][] = [[random.between(0, width), random.between(0, height)]];
  let heading = random.between(0, 2 * Math.PI);
  const steps = 12;
  for (let step = 0; step < steps; step += 1) {
    heading += random.between(-0.4, 0.4);
    const [x, y] = points[points.length - 1]!;
    points.push([x + (Math.cos(heading) * length) / steps, y + (Math.sin(heading) * length) / steps]);
  }
  const reach = Math.ceil(thickness + 1.5);
  const window = clipped(
    width,
    height,
    Math.min(...points.map(([x]) => x)) - reach,
    Math.min(...points.map(([, y]) => y)) - reach,
    Math.max(...points.map(([x]) => x)) + reach,
    Math.max(...points.map(([, y]) => y)) + reach,
  );
  const mask = emptyMask(window);
  const columns = window.right - window.left;
  for (let index = 1; index < points.length; index += 1) {
    const [ax, ay] = points[index - 1]!;
    const [bx, by] = points[index]!;
    const squared = (bx - ax) ** 2 + (by - ay) ** 2;
    const near = clipped(
      width,
      height,
      Math.min(ax, bx) - reach,
      Math.min(ay, by) - reach,
      Math.max(ax, bx) + reach,
      Math.max(ay, by) + reach,
    );
    for (let y = near.top; y < near.bottom; y += 1) {
      for (let x = near.left; x < near.right; x += 1) {
        const along = Math.max(0, Math.min(1, ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / squared));
        const distance = Math.hypot(x - ax - along * (bx - ax), y - ay - along * (by - ay));
        const value = Math.max(0, Math.min(1, thickness - distance + 0.5));
        const at = (y - window.top) * columns + x - window.left;
        if (value > mask.values[at]!) mask.values[at] = value;
      }
    }
  }
  return mask;
}

/** The pixels of an image that lie within the given bounds. */
function clipped(width: number, height: number, left: number, top: number, right: number, bottom: number): Window {
  const within = (position: number, last: number) => Math.max(0, Math.min(last, position));
  return {
    left: within(Math.floor(left), width),
    top: within(Math.floor(top), height),
    right: within(Math.ceil(right), width),
    bottom: within(Math.ceil(bottom), height),
  };
}

function emptyMask(window: Window): Mask {
  return { window, values: new Float32Array((window.right - window.left) * (window.bottom - window.top)) };
}

function paint(
  width: number,
  height: number,
  centreX: number,
  centreY: number,
  reach: number,
  value: (dx: number, dy: number) => number,
): Mask {
  const window = clipped(width, height, centreX - reach, centreY - reach, centreX + reach, centreY + reach);
  const mask = emptyMask(window);
  let at = 0;
  for (let y = window.top; y < window.bottom; y += 1) {
    for (let x = window.left; x < window.right; x += 1) {
      mask.values[at++] = Math.max(0, Math.min(1, value(x - centreX, y - centreY)));
    }
  }
  return mask;
}

/** Value noise in −1…1 with smooth steps between random numbers on a lattice. */
function smoothNoise(random: Random): (x: number, y: number) => number {
  const lattice = Float32Array.from({ length: 256 }, () => random.between(-1, 1));
  const at = (x: number, y: number) => lattice[((x * 73) ^ (y * 151)) & 255]!;
  return (x, y) => {
    const left = Math.floor(x);
    const top = Math.floor(y);
    const ease = (t: number) => t * t * (3 - 2 * t);
    const right = ease(x - left);
    const down = ease(y - top);
    const upper = at(left, top) + right * (at(left + 1, top) - at(left, top));
    const lower = at(left, top + 1) + right * (at(left + 1, top + 1) - at(left, top + 1));
    return upper + down * (lower - upper);
  };
}

/** Returns an image of which only the pixels of the window are filled. */
type Filling = (clean: Raster, other: Raster, random: Random, window: Window) => Uint8Array;

const FILLINGS: readonly Filling[] = [
  // Texture from elsewhere, twice as likely as each of the others: it has the right colours at the wrong place.
  elsewhere,
  elsewhere,
  flatColour,
  brightness,
  smear,
  grain,
];

function elsewhere(clean: Raster, other: Raster, random: Random, window: Window): Uint8Array {
  const from = random.chance(0.5) ? clean : other;
  const away = (side: number) => (random.chance(0.5) ? 1 : -1) * random.between(0.1, 0.5) * side;
  const affine: Affine = {
    ...IDENTITY,
    shiftX: away(from.width),
    shiftY: away(from.height),
    radians: random.chance(0.5) ? random.between(-Math.PI, Math.PI) : 0,
    scale: Math.exp(random.between(-0.4, 0.4)),
    flipX: random.chance(0.5),
  };
  const filled = new Uint8Array(from.data.length);
  warp(from, affine, filled, window);
  return filled;
}

function flatColour(clean: Raster, _other: Raster, random: Random, window: Window): Uint8Array {
  const seen = random.below(clean.width * clean.height) * 3;
  const grey = random.between(0, 255);
  const colour = [0, 1, 2].map((channel) =>
    random.chance(0.5) ? clean.data[seen + channel]! : grey + random.between(-25, 25),
  );
  return fill(clean, window, (_x, _y, channel) => colour[channel]!);
}

function brightness(clean: Raster, _other: Raster, random: Random, window: Window): Uint8Array {
  const sign = random.chance(0.5) ? 1 : -1;
  const offset = sign * random.between(15, 90);
  const { width, data } = clean;
  return fill(clean, window, (x, y, channel) => data[(y * width + x) * 3 + channel]! + offset);
}

function smear(clean: Raster, _other: Raster, random: Random, window: Window): Uint8Array {
  const { width, height, data } = clean;
  const taken = 3 + random.below(7);
  const [stepX, stepY] = random.pick([
    [2, 0],
    [0, 2],
    [2, 2],
    [2, -2],
  ] as const);
  return fill(clean, window, (x, y, channel) => {
    let sum = 0;
    for (let step = 0; step < taken; step += 1) {
      const fromX = Math.min(width - 1, x + step * stepX);
      const fromY = Math.max(0, Math.min(height - 1, y + step * stepY));
      sum += data[(fromY * width + fromX) * 3 + channel]!;
    }
    return sum / taken;
  });
}

function grain(clean: Raster, _other: Raster, random: Random, window: Window): Uint8Array {
  const amplitude = random.between(25, 80);
  const size = 1 + random.below(4);
  const noise = smoothNoise(random);
  const { width, data } = clean;
  return fill(
    clean,
    window,
    (x, y, channel) => data[(y * width + x) * 3 + channel]! + amplitude * noise(x / size, y / size),
  );
}

function fill(
  { width, data }: Raster,
  window: Window,
  value: (x: number, y: number, channel: number) => number,
): Uint8Array {
  const filled = new Uint8Array(data.length);
  for (let y = window.top; y < window.bottom; y += 1) {
    for (let x = window.left; x < window.right; x += 1) {
      for (let channel = 0; channel < 3; channel += 1) {
        filled[(y * width + x) * 3 + channel] = Math.max(0, Math.min(255, value(x, y, channel)));
      }
    }
  }
  return filled;
}

function blend(
  target: Uint8Array,
  width: number,
  filling: Uint8Array,
  { window, values }: Mask,
  opacity: number,
): void {
  let index = 0;
  for (let y = window.top; y < window.bottom; y += 1) {
    for (let x = window.left; x < window.right; x += 1) {
      const share = values[index++]! * opacity;
      if (share <= 0) continue;
      const first = (y * width + x) * 3;
      for (let at = first; at < first + 3; at += 1) {
        target[at] = target[at]! + share * (filling[at]! - target[at]!) + 0.5;
      }
    }
  }
}
