import { SideglanceError } from '../../errors.js';
import { inForeground } from '../../native/background.js';
import type { Pointer } from '../../native/pointer.js';
import { copyBytes } from './api.js';
import { Binding, wrap } from './binding.js';
import { describeTensors, type NativeTensorInfo, readMetadata, readShape } from './describe.js';
import { appendProvider, type Provider, type ProviderOptions } from './providers.js';
import { loadRuntime, type Runtime } from './runtime.js';
import { spinningFor } from './spinning.js';
import { allocateTensor, checkTensor, type Tensor, type TensorInfo } from './tensor.js';

export type { Binding } from './binding.js';
export type { Provider, ProviderOptions } from './providers.js';
export type { ElementType, Tensor, TensorInfo } from './tensor.js';

export interface SessionOptions {
  /** Threads that one run uses; 1 when left out. */
  readonly threads?: number;
  readonly optimisation?: 'none' | 'basic' | 'extended' | 'all';
  /** Where it runs, and nowhere else; `cpu` when left out. */
  readonly provider?: Provider;
  readonly providerOptions?: ProviderOptions;
  /** Session configuration entries, e.g. `session.set_denormal_as_zero`: `1`. */
  readonly config?: Readonly<Record<string, string>>;
  /** Path of a libonnxruntime.so; see `libraryPath`. */
  readonly library?: string;
  /** What messages call a model that is given as bytes. */
  readonly name?: string;
  /** Where to write the graph as the runtime has optimised it for this machine. */
  readonly saveOptimised?: string;
  /** Writes how long each operator took, in Chrome's trace format, to `<prefix>_<time>.json` when the session is closed. */
  readonly profilePrefix?: string;
}

type Tensors = Readonly<Record<string, Tensor>>;

const OPTIMISATION_LEVELS = { none: 0, basic: 1, extended: 2, all: 99 } as const;

/** A model that is loaded. Loading, running and closing happen off the JS thread. */
export class Session {
  /** The provider that runs the model. */
  readonly provider: Provider;
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  /** The `metadata_props` of the model file. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly #runtime: Runtime;
  readonly #session: Pointer<'OrtSession'>;
  readonly #declared: { readonly inputs: NativeTensorInfo[]; readonly outputs: NativeTensorInfo[] };
  readonly #bindings = new Set<Binding>();
  readonly #running = new Set<Promise<unknown>>();
  #closed = false;

  private constructor(runtime: Runtime, session: Pointer<'OrtSession'>, provider: Provider) {
    this.#runtime = runtime;
    this.#session = session;
    this.provider = provider;
    this.#declared = {
      inputs: describeTensors(runtime, session, 'Input'),
      outputs: describeTensors(runtime, session, 'Output'),
    };
    this.inputs = this.#declared.inputs.map(({ name, type, shape }) => ({ name, type, shape }));
    this.outputs = this.#declared.outputs.map(({ name, type, shape }) => ({ name, type, shape }));
    this.metadata = readMetadata(runtime, session);
  }

  /**
   * Loads a model from a file or from its bytes.
   *
   * @throws SideglanceError `SG_MODEL_UNREADABLE` for a file that is missing, truncated or no ONNX model, `SG_RUNTIME`
   * with the runtime's text for a graph it cannot run or a provider that is not there, `SG_NATIVE_LIBRARY` when there is
   * no runtime
   */
  static async create(model: string | Uint8Array, options: SessionOptions = {}): Promise<Session> {
    const runtime = loadRuntime(options.library);
    const { provider = 'cpu', threads = 1 } = options;
    const { api, environment } = runtime;
    const name = options.name ?? (typeof model === 'string' ? model : 'the model');
    const doing = `loading ${name}${typeof model === 'string' ? '' : ` (${model.byteLength} bytes)`}`;
    const settings = api.create<'OrtSessionOptions'>(doing, 'CreateSessionOptions');
    try {
      api.call(doing, 'SetIntraOpNumThreads', settings, threads);
      api.call(doing, 'SetInterOpNumThreads', settings, 1);
      api.call(doing, 'SetSessionGraphOptimizationLevel', settings, OPTIMISATION_LEVELS[options.optimisation ?? 'all']);
      const config = { ...spinningFor(api.version), ...options.config };
      for (const [key, value] of Object.entries(config)) {
        api.call(doing, 'AddSessionConfigEntry', settings, key, value);
      }
      if (options.saveOptimised !== undefined) {
        api.call(doing, 'SetOptimizedModelFilePath', settings, options.saveOptimised);
      }
      if (options.profilePrefix !== undefined) api.call(doing, 'EnableProfiling', settings, options.profilePrefix);
      await appendProvider(runtime, settings, provider, options.providerOptions);
      const source = typeof model === 'string' ? [model] : [model, model.byteLength];
      const create = typeof model === 'string' ? 'CreateSession' : 'CreateSessionFromArray';
      const load = () => api.createOffThread<'OrtSession'>(doing, create, environment, ...source, settings);
      // The threads of a run that has several are made here.
      const made = await (threads === 1 ? load() : inForeground(load));
      try {
        return new Session(runtime, made, provider);
      } catch (thrown) {
        await api.releaseOffThread('ReleaseSession', made);
        throw thrown;
      }
    } finally {
      api.release('ReleaseSessionOptions', settings);
    }
  }

  /**
   * Wraps memory of the caller, which every run of the binding then reads and writes in place. All inputs must be
   * given; outputs that are left out are not computed.
   * @throws SideglanceError `SG_MODEL_INVALID` for a name, type, shape or length that the model does not declare
   */
  bind(inputs: Tensors, outputs: Tensors): Binding {
    this.#checkOpen();
    const binding = new Binding(this.#runtime, this.#declared, inputs, outputs);
    this.#bindings.add(binding);
    return binding;
  }

  /** Gives the wrappers of a binding back; the caller's memory stays his. @throws SideglanceError during its run */
  unbind(binding: Binding): void {
    binding.close();
    this.#bindings.delete(binding);
  }

  /**
   * One run, on a thread of libuv's pool. Runs of different bindings may overlap.
   * @throws SideglanceError `SG_RUNTIME` with the runtime's text; also when this binding is already running
   */
  async run(binding: Binding): Promise<void> {
    this.#checkOpen();
    if (!this.#bindings.has(binding)) {
      throw new SideglanceError('SG_RUNTIME', 'the binding was closed or belongs to another session');
    }
    binding.begin();
    try {
      await this.#call(binding.inputNames, binding.inputValues, binding.outputNames, binding.outputValues);
    } finally {
      binding.end();
    }
  }

  /** One run with fresh outputs of whatever shape the model gives them; for graphs that run now and then. */
  async runOnce(inputs: Tensors): Promise<Record<string, Tensor>> {
    this.#checkOpen();
    const { api } = this.#runtime;
    for (const { name } of this.inputs) {
      if (!inputs[name]) throw new SideglanceError('SG_MODEL_INVALID', `the model's input ${name} was not given`);
    }
    for (const [name, tensor] of Object.entries(inputs)) {
      const info = this.inputs.find((input) => input.name === name);
      if (!info) throw new SideglanceError('SG_MODEL_INVALID', `the model has no input ${name}`);
      checkTensor('input', info, tensor);
    }
    const { inputs: ins, outputs: outs } = this.#declared;
    const given = ins.map((info) => inputs[info.name] as Tensor);
    const inputValues = BigUint64Array.from(given, (tensor) => wrap(this.#runtime, tensor));
    // A null value makes the runtime allocate that output.
    const outputValues = new BigUint64Array(outs.length);
    try {
      const addresses = (infos: NativeTensorInfo[]) => BigUint64Array.from(infos, (info) => info.address);
      await this.#call(addresses(ins), inputValues, addresses(outs), outputValues, given);
      return Object.fromEntries(
        outs.map((info, index) => [info.name, this.#copyOut(info, outputValues[index] as Pointer<'OrtValue'>)]),
      );
    } finally {
      for (const value of [...inputValues, ...outputValues]) {
        if (value !== 0n) api.release('ReleaseValue', value as Pointer<'OrtValue'>);
      }
    }
  }

  /** Waits for runs under way, then frees everything native. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.allSettled(this.#running);
    const { api, allocator } = this.#runtime;
    for (const binding of this.#bindings) binding.close();
    this.#bindings.clear();
    for (const { address } of [...this.#declared.inputs, ...this.#declared.outputs]) {
      api.call('closing the session', 'AllocatorFree', allocator, address);
    }
    await api.releaseOffThread('ReleaseSession', this.#session);
  }

  /** `held` keeps memory alive that only the values point to. */
  async #call(
    inputNames: BigUint64Array,
    inputValues: BigUint64Array,
    outputNames: BigUint64Array,
    outputValues: BigUint64Array,
    held: readonly Tensor[] = [],
  ): Promise<void> {
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
    const settled = run.then(
      () => held,
      () => held,
    );
    this.#running.add(settled);
    try {
      await run;
    } finally {
      this.#running.delete(settled);
    }
  }

  #copyOut(info: TensorInfo, value: Pointer<'OrtValue'>): Tensor {
    const { api } = this.#runtime;
    const doing = `reading the output ${info.name}`;
    const facts = api.create<'OrtTensorTypeAndShapeInfo'>(doing, 'GetTensorTypeAndShape', value);
    try {
      const tensor = allocateTensor(info.type, readShape(this.#runtime, facts));
      const bytes = tensor.data.byteLength;
      if (bytes > 0) {
        const from = api.create<'void'>(doing, 'GetTensorMutableData', value);
        copyBytes(from, new Uint8Array(tensor.data.buffer, tensor.data.byteOffset, bytes));
      }
      return tensor;
    } finally {
      api.release('ReleaseTensorTypeAndShapeInfo', facts);
    }
  }

  #checkOpen(): void {
    if (this.#closed) throw new SideglanceError('SG_RUNTIME', 'the session was closed');
  }
}
