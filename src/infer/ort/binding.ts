import { SideglanceError } from '../../errors.js';
import { addressOf, type Pointer } from '../../native/pointer.js';
import type { NativeTensorInfo } from './describe.js';
import type { Runtime } from './runtime.js';
import { checkTensor, ELEMENTS, type Tensor, type TensorInfo } from './tensor.js';

/**
 * Tensors of the caller that were wrapped for the runtime once. Every run of the binding reads and writes their memory
 * in place. One run at a time; runs of different bindings may overlap.
 */
export class Binding {
  /** What `OrtApi::Run` takes: addresses of names and values, in equal order. */
  readonly inputNames: BigUint64Array;
  readonly inputValues: BigUint64Array;
  readonly outputNames: BigUint64Array;
  readonly outputValues: BigUint64Array;
  readonly #runtime: Runtime;
  readonly #held: readonly { readonly tensor: Tensor; readonly bytes: number }[];
  #running = false;
  #closed = false;

  /** @throws SideglanceError `SG_MODEL_INVALID` for a name, type, shape or length that the model does not declare */
  constructor(
    runtime: Runtime,
    declared: { readonly inputs: readonly NativeTensorInfo[]; readonly outputs: readonly NativeTensorInfo[] },
    inputs: Readonly<Record<string, Tensor>>,
    outputs: Readonly<Record<string, Tensor>>,
  ) {
    const ins = checkAll('input', declared.inputs, inputs);
    const outs = checkAll('output', declared.outputs, outputs);
    this.#runtime = runtime;
    this.#held = [...ins, ...outs].map(({ tensor }) => ({ tensor, bytes: tensor.data.byteLength }));
    this.inputNames = BigUint64Array.from(ins, ({ info }) => info.address);
    this.outputNames = BigUint64Array.from(outs, ({ info }) => info.address);
    this.inputValues = BigUint64Array.from(ins, ({ tensor }) => wrap(runtime, tensor));
    this.outputValues = BigUint64Array.from(outs, ({ tensor }) => wrap(runtime, tensor));
  }

  /**
   * Marks the binding as in use for the time of one run.
   * @throws SideglanceError `SG_RUNTIME` while another run of it is under way, after `close`, or when the memory of a
   * tensor is gone (its buffer was transferred to another thread)
   */
  begin(): void {
    if (this.#closed) throw new SideglanceError('SG_RUNTIME', 'the binding was closed before this run');
    if (this.#running) {
      throw new SideglanceError('SG_RUNTIME', 'the binding is already running: await its run, or make another binding');
    }
    for (const { tensor, bytes } of this.#held) {
      if (tensor.data.byteLength !== bytes) {
        throw new SideglanceError('SG_RUNTIME', 'the memory of a bound tensor was transferred away; bind it again');
      }
    }
    this.#running = true;
  }

  end(): void {
    this.#running = false;
  }

  /** Gives the wrappers back; the memory stays the caller's. @throws SideglanceError `SG_RUNTIME` during a run */
  close(): void {
    if (this.#closed) return;
    if (this.#running)
      throw new SideglanceError('SG_RUNTIME', 'the binding is running: await its run before closing it');
    this.#closed = true;
    for (const value of [...this.inputValues, ...this.outputValues]) {
      this.#runtime.api.release('ReleaseValue', value as Pointer<'OrtValue'>);
    }
  }
}

function checkAll(
  role: 'input' | 'output',
  infos: readonly NativeTensorInfo[],
  tensors: Readonly<Record<string, Tensor>>,
): { readonly info: NativeTensorInfo; readonly tensor: Tensor }[] {
  for (const name of Object.keys(tensors)) {
    if (!infos.some((info) => info.name === name)) {
      throw new SideglanceError('SG_MODEL_INVALID', `the model has no ${role} ${name}; it has ${namesOf(infos)}`);
    }
  }
  const found: { info: NativeTensorInfo; tensor: Tensor }[] = [];
  for (const info of infos) {
    const tensor = tensors[info.name];
    if (tensor === undefined) {
      // Outputs may be left out: the runtime then does not compute what only they need.
      if (role === 'output') continue;
      throw new SideglanceError('SG_MODEL_INVALID', `the model's input ${info.name} was not given`);
    }
    checkTensor(role, info, tensor);
    found.push({ info, tensor });
  }
  if (found.length === 0 && role === 'output') {
    throw new SideglanceError('SG_MODEL_INVALID', `no output was asked for; the model has ${namesOf(infos)}`);
  }
  return found;
}

/** An OrtValue around the tensor's own memory. */
export function wrap({ api, memory }: Runtime, { type, shape, data }: Tensor): Pointer<'OrtValue'> {
  const dimensions = BigInt64Array.from(shape, BigInt);
  return api.create<'OrtValue'>(
    'wrapping a tensor',
    'CreateTensorWithDataAsOrtValue',
    memory,
    addressOf(data),
    data.byteLength,
    dimensions,
    dimensions.length,
    ELEMENTS[type].code,
  );
}

function namesOf(infos: readonly TensorInfo[]): string {
  return infos.map((info) => info.name).join(', ');
}
