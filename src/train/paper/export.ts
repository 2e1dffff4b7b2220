import type { HeadNorm } from '../export.js';
import { Graph, type Value } from '../graph.js';
import { FrozenParameters, type Weights } from '../networks/parameters.js';
import {
  add,
  concatenate,
  matmul,
  meanOver,
  multiply,
  negate,
  reshape,
  scalar,
  scale,
  slice,
  square,
  subtract,
} from '../operators.js';
import { pixelsFromBytes } from '../preprocess.js';
import { paperGlobalNet, paperLocalNet, paperNormality } from './networks.js';
import { patchArea } from './patches.js';
import { PAPER, PATCH_STARTS } from './settings.js';

export interface PaperExportOptions {
  readonly weights: Weights;
  /** Of the region, which is scaled to 256 × 256 inside. */
  readonly height: number;
  readonly width: number;
  /** Side of a map cell in pixels of the region. */
  readonly stride: number;
  readonly contextNorm: HeadNorm;
  readonly distortionNorm: HeadNorm;
}

/**
 * The published method as a model file with the contract of every other (`infer/contract.ts`): each of the 20 × 20 patches
 * goes through Local-Net, and through Global-Net with a mask of its own; the scores are interpolated to the map.
 */
export function exportPaperModel(options: PaperExportOptions): Uint8Array {
  const { height, width, stride, weights } = options;
  const { size, grid } = PAPER;
  const g = new Graph();
  const source = new FrozenParameters(weights);
  const region = pixelsFromBytes(g, g.input('region', [1, height, width, 3], 'uint8'));
  const image = resized(g, region, size);
  const rows = PATCH_STARTS.map((top) => rowOfPatches(g, image, top, source));
  const stacked = (values: readonly Value[]) => reshape(g, concatenate(g, values, 0), [1, grid, grid]);
  const [mapRows, mapColumns] = [height / stride, width / stride];
  const map = (values: readonly Value[], { centre, spread }: HeadNorm, weight: number) => {
    const scored = multiply(g, subtract(g, stacked(values), scalar(g, centre)), scalar(g, 1 / spread));
    const down = g.constant([1, mapRows, grid], interpolation(mapRows));
    const across = g.constant([1, grid, mapColumns], transposed(interpolation(mapColumns), mapColumns));
    return scale(g, matmul(g, matmul(g, down, scored), across), weight);
  };
  // The published method does not ask whether a patch fits its place.
  const position = g.constant([1, mapRows, mapColumns], new Float32Array(mapRows * mapColumns));
  const context = map(
    rows.map((row) => row.context),
    options.contextNorm,
    PAPER.lambdaS,
  );
  const distortion = map(
    rows.map((row) => row.distortion),
    options.distortionNorm,
    1 - PAPER.lambdaS,
  );
  const score = add(g, context, distortion);
  for (const [name, value] of Object.entries({ score, position, context, distortion })) g.output(name, value);
  return g.toModel('sideglance, published method');
}

/** s_IAD and s_DAD of the patches in one row of the grid, [20, 1] each. */
function rowOfPatches(g: Graph, image: Value, top: number, source: FrozenParameters) {
  const { grid, patch, size, lastSide } = PAPER;
  const strip = slice(g, image, 2, top, patch);
  const patches = concatenate(
    g,
    PATCH_STARTS.map((left) => slice(g, strip, 3, left, patch)),
    0,
  );
  const inside = (start: number) =>
    Float32Array.from({ length: size }, (_, at) => (at >= start && at < start + patch ? 1 : 0));
  const columns = new Float32Array(grid * size);
  const areas = new Float32Array(grid * lastSide ** 2);
  PATCH_STARTS.forEach((left, index) => {
    columns.set(inside(left), index * size);
    patchArea(left, top, areas.subarray(index * lastSide ** 2, (index + 1) * lastSide ** 2));
  });
  const holes = multiply(g, g.constant([1, 1, size, 1], inside(top)), g.constant([grid, 1, 1, size], columns));
  const mask = subtract(g, scalar(g, 1), holes);
  const local = paperLocalNet(g, patches, source);
  const global = paperGlobalNet(g, image, mask, g.constant([grid, 1, lastSide, lastSide], areas), source);
  return {
    context: meanOver(g, square(g, subtract(g, local, global)), [1]),
    distortion: negate(g, paperNormality(g, local, global, source)),
  };
}

/** Bilinear scaling to a square. */
function resized(g: Graph, x: Value, side: number): Value {
  const [n, c, h, w] = x.shape as [number, number, number, number];
  if (h === side && w === side) return x;
  const sizes = g.integers([n, c, side, side]);
  const none = g.constant([0], []);
  return g.apply('Resize', [x, none, none, sizes], [n, c, side, side], {
    attributes: { mode: 'linear', coordinate_transformation_mode: 'half_pixel' },
  });
}

/** For each cell of a map the weights of the patches whose centres lie beside its own, [cells × 20]. */
function interpolation(cells: number): Float32Array {
  const { size, patch, grid } = PAPER;
  const weights = new Float32Array(cells * grid);
  for (let cell = 0; cell < cells; cell += 1) {
    const centre = ((cell + 0.5) / cells) * size - patch / 2;
    const next = PATCH_STARTS.findIndex((start) => start >= centre);
    if (next <= 0) weights[cell * grid + (next < 0 ? grid - 1 : 0)] = 1;
    else {
      const [a, b] = [PATCH_STARTS[next - 1]!, PATCH_STARTS[next]!];
      weights[cell * grid + next] = (centre - a) / (b - a);
      weights[cell * grid + next - 1] = (b - centre) / (b - a);
    }
  }
  return weights;
}

/** [cells × 20] → [20 × cells] */
function transposed(matrix: Float32Array, cells: number): Float32Array {
  const { grid } = PAPER;
  return matrix.map((_, index) => matrix[(index % cells) * grid + Math.floor(index / cells)]!);
}
