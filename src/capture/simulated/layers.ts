import { BOSS, clamp01, HALF_HEIGHT, HALF_WIDTH, MARGIN, PLATE, POCKET, roundedBox, smooth } from './geometry.js';
import { Random } from './random.js';
import { feedProfile, noiseTile, normalTable, TILE, wovenTile } from './textures.js';

/** How a surface was made; indexes the tables below. */
export const FINISH = { milled: 0, turned: 1, blasted: 2, edge: 3 } as const;

/** Samples of texture and profile per design unit across the tool marks: finer than a pixel, so that marks do not alias. */
export const ACROSS_PER_UNIT = 2.4;

/** Where the face mill's centre ran: its marks are arcs around this point. */
export const MILL_CENTRE = { x: -70, y: 400 } as const;

/** Everything about a part and its scene that is the same for each part: computed once for a frame size and placement. */
export interface Layers {
  readonly width: number;
  readonly height: number;
  /** Raster pixels per design unit. */
  readonly scale: number;
  /** Share of the pixel that the part covers. */
  readonly cover: Float32Array;
  /** Share of the belt's light that is left beside the part. */
  readonly belt: Float32Array;
  /** Reflectance in grey levels under unit light. */
  readonly base: Float32Array;
  /** Slope of edges and walls; 0 on flat faces. */
  readonly slopeX: Float32Array;
  readonly slopeY: Float32Array;
  /** Twice the angle of the tool marks, as cosine and sine scaled by how strongly the finish is directed. */
  readonly grainCos: Float32Array;
  readonly grainSin: Float32Array;
  readonly finish: Uint8Array;
  /** Texture coordinates: across the tool marks and along them. */
  readonly across: Uint16Array;
  readonly along: Uint16Array;
  readonly textures: readonly Float32Array[];
  readonly profiles: readonly Float32Array[];
  readonly weave: Float32Array;
  readonly vignette: Float32Array;
  readonly sensorNoise: Float32Array;
}

/** Numbers in the sensor noise table: a power of two. */
export const NOISE_LENGTH = 1 << 20;

/**
 * Builds the layers of a frame of `frameWidth` × `frameHeight` in which one design unit is `scale` pixels.
 * The material does not depend on the line's seed: every seed makes parts of the same product.
 */
export function buildLayers(frameWidth: number, frameHeight: number, scale: number): Layers {
  const width = Math.ceil(2 * HALF_WIDTH * scale);
  const height = Math.ceil(2 * HALF_HEIGHT * scale);
  const count = width * height;
  const random = new Random(20210621);
  const layers: Layers = {
    width,
    height,
    scale,
    cover: new Float32Array(count),
    belt: new Float32Array(count),
    base: new Float32Array(count),
    slopeX: new Float32Array(count),
    slopeY: new Float32Array(count),
    grainCos: new Float32Array(count),
    grainSin: new Float32Array(count),
    finish: new Uint8Array(count),
    across: new Uint16Array(count),
    along: new Uint16Array(count),
    textures: [noiseTile(random, 22, 1), noiseTile(random, 34, 1), noiseTile(random, 2, 1), noiseTile(random, 6, 1)],
    profiles: [
      feedProfile(random, 6.4 * ACROSS_PER_UNIT),
      feedProfile(random, 3.4 * ACROSS_PER_UNIT),
      feedProfile(random, 3 * ACROSS_PER_UNIT),
      feedProfile(random, 2 * ACROSS_PER_UNIT),
    ],
    weave: wovenTile(random, Math.max(16, 2 * Math.round((TILE * 512) / (11 * Math.min(frameWidth, frameHeight))))),
    vignette: vignette(frameWidth, frameHeight),
    sensorNoise: normalTable(random, NOISE_LENGTH),
  };
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const x = (column + 0.5) / scale - HALF_WIDTH;
      const y = (row + 0.5) / scale - HALF_HEIGHT;
      fillPixel(layers, row * width + column, x, y);
    }
  }
  return layers;
}

function fillPixel(layers: Layers, i: number, x: number, y: number): void {
  const outline = roundedBox(x, y, PLATE.halfWidth, PLATE.halfHeight, PLATE.corner);
  layers.cover[i] = clamp01(0.5 - outline.distance * layers.scale);
  const contact = Math.exp(-Math.max(0, outline.distance) / 6) * (1 - smooth(MARGIN * 0.6, MARGIN, outline.distance));
  layers.belt[i] = (1 - layers.cover[i]!) * (1 - 0.6 * contact);

  const radius = Math.hypot(x, y);
  const pocket = roundedBox(x - POCKET.x, y - POCKET.y, POCKET.halfWidth, POCKET.halfHeight, POCKET.corner);
  if (outline.distance > -PLATE.chamfer) {
    setEdge(layers, i, outline.nx, outline.ny, 0.75, outline.distance, x * outline.ny - y * outline.nx);
  } else if (radius < BOSS.radius) {
    const edge = BOSS.radius - radius < BOSS.chamfer;
    const groove = Math.abs(radius - BOSS.groove) < BOSS.grooveWidth / 2;
    setFinish(
      layers,
      i,
      FINISH.turned,
      radius,
      (Math.atan2(y, x) * TILE) / (2 * Math.PI),
      Math.atan2(y, x) + Math.PI / 2,
    );
    layers.base[i] = 104;
    if (edge) setEdge(layers, i, x / radius, y / radius, 0.8, radius, Math.atan2(y, x) * radius);
    if (groove) {
      const side = (radius - BOSS.groove) / (BOSS.grooveWidth / 2);
      layers.slopeX[i] = (-side * 0.7 * x) / radius;
      layers.slopeY[i] = (-side * 0.7 * y) / radius;
      layers.base[i] = 62;
    }
  } else if (pocket.distance < 0) {
    if (pocket.distance > -POCKET.wall) {
      setEdge(layers, i, -pocket.nx, -pocket.ny, 0.85, pocket.distance, x + y);
      layers.base[i] = 74;
    } else {
      setFinish(layers, i, FINISH.blasted, x, y * ACROSS_PER_UNIT, 0);
      layers.base[i] = 84;
      layers.grainCos[i] = 0;
      layers.grainSin[i] = 0;
    }
  } else {
    const dx = x - MILL_CENTRE.x;
    const dy = y - MILL_CENTRE.y;
    const angle = Math.atan2(dy, dx);
    setFinish(layers, i, FINISH.milled, Math.hypot(dx, dy), angle * 320, angle + Math.PI / 2);
    // A step in height casts a soft shade on the face beside it.
    layers.base[i] = 94 * (1 - 0.28 * Math.exp(-(radius - BOSS.radius) / 4));
  }
}

function setFinish(layers: Layers, i: number, finish: number, across: number, along: number, angle: number): void {
  layers.finish[i] = finish;
  layers.across[i] = textureCoordinate(across * ACROSS_PER_UNIT);
  layers.along[i] = textureCoordinate(along);
  layers.grainCos[i] = Math.cos(2 * angle);
  layers.grainSin[i] = Math.sin(2 * angle);
}

function setEdge(
  layers: Layers,
  i: number,
  nx: number,
  ny: number,
  slope: number,
  across: number,
  along: number,
): void {
  setFinish(layers, i, FINISH.edge, across, along, 0);
  layers.base[i] = 98;
  layers.slopeX[i] = nx * slope;
  layers.slopeY[i] = ny * slope;
  layers.grainCos[i] = 0;
  layers.grainSin[i] = 0;
}

/** Tiles and profiles have sides of powers of two, so that a coordinate may wrap in 16 bits. */
export function textureCoordinate(position: number): number {
  return Math.floor(position + 32768) & 0xffff;
}

/** The lens darkens towards the corners (cos⁴ law, here 14 % at the corner). */
function vignette(width: number, height: number): Float32Array {
  const map = new Float32Array(width * height);
  const reach = 0.28 / Math.hypot(width / 2, height / 2);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const tangent = Math.hypot(x + 0.5 - width / 2, y + 0.5 - height / 2) * reach;
      map[y * width + x] = 1 / (1 + tangent * tangent) ** 2;
    }
  }
  return map;
}
