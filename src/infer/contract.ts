import { SideglanceError } from '../errors.js';
import { DEFECT_KINDS } from '../kinds.js';
import type { Session, TensorInfo } from './ort/session.js';

/**
 * What an inspection model takes and gives: `region` uint8 [N, H, W, 3] (RGB), and float32 maps [N, H/s, W/s]. `score` is
 * the sum of the others, cell by cell: the contribution of each kind of evidence, near 0 on good parts. Normalisation
 * and weights are inside the graph.
 */
export const INPUT_NAME = 'region';
export const OUTPUT_NAMES = ['score', ...DEFECT_KINDS] as const;

/**
 * Values inside the graph where the score head begins, by their names: Z_l, and the mean, the variance and the logit of
 * normality that are predicted from it. From there on everything is computed in FP32, whatever is upstream.
 */
export const HEAD_VALUES = ['local_feature', 'global_mean', 'global_variance', 'normality_logit'] as const;

/**
 * A `field` model is two graphs, and runs in tiles of h × w cells of any size. `model` describes cells: `region` uint8
 * [N, s·h + 2·border, s·w + 2·border, 3] → `features` float32 [N, h, w, channels]. `context` judges them: `features` and
 * `inside` float32 [N, 1, h, w], 1 for cells of the region and 0 beyond its edges → maps as above. Cells that lie `halo` cells
 * inside a tile, or whose tile ends where the region does, are as if there were but one tile.
 */
export const FEATURES_OUTPUT = 'features';
export const CONTEXT_INPUTS = { features: FEATURES_OUTPUT, inside: 'inside' } as const;

/** The bytes of a model's ONNX files. */
export interface ModelFiles {
  readonly model: Uint8Array;
  /** For a `field` model only. */
  readonly context?: Uint8Array;
}

export interface ModelGeometry {
  /** Input pixels. */
  readonly width: number;
  readonly height: number;
  /** Input pixels from one map cell to the next. */
  readonly stride: number;
}

/** How a `field` model is run. */
export interface FieldGeometry {
  /** Frame pixels to a pixel of the model. */
  readonly scale: number;
  /** Pixels around a cell that its features depend on. */
  readonly border: number;
  /** Numbers that describe a cell. */
  readonly channels: number;
  /** Cells around a cell that its place in the map depends on. */
  readonly halo: number;
}

/** Rows and columns of cells. */
export interface CellSize {
  readonly rows: number;
  readonly columns: number;
}

type Interface = Pick<Session, 'inputs' | 'outputs'>;
type Shape = readonly number[];

/**
 * @param name the model file, for messages
 * @throws SideglanceError `SG_MODEL_INVALID` naming the tensor, what it is and what it should be
 */
export function checkContract(session: Interface, { width, height, stride }: ModelGeometry, name: string): void {
  checkInputs(session, { [INPUT_NAME]: { type: 'uint8', shape: [1, height, width, 3] } }, name);
  checkMaps(session, [1, height / stride, width / stride], name);
}

/** @throws SideglanceError as `checkContract` */
export function checkFeaturesContract(
  session: Interface,
  tile: CellSize,
  { stride, border, channels }: FieldGeometry & { readonly stride: number },
  name: string,
): void {
  const side = (cells: number) => cells * stride + 2 * border;
  checkInputs(session, { [INPUT_NAME]: { type: 'uint8', shape: [1, side(tile.rows), side(tile.columns), 3] } }, name);
  checkOutput(session, FEATURES_OUTPUT, [1, tile.rows, tile.columns, channels], name);
}

/** @throws SideglanceError as `checkContract` */
export function checkContextContract(
  session: Interface,
  { rows, columns }: CellSize,
  { channels }: FieldGeometry,
  name: string,
): void {
  const expected = {
    [CONTEXT_INPUTS.features]: { type: 'float32', shape: [1, rows, columns, channels] },
    [CONTEXT_INPUTS.inside]: { type: 'float32', shape: [1, 1, rows, columns] },
  };
  checkInputs(session, expected, name);
  checkMaps(session, [1, rows, columns], name);
}

function checkInputs(
  { inputs }: Interface,
  expected: Readonly<Record<string, { readonly type: string; readonly shape: Shape }>>,
  name: string,
): void {
  const wanted = Object.keys(expected);
  if (inputs.length !== wanted.length || !inputs.every((input) => wanted.includes(input.name))) {
    const names = inputs.map((each) => each.name).join(', ');
    const what = wanted.length === 1 ? `one input named ${wanted[0]} is` : `the inputs ${wanted.join(', ')} are`;
    throw invalid(name, `takes ${names || 'nothing'}, where ${what} expected`);
  }
  for (const input of inputs) {
    const { type, shape } = expected[input.name]!;
    checkTensorInfo(name, input, type, shape);
  }
}

function checkMaps(session: Interface, shape: Shape, name: string): void {
  for (const output of OUTPUT_NAMES) checkOutput(session, output, shape, name);
}

function checkOutput({ outputs }: Interface, output: string, shape: Shape, name: string): void {
  const info = outputs.find((each) => each.name === output);
  if (!info) throw invalid(name, `has no output ${output}`);
  checkTensorInfo(name, info, 'float32', shape);
}

function checkTensorInfo(name: string, info: TensorInfo, type: string, shape: Shape): void {
  const fits =
    info.type === type &&
    info.shape.length === shape.length &&
    shape.every((size, axis) => info.shape[axis] === -1 || info.shape[axis] === size);
  if (fits) return;
  const written = info.shape.map((size) => (size < 0 ? 'free' : size)).join(', ');
  throw invalid(
    name,
    `declares ${info.name} as ${info.type} [${written}], but the manifest's region and stride ask for ${type} [${shape.join(', ')}]`,
  );
}

function invalid(name: string, what: string): SideglanceError {
  return new SideglanceError('SG_MODEL_INVALID', `${name} ${what}. Export the model again`);
}
