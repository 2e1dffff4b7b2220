import type { Random } from './random.js';

/** Side of every texture tile; tiles repeat without a seam, so an offset drawn at random gives fresh material. */
export const TILE = 512;
const MASK = TILE - 1;

/** Length of a tool-mark profile in samples; it repeats. */
export const PROFILE = 4096;

/** A tile of noise, blurred by `radiusX` and `radiusY` pixels, with mean 0 and deviation 1. */
export function noiseTile(random: Random, radiusX: number, radiusY: number): Float32Array {
  const tile = new Float32Array(TILE * TILE);
  for (let i = 0; i < tile.length; i++) tile[i] = random.normal();
  for (let pass = 0; pass < 2; pass++) {
    blurTile(tile, radiusX, 1);
    blurTile(tile, radiusY, TILE);
  }
  return standardise(tile);
}

/**
 * What a conveyor belt looks like from above: threads crossing over and under, worn unevenly, with a few scuffs along
 * the direction of travel. `threads` cross one tile. Mean 0, deviation 1.
 */
export function wovenTile(random: Random, threads: number): Float32Array {
  const wear = noiseTile(random, 40, 25);
  const grain = noiseTile(random, 1, 1);
  const scuffs = noiseTile(random, 70, 1);
  const warp = Float32Array.from({ length: threads }, () => random.normal());
  const weft = Float32Array.from({ length: threads }, () => random.normal());
  const tile = new Float32Array(TILE * TILE);
  for (let y = 0; y < TILE; y++) {
    for (let x = 0; x < TILE; x++) {
      const i = y * TILE + x;
      const column = (x * threads) / TILE;
      const row = (y * threads) / TILE;
      const above = (Math.floor(column) + Math.floor(row)) % 2 === 0;
      const across = above ? column % 1 : row % 1;
      const thread = Math.sin(Math.PI * across) - 0.64;
      const tone = above ? warp[Math.floor(column)]! : weft[Math.floor(row)]! - 0.8;
      tile[i] = 1.5 * thread + 0.35 * tone + 0.45 * wear[i]! + 0.35 * grain[i]! + 0.3 * Math.max(0, scuffs[i]! - 1);
    }
  }
  return standardise(tile);
}

/** Height of the tool marks along the feed: a pitch that is never quite regular, and chatter on top. Deviation 1. */
export function feedProfile(random: Random, samplesPerPitch: number): Float32Array {
  const pitches = Math.max(1, Math.round(PROFILE / samplesPerPitch));
  const depth = Float32Array.from({ length: pitches }, () => 1 + 0.45 * random.normal());
  const shift = Float32Array.from({ length: pitches }, () => 0.12 * random.normal());
  const profile = new Float32Array(PROFILE);
  let slow = 0;
  for (let i = 0; i < PROFILE; i++) {
    const position = (i * pitches) / PROFILE;
    const mark = Math.floor(position);
    slow = 0.98 * slow + 0.2 * random.normal();
    profile[i] = depth[mark]! * Math.cos(2 * Math.PI * (position + shift[mark]!)) + 0.35 * slow + 0.3 * random.normal();
  }
  return standardise(profile);
}

/** Standard normal numbers to draw from at a random offset: a call for each pixel would cost more than the picture. */
export function normalTable(random: Random, length: number): Float32Array {
  const table = new Float32Array(length);
  for (let i = 0; i < length; i++) table[i] = random.normal();
  return table;
}

/** Running sum along one axis of a tile that wraps around. */
function blurTile(tile: Float32Array, radius: number, step: 1 | typeof TILE): void {
  if (radius < 1) return;
  const line = new Float32Array(TILE);
  const across = step === 1 ? TILE : 1;
  for (let start = 0; start < TILE; start++) {
    const base = start * across;
    for (let i = 0; i < TILE; i++) line[i] = tile[base + i * step]!;
    let sum = 0;
    for (let i = -radius; i <= radius; i++) sum += line[i & MASK]!;
    for (let i = 0; i < TILE; i++) {
      tile[base + i * step] = sum;
      sum += line[(i + radius + 1) & MASK]! - line[(i - radius) & MASK]!;
    }
  }
}

function standardise(values: Float32Array): Float32Array {
  let sum = 0;
  let squares = 0;
  for (const value of values) {
    sum += value;
    squares += value * value;
  }
  const mean = sum / values.length;
  const scale = 1 / Math.sqrt(Math.max(1e-12, squares / values.length - mean * mean));
  for (let i = 0; i < values.length; i++) values[i] = (values[i]! - mean) * scale;
  return values;
}
