import { Session } from '../infer/ort/session.js';
import { inWholeBlocks } from '../infer/whole-blocks.js';
import { Graph } from './graph.js';
import { LOCAL_NET, localNet } from './networks/local-net.js';
import { normalisedFeature } from './networks/normalise.js';
import { FrozenParameters, type Weights } from './networks/parameters.js';
import type { PositionNorm } from './position/norm.js';
import { pixelsFromBytes } from './preprocess.js';

/** Local-Net on a batch of images held in `images`: each `run` fills `features`, [batch × 56 × h × w]. */
export class FeatureExtractor {
  readonly images: Uint8Array;
  readonly features: Float32Array;
  readonly imageBytes: number;
  readonly featuresLength: number;
  readonly #session: Session;
  readonly #run: () => Promise<void>;

  private constructor(session: Session, batch: number, height: number, width: number) {
    const grid = [height / LOCAL_NET.stride, width / LOCAL_NET.stride];
    const shape = [batch, LOCAL_NET.features, ...grid];
    this.#session = session;
    this.imageBytes = height * width * 3;
    this.featuresLength = shape.slice(1).reduce((a, b) => a * b, 1);
    this.images = new Uint8Array(batch * this.imageBytes);
    this.features = new Float32Array(batch * this.featuresLength);
    const binding = session.bind(
      { images: { type: 'uint8', shape: [batch, height, width, 3], data: this.images } },
      { local: { type: 'float32', shape, data: this.features } },
    );
    this.#run = () => session.run(binding);
  }

  static async create(options: {
    readonly weights: Weights;
    readonly batch: number;
    readonly height: number;
    readonly width: number;
    /** Normalises Z_l. */
    readonly norm?: PositionNorm;
    readonly threads: number;
  }): Promise<FeatureExtractor> {
    const { weights, batch, height, width, norm, threads } = options;
    const g = new Graph();
    const source = new FrozenParameters(weights);
    const pixels = pixelsFromBytes(g, g.input('images', [batch, height, width, 3], 'uint8'));
    const feature = localNet(g, pixels, source);
    g.output('local', norm ? normalisedFeature(g, feature, norm) : feature);
    const session = await Session.create(inWholeBlocks(g.toModel('features')), { threads });
    return new FeatureExtractor(session, batch, height, width);
  }

  async run(): Promise<void> {
    await this.#run();
  }

  /** The bytes of one image of the batch, to be filled. */
  image(index: number): Uint8Array {
    return this.images.subarray(index * this.imageBytes, (index + 1) * this.imageBytes);
  }

  /** Z_l of one image of the batch. */
  feature(index: number): Float32Array {
    return this.features.subarray(index * this.featuresLength, (index + 1) * this.featuresLength);
  }

  async close(): Promise<void> {
    await this.#session.close();
  }
}
