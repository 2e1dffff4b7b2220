import { Random } from '../../src/random.js';
import { CellGaussians } from './cell-gaussians.js';
import { readGoodRegions } from './good-regions.js';
import { gridScorer } from './grid-scorer.js';
import { type FitOptions, type FittedMethod, leftOut, type Method } from './method.js';
import { TeacherGrid } from './teacher-grid.js';

const SETTINGS = {
  revision: 1,
  taps: ['s4', 's8', 's16'],
  /** Drawn at random of all channels of the taps. */
  channels: 100,
  ridge: 0.01,
} as const;

/** PaDiM (Defard et al. 2021): what a cell looks like on good parts, for each cell of its own. */
export const PADIM: Method = { name: 'padim', settings: SETTINGS, takesMinutes: false, fit };

async function fit({ folder, seed, size, threads }: FitOptions): Promise<FittedMethod> {
  const random = new Random(seed);
  const good = await readGoodRegions(folder, size, random);
  const { width, height, images, skipped, locate } = good;
  const grid = await TeacherGrid.create({ taps: SETTINGS.taps, width, height, threads });
  const chosen = random.permutation(grid.channels).slice(0, SETTINGS.channels);
  const choose = (features: Float32Array): Float32Array => {
    const { cells } = grid;
    const kept = new Float32Array(chosen.length * cells);
    chosen.forEach((channel, index) => {
      kept.set(features.subarray(channel * cells, (channel + 1) * cells), index * cells);
    });
    return kept;
  };
  const features: Float32Array[] = [];
  for (const { data } of images) features.push(choose(await grid.featuresOf(data)));
  good.close();
  const gaussians = new CellGaussians(features, chosen.length, SETTINGS.ridge);
  return {
    scorer: gridScorer(grid, locate, (seen) => gaussians.distances(choose(seen))),
    bytes: gaussians.bytes + grid.teacherBytes,
    notes: leftOut(skipped.length),
    close: () => grid.close(),
  };
}
