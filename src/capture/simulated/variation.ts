import { BORES, type BorePlace, CODE, HALF_HEIGHT, HALF_WIDTH, PRINT_COLUMNS } from './geometry.js';
import { NOISE_LENGTH } from './layers.js';
import { Random, STREAM } from './random.js';
import { PROFILE, TILE } from './textures.js';

/** Side of a cell of the reflection grid in design units: far larger than any defect is sharp. */
export const REFLECTION_STEP = 16;
export const REFLECTION_COLUMNS = Math.ceil((2 * HALF_WIDTH) / REFLECTION_STEP) + 2;
export const REFLECTION_ROWS = Math.ceil((2 * HALF_HEIGHT) / REFLECTION_STEP) + 2;

/** One directed highlight: brightest where the tool marks run across the light. */
export interface Highlight {
  readonly cos: number;
  readonly sin: number;
  readonly strength: number;
}

export interface Bore extends BorePlace {
  /** Brightness of the bottom in grey levels. */
  readonly bottom: number;
}

export interface Speck {
  readonly x: number;
  readonly y: number;
  readonly radius: number;
  readonly strength: number;
}

/** What differs from one good part to the next: all of it is normal, and the model has to take it as such. */
export interface Variation {
  /** Turn of the part in the frame in radians, and its centre in frame pixels. */
  readonly turn: number;
  readonly centreX: number;
  readonly centreY: number;
  /** Frame pixels per raster pixel. */
  readonly zoom: number;
  /** Direction of the light in the part's own coordinates. */
  readonly lightX: number;
  readonly lightY: number;
  readonly highlights: readonly Highlight[];
  /** Factors on a coarse grid over the part: reflections of the surroundings and films of oil. */
  readonly reflection: Float32Array;
  readonly gain: number;
  readonly gradientX: number;
  readonly gradientY: number;
  readonly beltTone: number;
  readonly beltX: number;
  readonly beltY: number;
  readonly phases: readonly number[];
  readonly tileOffsets: readonly number[];
  readonly markDepth: readonly number[];
  readonly bores: readonly Bore[];
  readonly lines: readonly [string, string];
  readonly printDensity: number;
  readonly printX: number;
  readonly printY: number;
  readonly code: Uint8Array;
  readonly specks: readonly Speck[];
  readonly blur: number;
  readonly noiseOffsets: readonly [number, number, number];
  readonly shotNoise: number;
  readonly readNoise: number;
}

export interface VariationOptions {
  readonly seed: number;
  readonly index: number;
  readonly width: number;
  readonly height: number;
  readonly placement: 'aligned' | 'anywhere';
}

/** Draws the part number `index` of the line `seed`. */
export function drawVariation(options: VariationOptions): Variation {
  const { seed, index } = options;
  const surface = new Random(seed, index, STREAM.surface);
  const sensor = new Random(seed, index, STREAM.sensor);
  const pose = drawPose(options);
  const light = drawLight(options, pose.turn);
  return {
    ...pose,
    ...light,
    ...drawPrint(new Random(seed, index, STREAM.print)),
    phases: Array.from({ length: 4 }, () => surface.integer(PROFILE)),
    tileOffsets: Array.from({ length: 4 }, () => surface.integer(TILE * TILE)),
    markDepth: [0.062, 0.055, 0.01, 0.03].map((depth) => depth * surface.between(0.7, 1.35)),
    beltX: surface.integer(TILE),
    beltY: surface.integer(TILE),
    bores: BORES.map((place) => ({
      ...place,
      x: place.x + surface.tolerance(0.35),
      y: place.y + surface.tolerance(0.35),
      radius: place.radius * (1 + surface.tolerance(0.018)),
      bottom: place.deep ? surface.between(24, 50) : surface.between(48, 88),
    })),
    specks: Array.from({ length: surface.integer(6) }, () => ({
      x: surface.between(-150, 150),
      y: surface.between(-125, 125),
      radius: surface.between(0.7, 1.3),
      strength: surface.sign() * surface.between(0.08, 0.22),
    })),
    blur: sensor.between(0.09, 0.17),
    noiseOffsets: [sensor.integer(NOISE_LENGTH), sensor.integer(NOISE_LENGTH), sensor.integer(NOISE_LENGTH)],
    shotNoise: 0.035,
    readNoise: 1.4,
  };
}

function drawPose(options: VariationOptions): Pick<Variation, 'turn' | 'centreX' | 'centreY' | 'zoom'> {
  const { seed, index, width, height, placement } = options;
  const random = new Random(seed, index, STREAM.pose);
  const unit = Math.min(width, height) / 512;
  const zoom = 1 + random.tolerance(0.004);
  if (placement === 'aligned') {
    return {
      turn: random.tolerance(0.009),
      centreX: width / 2 + random.tolerance(1.8) * unit,
      centreY: height / 2 + random.tolerance(1.8) * unit,
      zoom,
    };
  }
  const spareX = width / 2 - 210 * unit;
  const spareY = height / 2 - 210 * unit;
  return {
    turn: random.between(-Math.PI, Math.PI),
    centreX: width / 2 + random.between(-spareX, spareX),
    centreY: height / 2 + random.between(-spareY, spareY),
    zoom,
  };
}

type Light = Pick<
  Variation,
  'lightX' | 'lightY' | 'highlights' | 'reflection' | 'gain' | 'gradientX' | 'gradientY' | 'beltTone'
>;

/** Lamps age and daylight moves: the gradient and the gain wander over a few hundred parts, on top of small jitter. */
function drawLight(options: VariationOptions, turn: number): Light {
  const { seed, index } = options;
  const random = new Random(seed, index, STREAM.light);
  const line = new Random(seed, 0, STREAM.line);
  const drift = (period: number) => Math.sin(2 * Math.PI * (index / period + line.next()));
  const gradientX = 0.08 * drift(173) + 0.04 * drift(61) + random.tolerance(0.02);
  const gradientY = 0.07 * drift(229) + 0.03 * drift(47) + random.tolerance(0.02);
  const gain = 1 + 0.05 * drift(311) + random.tolerance(0.035);

  // Tilting by a degree on the belt swings the highlight of a directed finish by many.
  const lamp = -2.2 + random.tolerance(0.08);
  const swing = random.tolerance(0.13);
  const highlight = (angle: number, strength: number): Highlight => ({
    cos: Math.cos(2 * (angle - turn)),
    sin: Math.sin(2 * (angle - turn)),
    strength: strength * random.between(0.82, 1.18),
  });
  return {
    lightX: Math.cos(lamp - turn),
    lightY: Math.sin(lamp - turn),
    highlights: [highlight(lamp + swing, 0.85), highlight(lamp + 1.25 - swing, 0.4)],
    reflection: drawReflection(random),
    gain,
    gradientX,
    gradientY,
    beltTone: 1 + random.tolerance(0.06),
  };
}

/** Broad waves of brightness, as bare metal mirrors its surroundings, and now and then a film of oil. */
function drawReflection(random: Random): Float32Array {
  const waves = Array.from({ length: 6 }, () => {
    const angle = random.between(0, 2 * Math.PI);
    const wavenumber = (2 * Math.PI) / random.between(190, 420);
    return {
      kx: wavenumber * Math.cos(angle),
      ky: wavenumber * Math.sin(angle),
      phase: random.between(0, 2 * Math.PI),
      amplitude: 0.05 * random.normal(),
    };
  });
  const films = Array.from({ length: random.integer(3) }, () => ({
    x: random.between(-130, 130),
    y: random.between(-110, 110),
    width: random.between(42, 80),
    height: random.between(42, 80),
    amplitude: random.sign() * random.between(0.06, 0.2),
  }));
  const grid = new Float32Array(REFLECTION_COLUMNS * REFLECTION_ROWS);
  for (let row = 0; row < REFLECTION_ROWS; row++) {
    for (let column = 0; column < REFLECTION_COLUMNS; column++) {
      const x = column * REFLECTION_STEP - HALF_WIDTH;
      const y = row * REFLECTION_STEP - HALF_HEIGHT;
      let value = 0;
      for (const wave of waves) value += wave.amplitude * Math.cos(wave.kx * x + wave.ky * y + wave.phase);
      for (const film of films) {
        const dx = (x - film.x) / film.width;
        const dy = (y - film.y) / film.height;
        value += film.amplitude * Math.exp(-0.5 * (dx * dx + dy * dy));
      }
      grid[row * REFLECTION_COLUMNS + column] = Math.exp(value);
    }
  }
  return grid;
}

function drawPrint(random: Random): Pick<Variation, 'lines' | 'printDensity' | 'printX' | 'printY' | 'code'> {
  const serial = String(random.integer(10_000_000)).padStart(7, '0');
  const batch = 'ABCDEFGH'.charAt(random.integer(8));
  const code = new Uint8Array(CODE.cells * CODE.cells);
  for (let row = 0; row < CODE.cells; row++) {
    for (let column = 0; column < CODE.cells; column++) {
      const finder = column === 0 || row === CODE.cells - 1;
      const clock = (row === 0 && column % 2 === 0) || (column === CODE.cells - 1 && row % 2 === 1);
      const edge = row === 0 || column === CODE.cells - 1;
      code[row * CODE.cells + column] = finder || clock || (!edge && random.next() < 0.5) ? 1 : 0;
    }
  }
  return {
    lines: [`SG-4471-${batch}`.padEnd(PRINT_COLUMNS), `SN ${serial}`],
    printDensity: random.between(0.48, 0.62),
    printX: random.tolerance(0.7),
    printY: random.tolerance(0.5),
    code,
  };
}
