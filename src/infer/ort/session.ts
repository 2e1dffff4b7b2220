import { SideglanceError } from '../../errors.js';
import type { Pointer } from '../../native/pointer.js';
import { libraryPath, OrtApi, textAt } from './api.js';
import { allocateTensor, checkTensor, ELEMENTS, elementTypeOf, type Tensor, type TensorInfo } from './tensor.js';

export type { ElementType, Tensor, TensorInfo } from './tensor.js';

export type Provider = 'tensorrt' | 'cuda' | 'cpu';

export interface SessionOptions {
  /** Threads that one run uses; 1 when left out. */
  readonly threads?: number;
  readonly optimisation?: 'none' | 'basic' | 'extended' | 'all';
  /** Path of a libonnxruntime.so; see `libraryPath`. */
  readonly library?: string;
}

const OPTIMISATION_LEVELS = { none: 0, basic: 1, extended: 2, all: 99 } as const;
const LOG_SEVERITY_ERROR = 3;
const DEVICE_ALLOCATOR = 0;
const DEFAULT_MEMORY = 0;

/** A runtime that is loaded: its table, its one environment and its description of CPU memory. */
interface Runtime {
  readonly api: OrtApi;
  readonly environment: Pointer<'OrtEnv'>;
  readonly memory: Pointer<'OrtMemoryInfo'>;
  readonly allocator: Pointer<'OrtAllocator'>;
}

const runtimes = new Map<string, Runtime>();

/** Loads ONNX Runtime once for each library path; the environment lives as long as the process. */
export function loadRuntime(library?: string): Runtime {
  const path = libraryPath(library);
  const known = runtimes.get(path);
  if (known) return known;
  const api = OrtApi.load(path);
  const runtime = {
    api,
    environment: api.create<'OrtEnv'>('starting ONNX Runtime', 'CreateEnv', LOG_SEVERITY_ERROR, 'sideglance'),
    memory: api.create<'OrtMemoryInfo'>('describing memory', 'CreateCpuMemoryInfo', DEVICE_ALLOCATOR, DEFAULT_MEMORY),
    allocator: api.create<'OrtAllocator'>('finding the allocator', 'GetAllocatorWithDefaultOptions'),
  };
  runtimes.set(path, runtime);
  return runtime;
}

/** Tensors that were wrapped for the runtime once. Their memory is used in place at every run. */
export class Binding {
  readonly inputNames: BigUint64Array;
  readonly inputValues: BigUint64Array;
  readonly outputNames: BigUint64Array;
  readonly outputValues: BigUint64Array;
  /** Keeps the memory alive that native code points to. */
  readonly held: readonly Tensor[];

  constructor(inputs: readonly Bound[], outputs: readonly Bound[]) {
    this.inputNames = BigUint64Array.from(inputs, (bound) => bound.name);
    this.inputValues = BigUint64Array.from(inputs, (bound) => bound.value);
    this.outputNames = BigUint64Array.from(outputs, (bound) => bound.name);
    this.outputValues = BigUint64Array.from(outputs, (bound) => bound.value);
    this.held = [...inputs, ...outputs].map((bound) => bound.tensor);
  }
}

interface Bound {
  readonly name: Pointer<'char'>;
  readonly value: Pointer<'OrtValue'>;
  readonly tensor: Tensor;
}

/** A model that is loaded. Loading and running happen off the JS thread. */
export class Session {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  readonly #runtime: Runtime;
  readonly #session: Pointer<'OrtSession'>;
  readonly #names = new Map<string, Pointer<'char'>>();
  readonly #values = new Set<Pointer<'OrtValue'>>();
  readonly #running = new Set<Promise<void>>();
  #closed = false;

  private constructor(runtime: Runtime, session: Pointer<'OrtSession'>) {
    this.#runtime = runtime;
    this.#session = session;
    this.inputs = this.#describe('Input');
    this.outputs = this.#describe('Output');
  }

  /**
   * Loads a model from a file or from its bytes.
   * @throws SideglanceError `SG_RUNTIME` with the runtime's text (truncated file, unknown operator, …),
   * `SG_NATIVE_LIBRARY` when there is no runtime
   */
  static async create(model: string | Uint8Array, options: SessionOptions = {}): Promise<Session> {
    const runtime = loadRuntime(options.library);
    const { api, environment } = runtime;
    const doing = `loading ${typeof model === 'string' ? model : 'the model'}`;
    const settings = api.create<'OrtSessionOptions'>(doing, 'CreateSessionOptions');
    try {
      api.call(doing, 'SetIntraOpNumThreads', settings, options.threads ?? 1);
      api.call(doing, 'SetInterOpNumThreads', settings, 1);
      api.call(doing, 'SetSessionGraphOptimizationLevel', settings, OPTIMISATION_LEVELS[options.optimisation ?? 'all']);
      // Spinning threads take the core from other stations while they wait.
      api.call(doing, 'AddSessionConfigEntry', settings, 'session.intra_op.allow_spinning', '0');
      const session =
        typeof model === 'string'
          ? await api.createOffThread<'OrtSession'>(doing, 'CreateSession', environment, model, settings)
          : await api.createOffThread<'OrtSession'>(
              doing,
              'CreateSessionFromArray',
              environment,
              model,
              model.byteLength,
              settings,
            );
      return new Session(runtime, session);
    } finally {
      api.release('ReleaseSessionOptions', settings);
    }
  }

  /**
   * Wraps memory of the caller, which every run of the binding then reads and writes in place.
   * @throws SideglanceError `SG_MODEL_INVALID` for a name, type, shape or length that the model does not declare
   */
  bind(inputs: Readonly<Record<string, Tensor>>, outputs: Readonly<Record<string, Tensor>>): Binding {
    return new Binding(this.#wrapAll('input', this.inputs, inputs), this.#wrapAll('output', this.outputs, outputs));
  }

  /** One run, on a thread of its own. Runs of different bindings may overlap. */
  async run(binding: Binding): Promise<void> {
    if (this.#closed) throw new SideglanceError('SG_RUNTIME', 'the session was closed before this run');
    const { inputNames, inputValues, outputNames, outputValues } = binding;
    const run = this.#runtime.api.callOffThread(
      'running the model',
      'Run',
      this.#session,
      null,
      inputNames,
      inputValues,
      inputValues.length,
      outputNames,
      outputNames.length,
      outputValues,
    );
    this.#running.add(run);
    try {
      await run;
    } finally {
      this.#running.delete(run);
    }
  }

  /** Binds, runs and returns fresh outputs; for graphs whose output shapes are fixed by `shapes` or by the model. */
  async runOnce(
    inputs: Readonly<Record<string, Tensor>>,
    shapes: Readonly<Record<string, readonly number[]>> = {},
  ): Promise<Record<string, Tensor>> {
    const outputs = Object.fromEntries(
      this.outputs.map((info) => [info.name, allocateTensor(info.type, shapes[info.name] ?? info.shape)]),
    );
    const binding = this.bind(inputs, outputs);
    try {
      await this.run(binding);
    } finally {
      this.unbind(binding);
    }
    return outputs;
  }

  /** Gives the wrappers back; the caller's memory stays his. Not while the binding runs. */
  unbind(binding: Binding): void {
    for (const value of [...binding.inputValues, ...binding.outputValues] as Pointer<'OrtValue'>[]) {
      if (this.#values.delete(value)) this.#runtime.api.release('ReleaseValue', value);
    }
  }

  /** Waits for runs under way, then frees everything native. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.allSettled(this.#running);
    const { api, allocator } = this.#runtime;
    for (const value of this.#values) api.release('ReleaseValue', value);
    this.#values.clear();
    for (const name of this.#names.values()) api.call('closing the session', 'AllocatorFree', allocator, name);
    api.release('ReleaseSession', this.#session);
  }

  #wrapAll(role: 'input' | 'output', infos: readonly TensorInfo[], tensors: Readonly<Record<string, Tensor>>): Bound[] {
    for (const name of Object.keys(tensors)) {
      if (!infos.some((info) => info.name === name)) {
        const known = infos.map((info) => info.name).join(', ');
        throw new SideglanceError('SG_MODEL_INVALID', `the model has no ${role} ${name}; it has ${known}`);
      }
    }
    const given = infos.filter((info) => {
      if (tensors[info.name]) return true;
      if (role === 'output') return false;
      throw new SideglanceError('SG_MODEL_INVALID', `the model's input ${info.name} was not given`);
    });
    for (const info of given) checkTensor(role, info, tensors[info.name] as Tensor);
    return given.map((info) => {
      const tensor = tensors[info.name] as Tensor;
      return { name: this.#names.get(`${role} ${info.name}`) as Pointer<'char'>, value: this.#wrap(tensor), tensor };
    });
  }

  #wrap({ type, shape, data }: Tensor): Pointer<'OrtValue'> {
    const dimensions = BigInt64Array.from(shape, BigInt);
    const { api, memory } = this.#runtime;
    const value = api.create<'OrtValue'>(
      'wrapping a tensor',
      'CreateTensorWithDataAsOrtValue',
      memory,
      data,
      data.byteLength,
      dimensions,
      dimensions.length,
      ELEMENTS[type].code,
    );
    this.#values.add(value);
    return value;
  }

  #describe(role: 'Input' | 'Output'): TensorInfo[] {
    const { api, allocator } = this.#runtime;
    const doing = `reading the model's ${role.toLowerCase()}s`;
    const count = api.number(doing, `SessionGet${role}Count`, this.#session);
    return Array.from({ length: count }, (_, index) => {
      const address = api.create<'char'>(doing, `SessionGet${role}Name`, this.#session, index, allocator);
      const name = textAt(address);
      this.#names.set(`${role.toLowerCase()} ${name}`, address);
      const typeInfo = api.create<'OrtTypeInfo'>(doing, `SessionGet${role}TypeInfo`, this.#session, index);
      try {
        const tensorInfo = api.create<'OrtTensorTypeAndShapeInfo'>(doing, 'CastTypeInfoToTensorInfo', typeInfo);
        const type = elementTypeOf(api.number(doing, 'GetTensorElementType', tensorInfo), name);
        const dimensions = new BigInt64Array(api.number(doing, 'GetDimensionsCount', tensorInfo));
        if (dimensions.length > 0) api.call(doing, 'GetDimensions', tensorInfo, dimensions, dimensions.length);
        return { name, type, shape: [...dimensions].map(Number) };
      } finally {
        api.release('ReleaseTypeInfo', typeInfo);
      }
    });
  }
}
