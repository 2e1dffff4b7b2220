import { createRequire } from 'node:module';
import { dirname, isAbsolute, join } from 'node:path';
import { SideglanceError } from '../../errors.js';
import { elfKind } from '../../native/elf.js';
import { functionAt, loadLibrary, type NativeFunction, type NativeLibrary } from '../../native/library.js';
import {
  asPointer,
  bytesAt,
  type OutPointer,
  outPointer,
  type Pointer,
  readPointer,
  readString,
} from '../../native/pointer.js';

/** The API version asked for: the table below is a prefix of every later one. */
const API_VERSION = 20;

/** `OrtErrorCode` values that say that the file is at fault, not the runtime. */
const UNREADABLE_MODEL = new Set([
  3, // ORT_NO_SUCHFILE
  4, // ORT_NO_MODEL
  7, // ORT_INVALID_PROTOBUF
]);

const FIX = 'run `npm ci`, or set ORT_LIB (or infer.library in the configuration) to the path of a libonnxruntime.so';

/** Size of a pointer on the platforms that ONNX Runtime has binaries for. */
export const POINTER_BYTES = 8;

/**
 * Places in `struct OrtApi` (onnxruntime_c_api.h), which only ever grows at its end, with the argument types after
 * the ones every entry is declared with. `status` entries return an OrtStatus pointer, `void` entries nothing.
 */
const TABLE = {
  GetErrorCode: [1, 'code', ['void *']],
  GetErrorMessage: [2, 'text', ['void *']],
  CreateEnv: [3, 'status', ['int', 'const char *', '_Out_ void **']],
  CreateSession: [7, 'status', ['void *', 'const char *', 'void *', '_Out_ void **']],
  CreateSessionFromArray: [8, 'status', ['void *', 'void *', 'size_t', 'void *', '_Out_ void **']],
  Run: [9, 'status', ['void *', 'void *', 'void *', 'void *', 'size_t', 'void *', 'size_t', 'void *']],
  CreateSessionOptions: [10, 'status', ['_Out_ void **']],
  SetOptimizedModelFilePath: [11, 'status', ['void *', 'const char *']],
  EnableProfiling: [14, 'status', ['void *', 'const char *']],
  SetSessionGraphOptimizationLevel: [23, 'status', ['void *', 'int']],
  SetIntraOpNumThreads: [24, 'status', ['void *', 'int']],
  SetInterOpNumThreads: [25, 'status', ['void *', 'int']],
  SessionGetInputCount: [30, 'status', ['void *', '_Out_ size_t *']],
  SessionGetOutputCount: [31, 'status', ['void *', '_Out_ size_t *']],
  SessionGetInputTypeInfo: [33, 'status', ['void *', 'size_t', '_Out_ void **']],
  SessionGetOutputTypeInfo: [34, 'status', ['void *', 'size_t', '_Out_ void **']],
  SessionGetInputName: [36, 'status', ['void *', 'size_t', 'void *', '_Out_ void **']],
  SessionGetOutputName: [37, 'status', ['void *', 'size_t', 'void *', '_Out_ void **']],
  CreateTensorWithDataAsOrtValue: [
    49,
    'status',
    ['void *', 'void *', 'size_t', 'void *', 'size_t', 'int', '_Out_ void **'],
  ],
  GetTensorMutableData: [51, 'status', ['void *', '_Out_ void **']],
  CastTypeInfoToTensorInfo: [55, 'status', ['void *', '_Out_ void **']],
  GetTensorElementType: [60, 'status', ['void *', '_Out_ int *']],
  GetDimensionsCount: [61, 'status', ['void *', '_Out_ size_t *']],
  GetDimensions: [62, 'status', ['void *', 'void *', 'size_t']],
  GetTensorTypeAndShape: [65, 'status', ['void *', '_Out_ void **']],
  CreateCpuMemoryInfo: [69, 'status', ['int', 'int', '_Out_ void **']],
  AllocatorFree: [76, 'status', ['void *', 'void *']],
  GetAllocatorWithDefaultOptions: [78, 'status', ['_Out_ void **']],
  ReleaseStatus: [93, 'void', ['void *']],
  ReleaseSession: [95, 'void', ['void *']],
  ReleaseValue: [96, 'void', ['void *']],
  ReleaseTypeInfo: [98, 'void', ['void *']],
  ReleaseTensorTypeAndShapeInfo: [99, 'void', ['void *']],
  ReleaseSessionOptions: [100, 'void', ['void *']],
  SessionGetModelMetadata: [111, 'status', ['void *', '_Out_ void **']],
  ModelMetadataLookupCustomMetadataMap: [116, 'status', ['void *', 'void *', 'const char *', '_Out_ void **']],
  ReleaseModelMetadata: [118, 'void', ['void *']],
  ModelMetadataGetCustomMetadataMapKeys: [123, 'status', ['void *', 'void *', '_Out_ void **', '_Out_ int64_t *']],
  GetAvailableProviders: [125, 'status', ['_Out_ void **', '_Out_ int *']],
  ReleaseAvailableProviders: [126, 'status', ['void *', 'int']],
  AddSessionConfigEntry: [130, 'status', ['void *', 'const char *', 'const char *']],
  SessionOptionsAppendExecutionProvider_TensorRT_V2: [170, 'status', ['void *', 'void *']],
  CreateTensorRTProviderOptions: [171, 'status', ['_Out_ void **']],
  UpdateTensorRTProviderOptions: [172, 'status', ['void *', 'const char **', 'const char **', 'size_t']],
  ReleaseTensorRTProviderOptions: [174, 'void', ['void *']],
  SessionOptionsAppendExecutionProvider_CUDA_V2: [204, 'status', ['void *', 'void *']],
  CreateCUDAProviderOptions: [205, 'status', ['_Out_ void **']],
  UpdateCUDAProviderOptions: [206, 'status', ['void *', 'const char **', 'const char **', 'size_t']],
  ReleaseCUDAProviderOptions: [208, 'void', ['void *']],
} as const;

const RESULT_TYPES = { status: 'void *', void: 'void', text: 'const char *', code: 'int' } as const;

type EntryName = keyof typeof TABLE;
type ReleaseName = Extract<EntryName, `Release${string}`>;
type Status = Pointer<'OrtStatus'> | null;

/** Calls into one loaded `libonnxruntime.so`; every failure becomes a SideglanceError with the runtime's own text. */
export class OrtApi {
  readonly version: string;
  /** Held for ever: collecting it would unload the library under the functions of its table. */
  readonly #library: NativeLibrary;
  readonly #table: Pointer<'OrtApi'>;
  readonly #functions = new Map<EntryName, NativeFunction<unknown[], unknown>>();

  private constructor(library: NativeLibrary) {
    this.#library = library;
    const base = library.declare<[], Pointer<'OrtApiBase'>>('void *OrtGetApiBase()')();
    const getApi = functionAt<[number], Pointer<'OrtApi'> | null>(entry(base, 0), 'void *', ['uint32_t']);
    const getVersion = functionAt<[], string>(entry(base, 1), 'const char *', []);
    this.version = getVersion();
    const table = getApi(API_VERSION);
    if (table === null) {
      throw unfit(library.path, `is ONNX Runtime ${this.version}, which is too old: 1.20 or newer is needed`);
    }
    this.#table = table;
  }

  get library(): string {
    return this.#library.path;
  }

  /**
   * @throws SideglanceError `SG_NATIVE_LIBRARY` when the library is missing, for another machine, no ONNX Runtime, or too
   * old
   */
  static load(path: string): OrtApi {
    const kind = isAbsolute(path) ? elfKind(path) : null;
    if (kind === 'no library') throw unfit(path, 'is no shared library');
    if (kind !== null && kind !== 'missing' && kind.arch !== process.arch) {
      throw unfit(path, `is built for ${kind.arch}, and this is ${process.arch}`);
    }
    // From 1.30 on the runtime reports its use to its maker over HTTPS, and leaves a file in the folder for temporary files for each
    // process. It reads this while it is loaded.
    process.env.ORT_DISABLE_TELEMETRY = '1';
    const title = 'ONNX Runtime';
    const library = loadLibrary({
      title,
      candidates: [path],
      packageName: 'the npm package onnxruntime-node',
      fix: FIX,
    });
    if (!library.offers('OrtGetApiBase')) throw unfit(path, 'is a library, but no ONNX Runtime');
    return new OrtApi(library);
  }

  /**
   * A call that returns at once.
   * @throws SideglanceError `SG_RUNTIME`, or `SG_MODEL_UNREADABLE` where the runtime blames the file; the message
   * begins with `doing`
   */
  call(doing: string, name: EntryName, ...args: unknown[]): void {
    this.#check(doing, this.#entry(name)(...args) as Status);
  }

  /** The same on a thread of libuv's pool, for calls that compute. The arguments are kept alive meanwhile. */
  async callOffThread(doing: string, name: EntryName, ...args: unknown[]): Promise<void> {
    this.#check(doing, (await this.#entry(name).offThread(...args)) as Status);
  }

  release(name: ReleaseName, object: Pointer<string>): void {
    this.#entry(name)(object);
  }

  /** For what takes its time to go: a session ends its threads. */
  async releaseOffThread(name: ReleaseName, object: Pointer<string>): Promise<void> {
    await this.#entry(name).offThread(object);
  }

  /** What a creating call returned through its last, out parameter. */
  create<Kind extends string>(doing: string, name: EntryName, ...args: unknown[]): Pointer<Kind> {
    const out: OutPointer<Kind> = outPointer();
    this.call(doing, name, ...args, out);
    return nonNull(doing, out[0]);
  }

  async createOffThread<Kind extends string>(
    doing: string,
    name: EntryName,
    ...args: unknown[]
  ): Promise<Pointer<Kind>> {
    const out: OutPointer<Kind> = outPointer();
    await this.callOffThread(doing, name, ...args, out);
    return nonNull(doing, out[0]);
  }

  /** A whole number that a call returned through its last, out parameter. */
  number(doing: string, name: EntryName, ...args: unknown[]): number {
    const out: [number | bigint] = [0];
    this.call(doing, name, ...args, out);
    return Number(out[0]);
  }

  /** The execution providers compiled in, as ONNX Runtime names them. */
  availableProviders(): string[] {
    const doing = 'listing the execution providers';
    const names: OutPointer<'char *[]'> = outPointer();
    const count: [number] = [0];
    this.call(doing, 'GetAvailableProviders', names, count);
    const list = nonNull(doing, names[0]);
    try {
      return Array.from({ length: count[0] }, (_, index) => textAt(entry(list, index)));
    } finally {
      this.call(doing, 'ReleaseAvailableProviders', list, count[0]);
    }
  }

  #entry(name: EntryName): NativeFunction<unknown[], unknown> {
    const known = this.#functions.get(name);
    if (known) return known;
    const [place, kind, args] = TABLE[name];
    const made = functionAt<unknown[], unknown>(entry(this.#table, place), RESULT_TYPES[kind], args);
    this.#functions.set(name, made);
    return made;
  }

  #check(doing: string, status: Status): void {
    if (status === null) return;
    const text = this.#entry('GetErrorMessage')(status) as string;
    const code = this.#entry('GetErrorCode')(status) as number;
    this.#entry('ReleaseStatus')(status);
    throw new SideglanceError(
      UNREADABLE_MODEL.has(code) ? 'SG_MODEL_UNREADABLE' : 'SG_RUNTIME',
      `${doing}: ONNX Runtime ${this.version} says: ${text}`,
    );
  }
}

/**
 * Where the library lies: the option, else ORT_LIB, else inside the npm package onnxruntime-node.
 * @throws SideglanceError `SG_NATIVE_LIBRARY` when the package is not installed
 */
export function libraryPath(option?: string): string {
  if (option) return option;
  if (process.env.ORT_LIB) return process.env.ORT_LIB;
  try {
    const manifest = createRequire(import.meta.url).resolve('onnxruntime-node/package.json');
    return join(dirname(manifest), 'bin/napi-v6', process.platform, process.arch, 'libonnxruntime.so.1');
  } catch (cause) {
    throw new SideglanceError('SG_NATIVE_LIBRARY', `the npm package onnxruntime-node is not installed: ${FIX}`, {
      cause,
    });
  }
}

/** Copies native memory, which may be freed right after. */
export function copyBytes(from: Pointer<string>, into: Uint8Array): void {
  into.set(bytesAt(from, into.byteLength));
}

/** The text at an address that belongs to the runtime. */
export function textAt(address: Pointer<string>): string {
  return readString(address) ?? '';
}

function entry(table: Pointer<string>, place: number): Pointer<'function'> {
  const address = readPointer<'function'>(table, place * POINTER_BYTES);
  if (address === null) {
    throw new SideglanceError(
      'SG_NATIVE_LIBRARY',
      `ONNX Runtime has no entry ${place} in its table: use 1.20 or newer`,
    );
  }
  return asPointer(address);
}

function unfit(path: string, why: string): SideglanceError {
  return new SideglanceError('SG_NATIVE_LIBRARY', `${path} ${why}: ${FIX}`);
}

function nonNull<Kind extends string>(doing: string, pointer: Pointer<Kind> | null): Pointer<Kind> {
  if (pointer === null) throw new SideglanceError('SG_RUNTIME', `${doing}: ONNX Runtime returned nothing`);
  return pointer;
}
