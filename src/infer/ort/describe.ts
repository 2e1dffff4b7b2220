import { type OutPointer, outPointer, type Pointer, readPointer, readString } from '../../native/pointer.js';
import { POINTER_BYTES, textAt } from './api.js';
import type { Runtime } from './runtime.js';
import { elementTypeOf, type TensorInfo } from './tensor.js';

/** An input or output with the address of its name, which runs pass back to the runtime. */
export interface NativeTensorInfo extends TensorInfo {
  /** Belongs to the runtime's allocator. */
  readonly address: Pointer<'char'>;
}

/** @throws SideglanceError `SG_MODEL_INVALID` for an element type that sideglance does not handle */
export function describeTensors(
  { api, allocator }: Runtime,
  session: Pointer<'OrtSession'>,
  role: 'Input' | 'Output',
): NativeTensorInfo[] {
  const doing = `reading the model's ${role.toLowerCase()}s`;
  const count = api.number(doing, `SessionGet${role}Count`, session);
  return Array.from({ length: count }, (_, index) => {
    const address = api.create<'char'>(doing, `SessionGet${role}Name`, session, index, allocator);
    const name = textAt(address);
    const typeInfo = api.create<'OrtTypeInfo'>(doing, `SessionGet${role}TypeInfo`, session, index);
    try {
      const tensorInfo = api.create<'OrtTensorTypeAndShapeInfo'>(doing, 'CastTypeInfoToTensorInfo', typeInfo);
      const type = elementTypeOf(api.number(doing, 'GetTensorElementType', tensorInfo), `${role} ${name}`);
      return { name, type, shape: readShape({ api }, tensorInfo), address };
    } finally {
      api.release('ReleaseTypeInfo', typeInfo);
    }
  });
}

/** The dimensions of a tensor or of a declared tensor; −1 stands for a free one. */
export function readShape(
  { api }: Pick<Runtime, 'api'>,
  tensorInfo: Pointer<'OrtTensorTypeAndShapeInfo'>,
): readonly number[] {
  const doing = 'reading a shape';
  const dimensions = new BigInt64Array(api.number(doing, 'GetDimensionsCount', tensorInfo));
  if (dimensions.length > 0) api.call(doing, 'GetDimensions', tensorInfo, dimensions, dimensions.length);
  return Array.from(dimensions, Number);
}

/** The `metadata_props` of the model file. */
export function readMetadata({ api, allocator }: Runtime, session: Pointer<'OrtSession'>): Record<string, string> {
  const doing = "reading the model's metadata";
  const metadata = api.create<'OrtModelMetadata'>(doing, 'SessionGetModelMetadata', session);
  const free = (address: Pointer<string>) => api.call(doing, 'AllocatorFree', allocator, address);
  try {
    const keys: OutPointer<'char *[]'> = outPointer();
    const count: [number | bigint] = [0];
    api.call(doing, 'ModelMetadataGetCustomMetadataMapKeys', metadata, allocator, keys, count);
    const list = keys[0];
    if (list === null) return {};
    const found: Record<string, string> = {};
    for (let index = 0; index < Number(count[0]); index++) {
      const address = readPointer<'char'>(list, index * POINTER_BYTES);
      if (address === null) continue;
      const key = textAt(address);
      free(address);
      const out: OutPointer<'char'> = outPointer();
      api.call(doing, 'ModelMetadataLookupCustomMetadataMap', metadata, allocator, key, out);
      found[key] = readString(out[0]) ?? '';
      if (out[0] !== null) free(out[0]);
    }
    free(list);
    return found;
  } finally {
    api.release('ReleaseModelMetadata', metadata);
  }
}
