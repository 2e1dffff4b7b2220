import { FINISH } from './layers.js';
import type { PartRaster, Span } from './raster.js';
import { PROFILE, TILE } from './textures.js';
import { REFLECTION_COLUMNS, REFLECTION_STEP } from './variation.js';

/** How far the streaks of a finish swing the brightness, by finish. */
const STREAKS = [0.055, 0.06, 0.1, 0.05];
const TILE_BITS = Math.log2(TILE);
const TILE_MASK = TILE - 1;
const PROFILE_MASK = PROFILE - 1;

/** exp(−sharpness · t) for t in [0, 1]: the lobe of a directed finish (after Ward, SIGGRAPH 1992), by table. */
const LOBE_STEPS = 512;
const LOBE = Float32Array.from({ length: LOBE_STEPS + 2 }, (_, i) => Math.exp((-3.2 * i) / LOBE_STEPS));

/** Paints bare metal into a span of the raster's `light`: no bores, no print. */
export function paintSurface(raster: PartRaster, span: Span): void {
  const { layers, variation, light } = raster;
  const { width, scale } = layers;
  const reflectionRow = new Float32Array(REFLECTION_COLUMNS);
  const reflectionStep = 1 / (REFLECTION_STEP * scale);
  const { lightX, lightY, markDepth, phases, tileOffsets, highlights, reflection } = variation;
  const [first, second] = [highlights[0]!, highlights[1]!];
  for (let row = span.top; row < span.bottom; row++) {
    const gridRow = (row + 0.5) * reflectionStep;
    const above = Math.floor(gridRow) * REFLECTION_COLUMNS;
    const share = gridRow % 1;
    for (let c = 0; c < REFLECTION_COLUMNS; c++) {
      reflectionRow[c] = reflection[above + c]! * (1 - share) + reflection[above + REFLECTION_COLUMNS + c]! * share;
    }
    for (let column = span.left; column < span.right; column++) {
      const i = row * width + column;
      const base = layers.base[i]!;
      if (base === 0) {
        light[i] = 0;
        continue;
      }
      const finish = layers.finish[i]!;
      const across = layers.across[i]!;
      const mark = layers.profiles[finish]![(across + phases[finish]!) & PROFILE_MASK]!;
      const offset = tileOffsets[finish]!;
      const tile =
        ((((across >> 1) + (offset >> 9)) & TILE_MASK) << TILE_BITS) | ((layers.along[i]! + offset) & TILE_MASK);
      const streak = layers.textures[finish]![tile]!;
      let shine = 1 + 0.62 * (layers.slopeX[i]! * lightX + layers.slopeY[i]! * lightY);
      if (finish <= FINISH.turned) {
        const cos = layers.grainCos[i]!;
        const sin = layers.grainSin[i]!;
        shine +=
          first.strength * LOBE[(0.5 * LOBE_STEPS * (1 + cos * first.cos + sin * first.sin)) | 0]! +
          second.strength * LOBE[(0.5 * LOBE_STEPS * (1 + cos * second.cos + sin * second.sin)) | 0]! -
          0.35;
      }
      const gridColumn = (column + 0.5) * reflectionStep;
      const cell = gridColumn | 0;
      const mirrored = reflectionRow[cell]! + (reflectionRow[cell + 1]! - reflectionRow[cell]!) * (gridColumn - cell);
      light[i] = base * shine * mirrored * (1 + markDepth[finish]! * mark + STREAKS[finish]! * streak);
    }
  }
}
