import type { TrainEvent } from './events.js';
import { FeatureExtractor } from './features.js';
import { LOCAL_NET } from './networks/local-net.js';
import type { Weights } from './networks/parameters.js';
import { POSITION, type PositionNorm, type PositionSettings, strangeness } from './position/norm.js';
import { PositionStatistics } from './position/statistics.js';
import type { Raster } from './raster.js';
import { type GoodImage, type ImageFacts, warnOfFeatures } from './strange-images.js';

/** Norms from all good images, and from all but one fold: no image of that fold had a part in them. */
export interface LearntPositions {
  readonly all: PositionNorm;
  /** In the order of the folds. */
  readonly without: readonly PositionNorm[];
}

export interface LearnPositionsOptions {
  /** At least two; the first is held out of everything else that is trained, too. */
  readonly folds: readonly (readonly GoodImage[])[];
  readonly threads: number;
  /** `POSITION` when left out. */
  readonly settings?: PositionSettings;
  /** Take all positions as one, for they mean nothing. */
  readonly pooled?: boolean;
  readonly emit: (event: TrainEvent) => void;
}

/** Features of so many bytes are kept, to look for images unlike the rest; images beyond are not looked at. */
const KEPT_BYTES = 512 * 2 ** 20;

/** Learns what belongs where, and warns of images that look as if they did not belong. */
export async function learnPositions(
  weights: Weights,
  { folds, threads, settings = POSITION, pooled = false, emit }: LearnPositionsOptions,
): Promise<LearntPositions> {
  const { width, height } = folds[0]![0] as Raster;
  const { stride, features } = LOCAL_NET;
  const [rows, columns] = [height / stride, width / stride];
  const grid = { channels: features, rows, columns };
  const positions = pooled ? { ...grid, rows: 1, columns: 1 } : grid;
  const unmirrored = wholePatches(rows, columns);
  const statistics = folds.map(() => new PositionStatistics(positions, settings));
  const kept: { file: string; features: Float32Array; fold: number }[] = [];
  const extractor = await FeatureExtractor.create({ weights, batch: 1, height, width, threads });
  const most = KEPT_BYTES / (4 * extractor.featuresLength);
  try {
    for (const [fold, images] of folds.entries()) {
      for (const image of images) {
        extractor.image(0).set(image.data);
        await extractor.run();
        if (pooled) statistics[fold]!.addCells(extractor.features, unmirrored);
        else statistics[fold]!.add(extractor.features);
        if (kept.length < most) kept.push({ file: image.file, features: Float32Array.from(extractor.features), fold });
      }
    }
  } finally {
    await extractor.close();
  }
  const others = (fold: number) => PositionStatistics.joined(statistics.filter((_, index) => index !== fold));
  let trust = 0;
  if (!pooled) {
    trust = others(0).bestTrust(kept.filter(({ fold }) => fold === 0).map((one) => one.features));
    emit({ type: 'phase', text: `position is trusted by ${trust}` });
  }
  const without = folds.map((_, fold) => others(fold).norm(trust));
  const facts = kept.map(
    (one): ImageFacts => ({
      file: one.file,
      feature: meanFeature(one.features, features),
      strangeness: strangeness(one.features, without[one.fold]!, grid),
    }),
  );
  for (const warning of warnOfFeatures(facts)) emit({ type: 'warning', ...warning });
  return { all: PositionStatistics.joined(statistics).norm(trust), without };
}

/** The cells whose patch lies in the image: no surface looks like its mirrored border. */
function wholePatches(rows: number, columns: number): number[] {
  const margin = Math.ceil(LOCAL_NET.border / LOCAL_NET.stride);
  const isInside = (at: number, length: number) => at >= margin && at < length - margin;
  return Array.from({ length: rows * columns }, (_, cell) => cell).filter(
    (cell) => isInside(Math.floor(cell / columns), rows) && isInside(cell % columns, columns),
  );
}

/** Mean over all patches, a value for each channel. */
function meanFeature(features: Float32Array, channels: number): Float32Array {
  const cells = features.length / channels;
  return Float32Array.from({ length: channels }, (_, c) => {
    let sum = 0;
    for (let cell = 0; cell < cells; cell += 1) sum += features[c * cells + cell]!;
    return sum / cells;
  });
}
