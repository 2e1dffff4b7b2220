import { SideglanceError } from '../../errors.js';
import { decodeModel, encodeModel } from '../../onnx/codec.js';
import {
  type CellSize,
  CONTEXT_INPUTS,
  checkContextContract,
  checkFeaturesContract,
  FEATURES_OUTPUT,
  type FieldGeometry,
  HEAD_VALUES,
  INPUT_NAME,
  type ModelFiles,
  OUTPUT_NAMES,
} from '../contract.js';
import { type GraphFacts, type OpenGraph, openOnCpu } from '../open-graph.js';
import type { Provider, Session } from '../ort/session.js';
import type { InputShapes } from '../tensorrt/settings.js';
import { TileBatch, type TileTensor, type TileTensors } from './tile-batch.js';
import type { TileSizes } from './tile-sizes.js';

export interface FieldSettings extends FieldGeometry {
  /** Pixels of the model to a side of a cell. */
  readonly stride: number;
  readonly tiles: TileSizes;
}

export interface FieldGraphsOptions {
  readonly settings: FieldSettings;
  /** Loads both graphs; on the CPU, with so many `threads`, when left out. */
  readonly open?: OpenGraph;
  readonly threads?: number;
  /** What messages call the model. */
  readonly name: string;
  /** How many tiles each run takes. */
  readonly batch: number;
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

  /** @throws SideglanceError `SG_MODEL_INVALID` where a graph does not keep its contract; otherwise as `open` */
  static async load({ model, context }: ModelFiles, options: FieldGraphsOptions): Promise<FieldGraphs> {
    const { settings, name, batch, open = openOnCpu(options.threads) } = options;
    const { tiles } = settings;
    if (!context) {
      throw new SideglanceError(
        'SG_MODEL_INVALID',
        `${name} lacks the graph that judges cells. Export the model again`,
      );
    }
    const opened: Session[] = [];
    const openOne = async (
      graph: Uint8Array,
      { inputs }: { readonly inputs: TileTensors },
      facts: Omit<GraphFacts, 'shapes'>,
    ) => {
      const session = await open(graph, { ...facts, shapes: shapesOf(inputs, batch) });
      opened.push(session);
      return session;
    };
    try {
      const pixels = sidesOf(tiles.features, settings);
      const described = await openOne(
        fixed(model, name, { height: pixels.rows, width: pixels.columns }),
        featuresTensors(settings),
        { name, boundary: [FEATURES_OUTPUT] },
      );
      checkFeaturesContract(described, tiles.features, settings, name);
      const facts = { name: `${name} (context)`, boundary: HEAD_VALUES };
      const judged = await openOne(fixed(context, facts.name, { ...tiles.context }), contextTensors(settings), facts);
      checkContextContract(judged, tiles.context, settings, facts.name);
      return new FieldGraphs({ features: described, context: judged }, settings, batch);
    } catch (thrown) {
      for (const session of opened) await session.close();
      throw thrown;
    }
  }

  async close(): Promise<void> {
    for (const session of this.#sessions) await session.close();
  }
}

function shapesOf(inputs: TileTensors, tiles: number): InputShapes {
  return Object.fromEntries(Object.entries(inputs).map(([name, { shape }]) => [name, [tiles, ...shape]]));
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
