import type { Random } from '../random.js';
import { type Affine, IDENTITY, type Raster, warp } from './raster.js';

/** Sizes and strengths of pseudo-defects. */
export const PSEUDO_DEFECTS = {
  /** Share of the image that one defect's shape covers at most and at least, drawn evenly on a logarithmic scale. */
  area: [0.0008, 0.12] as readonly [number, number],
  /** Most defects in one image. */
  most: 3,
  /** A pixel counts as changed from this difference on, in grey levels of the channel that changed most. */
  visible: 12,
} as const;

/** Soft masks in 0…1, one value a pixel. */
type Mask = Float32Array;

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
    const filling = random.pick(FILLINGS)(clean, other, random);
    blend(target, filling, mask, random.between(0.5, 1));
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
  const mask = new Float32Array(width * height);
  for (let index = 1; index < points.length; index += 1) {
    const [ax, ay] = points[index - 1]!;
    const [bx, by] = points[index]!;
    const reach = Math.ceil(thickness + 1.5);
    const squared = (bx - ax) ** 2 + (by - ay) ** 2;
    for (
      let y = Math.max(0, Math.floor(Math.min(ay, by) - reach));
      y < Math.min(height, Math.max(ay, by) + reach);
      y += 1
    ) {
      for (
        let x = Math.max(0, Math.floor(Math.min(ax, bx) - reach));
        x < Math.min(width, Math.max(ax, bx) + reach);
        x += 1
      ) {
        const along = Math.max(0, Math.min(1, ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / squared));
        const distance = Math.hypot(x - ax - along * (bx - ax), y - ay - along * (by - ay));
        const value = Math.max(0, Math.min(1, thickness - distance + 0.5));
        const at = y * width + x;
        if (value > mask[at]!) mask[at] = value;
      }
    }
  }
  return mask;
}

function paint(
  width: number,
  height: number,
  centreX: number,
  centreY: number,
  reach: number,
  value: (dx: number, dy: number) => number,
): Mask {
  const mask = new Float32Array(width * height);
  for (let y = Math.max(0, Math.floor(centreY - reach)); y < Math.min(height, centreY + reach); y += 1) {
    for (let x = Math.max(0, Math.floor(centreX - reach)); x < Math.min(width, centreX + reach); x += 1) {
      mask[y * width + x] = Math.max(0, Math.min(1, value(x - centreX, y - centreY)));
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

type Filling = (clean: Raster, other: Raster, random: Random) => Uint8Array;

const FILLINGS: readonly Filling[] = [
  // Texture from elsewhere, twice as likely as each of the others: it has the right colours at the wrong place.
  (clean, other, random) => elsewhere(random.chance(0.5) ? clean : other, random),
  (clean, other, random) => elsewhere(random.chance(0.5) ? clean : other, random),
  flatColour,
  brightness,
  smear,
  grain,
];

function elsewhere(from: Raster, random: Random): Uint8Array {
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
  warp(from, affine, filled);
  return filled;
}

function flatColour(clean: Raster, _other: Raster, random: Random): Uint8Array {
  const filled = new Uint8Array(clean.data.length);
  const seen = random.below(clean.width * clean.height) * 3;
  const grey = random.between(0, 255);
  const colour = [0, 1, 2].map((channel) =>
    random.chance(0.5) ? clean.data[seen + channel]! : grey + random.between(-25, 25),
  );
  for (let index = 0; index < filled.length; index += 1) filled[index] = clampByte(colour[index % 3]!);
  return filled;
}

function brightness(clean: Raster, _other: Raster, random: Random): Uint8Array {
  const sign = random.chance(0.5) ? 1 : -1;
  const offset = sign * random.between(15, 90);
  return clean.data.map((value) => clampByte(value + offset));
}

function smear(clean: Raster, _other: Raster, random: Random): Uint8Array {
  const { width, height, data } = clean;
  const filled = new Uint8Array(data.length);
  const length = 5 + random.below(14);
  const [stepX, stepY] = random.pick([
    [1, 0],
    [0, 1],
    [1, 1],
    [1, -1],
  ] as const);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const sums = [0, 0, 0];
      for (let step = 0; step < length; step += 2) {
        const fromX = Math.min(width - 1, x + step * stepX);
        const fromY = Math.max(0, Math.min(height - 1, y + step * stepY));
        for (let channel = 0; channel < 3; channel += 1) sums[channel]! += data[(fromY * width + fromX) * 3 + channel]!;
      }
      const taken = Math.ceil(length / 2);
      for (let channel = 0; channel < 3; channel += 1) filled[(y * width + x) * 3 + channel] = sums[channel]! / taken;
    }
  }
  return filled;
}

function grain(clean: Raster, _other: Raster, random: Random): Uint8Array {
  const amplitude = random.between(25, 80);
  const size = 1 + random.below(4);
  const noise = smoothNoise(random);
  const filled = new Uint8Array(clean.data.length);
  for (let index = 0; index < filled.length; index += 3) {
    const pixel = index / 3;
    const change = amplitude * noise((pixel % clean.width) / size, Math.floor(pixel / clean.width) / size);
    for (let channel = 0; channel < 3; channel += 1)
      filled[index + channel] = clampByte(clean.data[index + channel]! + change);
  }
  return filled;
}

function blend(target: Uint8Array, filling: Uint8Array, mask: Mask, opacity: number): void {
  for (let pixel = 0; pixel < mask.length; pixel += 1) {
    const share = mask[pixel]! * opacity;
    if (share <= 0) continue;
    for (let at = pixel * 3; at < pixel * 3 + 3; at += 1) {
      target[at] = target[at]! + share * (filling[at]! - target[at]!) + 0.5;
    }
  }
}

function clampByte(value: number): number {
  return value < 0 ? 0 : Math.min(value, 255);
}
