import { Random } from '../../src/random.js';
import type { Raster } from '../../src/train/raster.js';
import { greedyCoreset, projected, type Vectors } from './coreset.js';
import { readGoodRegions } from './good-regions.js';
import { gridScorer } from './grid-scorer.js';
import { type FitOptions, type FittedMethod, leftOut, type Method } from './method.js';
import { NearestNeighbour } from './nearest-neighbour.js';
import { type Tap, TeacherGrid } from './teacher-grid.js';

const SETTINGS = {
  revision: 1,
  /** Side of the square of cells that a feature is averaged over; cells outside count as zeros, as published. */
  neighbourhood: 3,
  /** Vectors of the memory bank. */
  bank: 3_000,
  /** Dimensions in which the coreset is chosen. */
  projection: 32,
  /** The coreset is chosen among so many patches at most, drawn at random. */
  candidates: 60_000,
} as const;

/**
 * PatchCore (Roth et al. 2022): the nearest of the patches of good parts, wherever it was seen. The score is the
 * maximum of the smoothed map, as for the other methods, without the paper's weight by the neighbour's neighbours.
 */
export function patchCore(taps: readonly Tap[]): Method {
  return {
    name: ['patchcore', ...taps].join('-'),
    settings: { ...SETTINGS, taps },
    takesMinutes: false,
    fit: (options) => fit(taps, options),
  };
}

async function fit(taps: readonly Tap[], { folder, seed, size, threads }: FitOptions): Promise<FittedMethod> {
  const random = new Random(seed);
  const good = await readGoodRegions(folder, size, random);
  const { width, height, images, skipped, locate } = good;
  const { neighbourhood } = SETTINGS;
  const grid = await TeacherGrid.create({ taps, width, height, neighbourhood, threads });
  const candidates = await readCandidates(grid, images, random);
  good.close();
  const short = projected(candidates, SETTINGS.projection, random);
  const first = random.below(short.data.length / short.dimensions);
  const bank = picked(candidates, greedyCoreset(short, SETTINGS.bank, first));
  const nearest = await NearestNeighbour.create(bank, grid.cells, threads);
  const patches = images.length * grid.cells;
  const notes = leftOut(skipped.length);
  if (patches > SETTINGS.candidates) {
    notes.push(`the memory bank was chosen among ${SETTINGS.candidates} of ${patches} patches, drawn at random`);
  }
  return {
    scorer: gridScorer(grid, locate, (features) => nearest.distances(features)),
    bytes: nearest.bytes + grid.teacherBytes,
    notes,
    close: async () => {
      await nearest.close();
      await grid.close();
    },
  };
}

/** Features of all patches, or of as many as may be candidates. */
async function readCandidates(grid: TeacherGrid, images: readonly Raster[], random: Random): Promise<Vectors> {
  const { channels, cells } = grid;
  const drawn = random.permutation(images.length * cells).slice(0, SETTINGS.candidates);
  const data = new Float32Array(drawn.length * channels);
  const patches = drawn.sort((a, b) => a - b);
  let out = 0;
  for (const [index, image] of images.entries()) {
    const features = await grid.featuresOf(image.data);
    const end = (index + 1) * cells;
    for (; out < patches.length && patches[out]! < end; out += 1) {
      const cell = patches[out]! - index * cells;
      for (let c = 0; c < channels; c += 1) data[out * channels + c] = features[c * cells + cell]!;
    }
  }
  return { dimensions: channels, data };
}

function picked({ dimensions, data }: Vectors, indices: Uint32Array): Vectors {
  const kept = new Float32Array(indices.length * dimensions);
  indices.forEach((index, n) => {
    kept.set(data.subarray(index * dimensions, (index + 1) * dimensions), n * dimensions);
  });
  return { dimensions, data: kept };
}
