import { drawBlob } from './blob.js';
import { clamp01, PLATE, roundedBox } from './geometry.js';
import { FINISH } from './layers.js';
import type { Random } from './random.js';
import { forEachPixel, type PartRaster, spanOf } from './raster.js';

type Paint = (raster: PartRaster) => void;

interface Place {
  readonly x: number;
  readonly y: number;
}

/** A groove with a dark bed and a bright lip on the side that faces the light; it tapers at both ends. */
export function paintScratch(random: Random, place: Place, strength: number): Paint {
  const length = random.logBetween(24, 52);
  const angle = random.between(0, Math.PI);
  const bend = random.tolerance(0.35) * length * 0.25;
  const width = random.between(0.8, 1.5);
  const depth = strength * random.logBetween(0.26, 0.55);
  const bright = random.next() < 0.35;
  const cos = Math.cos(angle);
  const sin = Math.sin(angle);
  return (raster) => {
    const reach = length / 2 + 6;
    const span = spanOf(raster.layers, place.x - reach, place.y - reach, place.x + reach, place.y + reach);
    const lip = -sin * raster.variation.lightX + cos * raster.variation.lightY;
    forEachPixel(raster.layers, span, (i, x, y) => {
      if (raster.cover[i] === 0) return;
      const along = ((x - place.x) * cos + (y - place.y) * sin) / (length / 2);
      if (Math.abs(along) > 1) return;
      const across = (y - place.y) * cos - (x - place.x) * sin - bend * (along * along - 0.4);
      const taper = Math.min(1, (1 - Math.abs(along)) * 3);
      const bed = Math.exp(-0.5 * (across / width) ** 2);
      const ridge = Math.exp(-0.5 * ((across - 2.1 * width * Math.sign(lip || 1)) / width) ** 2);
      const change = bright ? bed - 0.4 * ridge : 0.6 * Math.abs(lip) * ridge - bed;
      raster.light[i] = raster.light[i]! * Math.max(0.1, 1 + depth * taper * change);
    });
  };
}

/** A shallow hollow: the slope towards the light darkens, the one facing it brightens. */
export function paintDent(random: Random, place: Place & { radius: number }, strength: number): Paint {
  const depth = strength * random.logBetween(0.55, 0.95);
  const squeeze = random.between(0.75, 1.3);
  return (raster) => {
    const { lightX, lightY } = raster.variation;
    const reach = place.radius * 1.9 * Math.max(squeeze, 1 / squeeze);
    const span = spanOf(raster.layers, place.x - reach, place.y - reach, place.x + reach, place.y + reach);
    forEachPixel(raster.layers, span, (i, x, y) => {
      if (raster.cover[i] === 0) return;
      const u = ((x - place.x) * squeeze) / place.radius;
      const v = (y - place.y) / squeeze / place.radius;
      const distance = u * u + v * v;
      const bowl = Math.exp(-1.6 * distance);
      const slope = -1.7 * (u * lightX + v * lightY) * bowl;
      const floor = -0.25 * Math.exp(-4 * distance);
      raster.light[i] = raster.light[i]! * Math.max(0.15, 1 + depth * (slope + floor));
    });
  };
}

/** A piece broken out of the plate's edge; the fracture beside it is rough and catches light. */
export function paintChip(random: Random, strength: number): Paint {
  const angle = random.between(0, 2 * Math.PI);
  const radius = strength * random.logBetween(7, 14);
  // From the centre outwards to the plate's edge.
  let reach = 60;
  while (outline(reach * Math.cos(angle), reach * Math.sin(angle)) < 0) reach += 0.5;
  const centre = { x: (reach - 0.1 * radius) * Math.cos(angle), y: (reach - 0.1 * radius) * Math.sin(angle) };
  const hole = drawBlob(random, {
    ...centre,
    radius: 0.72 * radius,
    stretch: random.between(1, 1.7),
    waver: 0.16,
    softness: 0.1,
  });
  const fracture = drawBlob(random, {
    ...centre,
    radius: 1.05 * radius,
    stretch: random.between(1, 1.5),
    waver: 0.18,
    softness: 0.2,
  });
  const tone = random.next() < 0.5 ? random.between(0.5, 0.72) : random.between(1.25, 1.5);
  const rough = Array.from({ length: 5 }, () => random.between(0, 2 * Math.PI));
  return (raster) => {
    const { layers, light, cover, belt } = raster;
    const size = Math.max(hole.reach, fracture.reach);
    const span = spanOf(layers, centre.x - size, centre.y - size, centre.x + size, centre.y + size);
    forEachPixel(layers, span, (i, x, y) => {
      if (cover[i] === 0) return;
      const broken = fracture.at(x, y);
      if (broken > 0) {
        const facet =
          Math.sin(x * 0.9 + rough[0]!) * Math.sin(y * 0.8 + rough[1]!) + 0.6 * Math.sin(1.7 * (x - y) + rough[2]!);
        light[i] = light[i]! * (1 + broken * (tone * (1 + 0.16 * facet) - 1));
      }
      const gone = hole.at(x, y);
      if (gone > 0) {
        const shadow = 0.45 + 0.4 * clamp01(outline(x, y) / -radius + 1);
        belt[i] = belt[i]! + gone * cover[i]! * shadow;
        cover[i] = cover[i]! * (1 - gone);
      }
    });
  };
}

/** Rust or coolant that dried: darker, warmer, with a darker rim. */
export function paintStain(random: Random, place: Place & { radius: number }, strength: number): Paint {
  const outer = drawBlob(random, { ...place, stretch: random.between(1, 1.9), waver: 0.13, softness: 0.4 });
  const depth = strength * random.logBetween(0.18, 0.38);
  const tint = strength * random.between(0.04, 0.3);
  const cloud = Array.from({ length: 4 }, () => random.between(0, 2 * Math.PI));
  return (raster) => {
    const { layers, light, warmth, cover } = raster;
    const span = spanOf(
      layers,
      place.x - outer.reach,
      place.y - outer.reach,
      place.x + outer.reach,
      place.y + outer.reach,
    );
    forEachPixel(layers, span, (i, x, y) => {
      if (cover[i] === 0) return;
      const amount = outer.at(x, y);
      if (amount === 0) return;
      const mottle =
        1 +
        0.22 * (Math.sin(0.42 * x + cloud[0]!) * Math.sin(0.37 * y + cloud[1]!) + Math.sin(0.21 * (x + y) + cloud[2]!));
      const rim = 1 + 1.1 * amount * (1 - amount);
      light[i] = light[i]! * Math.max(0.2, 1 - depth * amount * mottle * rim);
      if (warmth !== null) warmth[i] = Math.min(0.6, tint * amount * mottle);
    });
  };
}

/** Metal left standing at the rim of a bore: a bright ragged fringe with its shade. */
export function paintBurr(random: Random, rim: Place & { radius: number }, strength: number): Paint {
  const middle = random.between(0, 2 * Math.PI);
  const opening = random.between(0.6, 1.2) * Math.max(1, 12 / rim.radius);
  const height = random.between(3, 5.2);
  const gloss = strength * random.logBetween(0.55, 1.1);
  const teeth = [random.between(0, 6.28), random.between(0, 6.28), random.between(0, 6.28)];
  return (raster) => {
    const reach = rim.radius + 3 * height;
    const span = spanOf(raster.layers, rim.x - reach, rim.y - reach, rim.x + reach, rim.y + reach);
    forEachPixel(raster.layers, span, (i, x, y) => {
      if (raster.cover[i] === 0 || raster.layers.finish[i] === FINISH.edge) return;
      const angle = Math.atan2(y - rim.y, x - rim.x);
      const away = Math.abs(Math.atan2(Math.sin(angle - middle), Math.cos(angle - middle))) / opening;
      if (away > 1) return;
      const arc = angle * rim.radius;
      const ragged =
        1 +
        0.35 * Math.sin(0.9 * arc + teeth[0]!) +
        0.25 * Math.sin(1.9 * arc + teeth[1]!) +
        0.2 * Math.sin(3.1 * arc + teeth[2]!);
      const size = height * Math.sqrt(1 - away * away) * ragged;
      const over = Math.hypot(x - rim.x, y - rim.y) - rim.radius + 0.35 * height;
      if (size <= 0.2) return;
      const crest = Math.exp(-(((over - 0.4 * size) / (0.45 * size)) ** 2));
      const shade = Math.exp(-(((over - 1.5 * size) / (0.5 * size)) ** 2));
      raster.light[i] = raster.light[i]! * (1 + gloss * crest - 0.5 * gloss * shade);
    });
  };
}

function outline(x: number, y: number): number {
  return roundedBox(x, y, PLATE.halfWidth, PLATE.halfHeight, PLATE.corner).distance;
}
