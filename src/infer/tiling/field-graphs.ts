import { SideglanceError } from '../../errors.js';
import { decodeModel, encodeModel } from '../../onnx/codec.js';
import {
  type CellSize,
  CONTEXT_INPUTS,
  checkContextContract,
  checkFeaturesContract,
  FEATURES_OUTPUT,
  type FieldGeometry,
  INPUT_NAME,
  type ModelFiles,
  OUTPUT_NAMES,
} from '../contract.js';
import { type Provider, Session, type SessionOptions } from '../ort/session.js';
import { TileBatch, type TileTensor } from './tile-batch.js';
import type { TileSizes } from './tile-sizes.js';

export interface FieldSettings extends FieldGeometry {
  /** Pixels of the model to a side of a cell. */
  readonly stride: number;
  readonly tiles: TileSizes;
}

export interface FieldGraphsOptions extends SessionOptions {
  readonly settings: FieldSettings;
  /** What messages call the model. */
  readonly name: string;
  /** How many tiles each run takes. */
  readonly batch: (provider: Provider) => number;
}

type FeaturesTensors = ReturnType<typeof featuresTensors>;
type ContextTensors = ReturnType<typeof contextTensors>;
export type FeaturesBatch = TileBatch<FeaturesTensors['inputs'], FeaturesTensors['outputs']>;
export type ContextBatch = TileBatch<ContextTensors['inputs'], ContextTensors['outputs']>;

/** Both graphs of a `field` model, loaded for tiles of one size: `contract.ts` says what they take and give. */
export class FieldGraphs {
  readonly provider: Provider;
  /** Tiles, and so regions, that are worked on at a time. */
  readonly tiles: number;
  readonly features: FeaturesBatch;
  readonly context: ContextBatch;
  readonly #sessions: readonly Session[];

  private constructor(
    sessions: { readonly features: Session; readonly context: Session },
    settings: FieldSettings,
    tiles: number,
  ) {
    this.provider = sessions.features.provider;
    this.tiles = tiles;
    this.features = new TileBatch(sessions.features, tiles, featuresTensors(settings));
    this.context = new TileBatch(sessions.context, tiles, contextTensors(settings));
    this.#sessions = Object.values(sessions);
  }

  /** @throws SideglanceError `SG_MODEL_INVALID` where a graph does not keep its contract; otherwise as `Session.create` */
  static async load(files: ModelFiles, options: FieldGraphsOptions): Promise<FieldGraphs> {
    const { settings, name, batch, ...runtime } = options;
    const { tiles, stride } = settings;
    if (!files.context) {
      throw new SideglanceError(
        'SG_MODEL_INVALID',
        `${name} lacks the graph that judges cells. Export the model again`,
      );
    }
    const pixels = sidesOf(tiles.features, settings);
    const sides = { height: pixels.rows, width: pixels.columns };
    const features = await Session.create(fixed(files.model, name, sides), { ...runtime, name });
    const open = [features];
    try {
      checkFeaturesContract(features, tiles.features, { ...settings, stride }, name);
      // The same provider, or none: half a model on the CPU is no model on a GPU.
      const judging = { ...runtime, providers: [features.provider], name: `${name} (context)` };
      const context = await Session.create(fixed(files.context, judging.name, { ...tiles.context }), judging);
      open.push(context);
      checkContextContract(context, tiles.context, settings, judging.name);
      return new FieldGraphs({ features, context }, settings, batch(features.provider));
    } catch (thrown) {
      for (const session of open) await session.close();
      throw thrown;
    }
  }

  async close(): Promise<void> {
    for (const session of this.#sessions) await session.close();
  }
}

/** The same model with fixed sizes for these free dimensions: for a GPU, shapes that never change. */
function fixed(model: Uint8Array, name: string, sizes: Readonly<Record<string, number>>): Uint8Array {
  const decoded = decodeModel(model, name);
  const inputs = decoded.graph.inputs.map((input) => ({
    ...input,
    shape: input.shape.map((size) => (typeof size === 'string' ? (sizes[size] ?? size) : size)),
  }));
  return encodeModel({ ...decoded, graph: { ...decoded.graph, inputs } });
}

function featuresTensors(settings: FieldSettings) {
  const { features: tile } = settings.tiles;
  const pixels = sidesOf(tile, settings);
  return {
    inputs: { [INPUT_NAME]: tensor('uint8', [pixels.rows, pixels.columns, 3]) },
    outputs: { [FEATURES_OUTPUT]: tensor('float32', [tile.rows, tile.columns, settings.channels]) },
  };
}

function contextTensors({ channels, tiles: { context: tile } }: FieldSettings) {
  const [score, position, context, distortion] = OUTPUT_NAMES;
  const map = tensor('float32', [tile.rows, tile.columns]);
  return {
    inputs: {
      [CONTEXT_INPUTS.features]: tensor('float32', [tile.rows, tile.columns, channels]),
      [CONTEXT_INPUTS.inside]: tensor('float32', [1, tile.rows, tile.columns]),
    },
    outputs: { [score]: map, [position]: map, [context]: map, [distortion]: map },
  };
}

function tensor<T extends TileTensor['type']>(type: T, shape: readonly number[]): TileTensor<T> {
  return { type, shape };
}

/** Pixels of a tile of cells and of its border. */
function sidesOf(tile: CellSize, { stride, border }: FieldSettings): CellSize {
  return { rows: tile.rows * stride + 2 * border, columns: tile.columns * stride + 2 * border };
}
