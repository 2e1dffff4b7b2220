import type { TrainEvent } from './events.js';
import { FeatureExtractor } from './features.js';
import { LOCAL_NET } from './networks/local-net.js';
import type { Weights } from './networks/parameters.js';
import { WIDE_NET } from './networks/wide-net.js';
import { type PositionNorm, strangeness } from './position/norm.js';
import { PositionStatistics } from './position/statistics.js';
import type { Raster } from './raster.js';
import { type GoodImage, type ImageFacts, warnOfFeatures } from './strange-images.js';

/** What belongs where: for the feature of the patch, and for that of the patch with what surrounds it. */
export interface PositionNorms {
  readonly local: PositionNorm;
  readonly wide: PositionNorm;
}

export interface LearnPositionsOptions {
  readonly training: readonly GoodImage[];
  readonly heldOut: readonly GoodImage[];
  readonly threads: number;
  readonly emit: (event: TrainEvent) => void;
}

/** Features of so many bytes are kept, to look for images unlike the rest; images beyond are not looked at. */
const KEPT_BYTES = 512 * 2 ** 20;

/** Learns what belongs where, and warns of images that look as if they did not belong. */
export async function learnPositions(
  weights: Weights,
  { training, heldOut, threads, emit }: LearnPositionsOptions,
): Promise<PositionNorms> {
  const { width, height } = training[0] as Raster;
  const { stride, features } = LOCAL_NET;
  const [rows, columns] = [height / stride, width / stride];
  const grid = { channels: features, rows, columns };
  const extractor = await FeatureExtractor.create({ weights, batch: 1, height, width, wide: true, threads });
  const kept: { file: string; features: Float32Array; learntFrom: boolean }[] = [];
  const most = KEPT_BYTES / (4 * extractor.featuresLength);
  const statistics = new PositionStatistics(grid);
  const wideStatistics = new PositionStatistics({ channels: WIDE_NET.features, rows, columns });
  try {
    const look = async (image: GoodImage, learntFrom: boolean) => {
      extractor.image(0).set(image.data);
      await extractor.run();
      if (kept.length < most) {
        kept.push({ file: image.file, features: Float32Array.from(extractor.features), learntFrom });
      }
    };
    for (const image of heldOut) await look(image, false);
    for (const image of training) {
      await look(image, true);
      statistics.add(extractor.features);
      wideStatistics.add(extractor.wide);
    }
  } finally {
    await extractor.close();
  }
  const trust = statistics.bestTrust(kept.filter((one) => !one.learntFrom).map((one) => one.features));
  emit({ type: 'phase', text: `position is trusted by ${trust}` });
  const local = statistics.norm(trust);
  const facts = kept.map(
    (one): ImageFacts => ({
      file: one.file,
      learntFrom: one.learntFrom,
      feature: meanFeature(one.features, features),
      strangeness: strangeness(one.features, local, grid, one.learntFrom ? training.length : 0),
    }),
  );
  for (const warning of warnOfFeatures(facts)) emit({ type: 'warning', ...warning });
  return { local, wide: wideStatistics.norm(trust) };
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
