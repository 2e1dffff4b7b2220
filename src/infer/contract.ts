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

export interface ModelGeometry {
  /** Input pixels. */
  readonly width: number;
  readonly height: number;
  /** Input pixels from one map cell to the next. */
  readonly stride: number;
}

/**
 * @param name the model file, for messages
 * @throws SideglanceError `SG_MODEL_INVALID` naming the tensor, what it is and what it should be
 */
export function checkContract(
  session: Pick<Session, 'inputs' | 'outputs'>,
  { width, height, stride }: ModelGeometry,
  name: string,
): void {
  const [input] = session.inputs;
  if (session.inputs.length !== 1 || input?.name !== INPUT_NAME) {
    const names = session.inputs.map((each) => each.name).join(', ');
    throw invalid(name, `takes ${names || 'nothing'}, where one input named ${INPUT_NAME} is expected`);
  }
  checkTensorInfo(name, input, 'uint8', [1, height, width, 3]);
  for (const output of OUTPUT_NAMES) {
    const info = session.outputs.find((each) => each.name === output);
    if (!info) throw invalid(name, `has no output ${output}`);
    checkTensorInfo(name, info, 'float32', [1, height / stride, width / stride]);
  }
}

function checkTensorInfo(name: string, info: TensorInfo, type: string, shape: readonly number[]): void {
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
