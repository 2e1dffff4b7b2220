import { SideglanceError } from '../../errors.js';
import { ELEMENT_TYPES } from '../../onnx/model.js';

/** Element types that sideglance feeds and fetches, with their `ONNXTensorElementDataType` numbers, which are ONNX's own. */
export const ELEMENTS = {
  float32: { code: ELEMENT_TYPES.float32.code, array: Float32Array },
  uint8: { code: ELEMENT_TYPES.uint8.code, array: Uint8Array },
  int32: { code: ELEMENT_TYPES.int32.code, array: Int32Array },
  int64: { code: ELEMENT_TYPES.int64.code, array: BigInt64Array },
  bool: { code: ELEMENT_TYPES.bool.code, array: Uint8Array },
} as const;

export type ElementType = keyof typeof ELEMENTS;

export interface TensorInfo {
  readonly name: string;
  readonly type: ElementType;
  /** −1 for a free dimension. */
  readonly shape: readonly number[];
}

/** A tensor in memory of the caller, row-major. A `bool` is one byte, 0 or 1. */
export interface Tensor {
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly data: Float32Array | Uint8Array | BigInt64Array | Int32Array;
}

export function elementTypeOf(code: number, name: string): ElementType {
  for (const [type, element] of Object.entries(ELEMENTS)) {
    if (element.code === code) return type as ElementType;
  }
  const known = Object.keys(ELEMENTS).join(', ');
  throw new SideglanceError(
    'SG_MODEL_INVALID',
    `${name} has the ONNX element type ${code}; sideglance feeds and fetches ${known}: export the model with one of them`,
  );
}

export function allocateTensor(type: ElementType, shape: readonly number[]): Tensor {
  const count = shape.reduce((product, side) => product * side, 1);
  return { type, shape, data: new ELEMENTS[type].array(count) };
}

/**
 * Holds a tensor against what the model declares, before any native code sees its memory.
 * @throws SideglanceError `SG_MODEL_INVALID` naming both
 */
export function checkTensor(role: string, info: TensorInfo, tensor: Tensor): void {
  const fits =
    tensor.type === info.type &&
    tensor.shape.length === info.shape.length &&
    tensor.shape.every(
      (side, axis) => Number.isInteger(side) && side >= 0 && (info.shape[axis] === -1 || info.shape[axis] === side),
    );
  const count = tensor.shape.reduce((product, side) => product * side, 1);
  if (!fits || !(tensor.data instanceof ELEMENTS[tensor.type].array) || tensor.data.length !== count) {
    throw new SideglanceError(
      'SG_MODEL_INVALID',
      `${role} ${info.name} is declared as ${info.type} [${info.shape.join(', ')}], ` +
        `but ${tensor.data.constructor.name} of ${tensor.data.length} as ${tensor.type} [${tensor.shape.join(', ')}] was given`,
    );
  }
}
