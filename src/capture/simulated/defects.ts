import { drawBlob } from './blob.js';
import { paintBurr, paintChip, paintDent, paintScratch, paintStain } from './damage.js';
import { BORES, BOSS, CODE, PLATE, POCKET, PRINT, PRINT_COLUMNS, roundedBox } from './geometry.js';
import { ACROSS_PER_UNIT, FINISH, type Layers, textureCoordinate } from './layers.js';
import type { Random } from './random.js';
import { forEachPixel, type PartRaster, spanOf } from './raster.js';
import { paintSurface } from './surface.js';
import type { Bore } from './variation.js';

/** What can be wrong with a part of the simulated line. */
export const SIMULATED_DEFECTS = [
  'scratch',
  'dent',
  'bore-missing',
  'bore-size',
  'bore-extra',
  'edge-chip',
  'print-smeared',
  'print-missing',
  'stain',
  'burr',
  'wrong-texture',
] as const;

export type SimulatedDefect = (typeof SIMULATED_DEFECTS)[number];

/** Where a defect reaches into the painting of a part, in this order. */
export interface DefectPlan {
  readonly surface?: (raster: PartRaster) => void;
  readonly bores?: (bores: readonly Bore[]) => readonly Bore[];
  readonly ink?: (raster: PartRaster) => void;
  readonly finish?: (raster: PartRaster) => void;
}

/**
 * Draws place, size and contrast of a defect. `strength` ≥ 1 raises the contrast, for a second try where the first could
 * not be seen.
 */
export function planDefect(kind: SimulatedDefect, random: Random, strength: number): DefectPlan {
  switch (kind) {
    case 'scratch': {
      const place = freePlace(random, 16);
      return { finish: paintScratch(random, place, strength) };
    }
    case 'dent': {
      const radius = random.logBetween(8, 15);
      return { finish: paintDent(random, { ...freePlace(random, radius + 3), radius }, strength) };
    }
    case 'bore-missing': {
      const missing = random.pick([0, 1, 2, 3, 4, 5, 6, 8, 9, 10]);
      return { bores: (bores) => bores.filter((_, number) => number !== missing) };
    }
    case 'bore-size': {
      const which = random.pick([0, 1, 2, 3, 4, 5, 6]);
      const factor = random.next() < 0.5 ? random.between(0.45, 0.66) : random.between(1.34, 1.55);
      return {
        bores: (bores) => bores.map((bore, i) => (i === which ? { ...bore, radius: bore.radius * factor } : bore)),
      };
    }
    case 'bore-extra': {
      const radius = random.between(5.5, 9);
      const place = freePlace(random, radius + 6);
      const bore = {
        ...place,
        radius,
        rim: random.between(2, 3.5),
        half: 0,
        deep: false,
        bottom: random.between(48, 100),
      };
      return { bores: (bores) => [...bores, bore] };
    }
    case 'edge-chip':
      return { finish: paintChip(random, strength) };
    case 'print-smeared':
      return { ink: smearInk(random, strength) };
    case 'print-missing':
      return { ink: eraseInk(random) };
    case 'stain': {
      const radius = random.logBetween(9, 22);
      return { finish: paintStain(random, { ...freePlace(random, Math.min(radius, 12)), radius }, strength) };
    }
    case 'burr': {
      const bore = random.pick(BORES.filter((place) => place.radius >= 8 && place.half === 0));
      return { finish: paintBurr(random, { x: bore.x, y: bore.y, radius: bore.radius + bore.rim }, strength) };
    }
    case 'wrong-texture':
      return { surface: replaceFinish(random) };
  }
}

/** A point on a flat face, at least `clearance` units from bores, print, pocket and edges. */
function freePlace(random: Random, clearance: number): { x: number; y: number } {
  for (let attempt = 0; attempt < 400; attempt++) {
    const x = random.between(-PLATE.halfWidth, PLATE.halfWidth);
    const y = random.between(-PLATE.halfHeight, PLATE.halfHeight);
    // After many misses a smaller clearance has to do: the faces between the features are narrow.
    const wanted = attempt < 200 ? clearance : clearance * 0.6;
    if (isFree(x, y, wanted)) return { x, y };
  }
  return { x: 0, y: -72 };
}

function isFree(x: number, y: number, clearance: number): boolean {
  if (roundedBox(x, y, PLATE.halfWidth, PLATE.halfHeight, PLATE.corner).distance > -PLATE.chamfer - clearance)
    return false;
  const fromBoss = Math.abs(Math.hypot(x, y) - BOSS.radius);
  if (fromBoss < Math.min(clearance, 8)) return false;
  if (Math.abs(Math.hypot(x, y) - BOSS.groove) < Math.min(clearance, 6)) return false;
  for (const bore of BORES) {
    const slot = Math.max(0, Math.abs(x - bore.x) - bore.half);
    if (Math.hypot(slot, y - bore.y) < bore.radius + bore.rim + clearance) return false;
  }
  if (roundedBox(x - POCKET.x, y - POCKET.y, POCKET.halfWidth, POCKET.halfHeight, 4).distance < clearance) return false;
  const codeHalf = (CODE.cells * CODE.cell) / 2;
  if (roundedBox(x - CODE.x, y - CODE.y, codeHalf, codeHalf, 1).distance < clearance) return false;
  const text = PRINT_COLUMNS * PRINT.advance;
  return !(x > PRINT.x - clearance && x < PRINT.x + text + clearance && y > PRINT.firstLine - clearance);
}

/** A piece of print: a few characters of a line, or with the chance `onCode` a part of the code. */
function printedPlace(random: Random, onCode: number): { x: number; y: number; halfWidth: number; halfHeight: number } {
  if (random.next() < onCode) {
    const reach = (CODE.cells * CODE.cell) / 2 - 9;
    const half = random.between(11, 17);
    return {
      x: CODE.x + random.between(-reach, reach),
      y: CODE.y + random.between(-reach, reach),
      halfWidth: half,
      halfHeight: half,
    };
  }
  const characters = 2 + random.integer(3);
  const first = random.integer(9 - characters + 1);
  const line = random.next() < 0.5 ? PRINT.firstLine : PRINT.secondLine;
  return {
    x: PRINT.x + (first + characters / 2) * PRINT.advance - 2,
    y: line + PRINT.height / 2,
    halfWidth: (characters / 2) * PRINT.advance,
    halfHeight: PRINT.height / 2 + 2.5,
  };
}

/** The print head skipped: print is gone inside a rectangle with a ragged border. */
function eraseInk(random: Random): (raster: PartRaster) => void {
  const place = printedPlace(random, 0.25);
  const blob = drawBlob(random, {
    ...place,
    radius: Math.sqrt(place.halfWidth * place.halfHeight) * 1.2,
    stretch: place.halfWidth / place.halfHeight,
    waver: 0.05,
    softness: 0.25,
    angle: 0,
  });
  const left = random.between(0, 0.08);
  return (raster) => {
    const span = spanOf(
      raster.layers,
      place.x - blob.reach,
      place.y - blob.reach,
      place.x + blob.reach,
      place.y + blob.reach,
    );
    forEachPixel(raster.layers, span, (i, x, y) => {
      if (raster.ink[i]! > 0) raster.ink[i] = raster.ink[i]! * (1 - (1 - left) * blob.at(x, y));
    });
  };
}

/** The print was wiped before it dried: drawn out along one direction. */
function smearInk(random: Random, strength: number): (raster: PartRaster) => void {
  // A smear inside the code would look like other modules of it.
  const place = printedPlace(random, 0);
  const length = random.between(10, 17) * strength;
  const slant = random.between(-0.5, 0.5);
  const density = random.between(2.6, 3.6);
  return (raster) => {
    const { layers, ink } = raster;
    const source = ink.slice();
    const steps = Math.ceil(length * layers.scale);
    const span = spanOf(
      layers,
      place.x - place.halfWidth,
      place.y - place.halfHeight,
      place.x + place.halfWidth + length,
      place.y + place.halfHeight + 2,
    );
    forEachPixel(layers, span, (i, x, y) => {
      const inside = Math.min(1, (place.halfWidth + length - Math.abs(x - place.x - length / 2)) / 4);
      let sum = 0;
      for (let step = 0; step <= steps; step++) {
        const from = i - step - Math.round(step * slant) * layers.width;
        if (from >= 0) sum += source[from]! * (1 - step / (steps + 1));
      }
      const smeared = Math.min(0.9, (density * sum) / steps);
      ink[i] = Math.max(
        0,
        source[i]! + (smeared - source[i]!) * Math.max(0, inside) * (y < place.y + place.halfHeight + 2 ? 1 : 0),
      );
    });
  };
}

/** A patch finished in another way than its surroundings: marks across the grain, or blasted, or turned, where they should not be. */
function replaceFinish(random: Random): (raster: PartRaster) => void {
  const radius = random.logBetween(12, 24);
  const place = freePlace(random, 13);
  const blob = drawBlob(random, { ...place, radius, stretch: random.between(1, 1.8), waver: 0.08, softness: 0.15 });
  const onBoss = Math.hypot(place.x, place.y) < BOSS.radius;
  const finish = random.pick([
    onBoss ? FINISH.milled : FINISH.turned,
    FINISH.blasted,
    onBoss ? FINISH.turned : FINISH.milled,
  ]);
  const turn = random.sign() * random.between(0.7, Math.PI / 2);
  const offset = random.integer(512);
  return (raster) => {
    const { layers, light } = raster;
    const span = spanOf(layers, place.x - blob.reach, place.y - blob.reach, place.x + blob.reach, place.y + blob.reach);
    const radial = Math.atan2(place.y, place.x);
    const angle = (onBoss ? radial + Math.PI / 2 : Math.atan2(place.y - 400, place.x + 70) + Math.PI / 2) + turn;
    const changed: Layers = {
      ...layers,
      finish: layers.finish.slice(),
      across: layers.across.slice(),
      along: layers.along.slice(),
      grainCos: layers.grainCos.slice(),
      grainSin: layers.grainSin.slice(),
    };
    const weight = new Map<number, number>();
    forEachPixel(layers, span, (i, x, y) => {
      const inside = blob.at(x, y);
      // Only flat faces are ground over: bores, walls and edges keep theirs.
      if (inside === 0 || layers.finish[i] === FINISH.edge) return;
      weight.set(i, inside);
      const along = x * Math.cos(angle) + y * Math.sin(angle);
      const across = y * Math.cos(angle) - x * Math.sin(angle);
      changed.finish[i] = finish;
      changed.across[i] = textureCoordinate(across * ACROSS_PER_UNIT + offset);
      changed.along[i] = textureCoordinate(finish === FINISH.blasted ? along * ACROSS_PER_UNIT : along);
      changed.grainCos[i] = finish === FINISH.blasted ? 0 : Math.cos(2 * angle);
      changed.grainSin[i] = finish === FINISH.blasted ? 0 : Math.sin(2 * angle);
    });
    const before = light.slice();
    paintSurface({ ...raster, layers: changed }, span);
    forEachPixel(layers, span, (i) => {
      const inside = weight.get(i) ?? 0;
      light[i] = before[i]! + (light[i]! - before[i]!) * inside;
    });
  };
}
