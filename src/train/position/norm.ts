/**
 * Normalisation of features from the good images: z = A·W·(x − mean). W makes the features uncorrelated over all patches
 * (the compactness of Wang et al. 2021, section 3.1, in closed form); A, a matrix for each position, does so for the
 * patches that were seen there. Position is believed only as far as held-out images show that it says something.
 */
export interface PositionNorm {
  /** [channels × rows × columns], or [channels] where all positions are taken as one */
  readonly mean: Float32Array;
  /** W, [channels × channels], symmetric */
  readonly whitening: Float32Array;
  /** A, [rows × columns × channels × channels], each symmetric; null when position says nothing */
  readonly factors: Float32Array | null;
  /** How far position was believed, 0…1. */
  readonly trust: number;
}

export interface Grid {
  readonly channels: number;
  readonly rows: number;
  readonly columns: number;
}

export interface PositionSettings {
  /** How far position may be believed: `bestTrust` chooses, by the likelihood of held-out images. */
  readonly trusts: readonly number[];
  /** The covariance around a position counts as much as that of so many images at it. */
  readonly neighbourhoodImages: number;
  /** Deviation of the Gaussian that weights the positions around, in cells. */
  readonly neighbourhoodCells: number;
  /** Added to the variance at a position, whose mean over all positions is 1. */
  readonly leastVariance: number;
  /** Added to the pooled covariance, relative to its mean variance. */
  readonly ridge: number;
  /** Likelihoods are measured at this many positions, evenly spread. */
  readonly probes: number;
}

/** What models are trained with. */
export const POSITION: PositionSettings = {
  trusts: [0, 0.5, 0.8, 1],
  neighbourhoodImages: 400,
  neighbourhoodCells: 2,
  leastVariance: 0.2,
  ridge: 1e-3,
  probes: 150,
};

/** Places that `strangeness` averages over. */
const STRANGEST = 3;

/**
 * How strange the strangest places of an image are: the mean of its largest distances (1/C)‖A·W·(Z_l − mean)‖².
 *
 * @param features Z_l, [channels × rows × columns], of an image that had no part in the norm
 */
export function strangeness(features: Float32Array, norm: PositionNorm, grid: Grid): number {
  const { channels, rows, columns } = grid;
  const cells = rows * columns;
  const centred = new Float64Array(channels);
  const whitened = new Float64Array(channels);
  const distances = new Float64Array(cells);
  const means = norm.mean.length / channels;
  for (let cell = 0; cell < cells; cell += 1) {
    const own = means === 1 ? 0 : cell;
    for (let c = 0; c < channels; c += 1) centred[c] = features[c * cells + cell]! - norm.mean[c * means + own]!;
    multiplyInto(whitened, norm.whitening, 0, centred);
    if (norm.factors) {
      multiplyInto(centred, norm.factors, cell * channels * channels, whitened);
      distances[cell] = meanSquare(centred);
    } else distances[cell] = meanSquare(whitened);
  }
  const strangest = distances.sort().subarray(-STRANGEST);
  return strangest.reduce((sum, value) => sum + value, 0) / strangest.length;
}

/** y = matrix · x, with the square matrix at `offset` of a list. */
function multiplyInto(y: Float64Array, matrices: Float32Array, offset: number, x: Float64Array): void {
  const n = x.length;
  for (let row = 0; row < n; row += 1) {
    let sum = 0;
    const start = offset + row * n;
    for (let column = 0; column < n; column += 1) sum += matrices[start + column]! * x[column]!;
    y[row] = sum;
  }
}

function meanSquare(values: Float64Array): number {
  let sum = 0;
  for (let index = 0; index < values.length; index += 1) sum += values[index]! ** 2;
  return sum / values.length;
}
