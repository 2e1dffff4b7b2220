import { SideglanceError } from '../../errors.js';
import type { Pointer } from '../../native/pointer.js';
import type { Runtime } from './runtime.js';

/** Where a model may run, fastest first. */
export const PROVIDERS = ['tensorrt', 'cuda', 'cpu'] as const;
export type Provider = (typeof PROVIDERS)[number];

/** Key/value options of a provider, as its documentation names them (e.g. `trt_fp16_enable`: `1`). */
export type ProviderOptions = Readonly<Record<string, string>>;

/** How the entries of one provider are called in the table. */
const GPU_PROVIDERS = {
  tensorrt: { name: 'TensorRT', append: 'SessionOptionsAppendExecutionProvider_TensorRT_V2' },
  cuda: { name: 'CUDA', append: 'SessionOptionsAppendExecutionProvider_CUDA_V2' },
} as const;

/**
 * Prepares session settings for exactly one provider. The GPU providers may not hand nodes down to the CPU: a model
 * that silently runs there in part looks healthy and misses its cycle time.
 *
 * @throws SideglanceError `SG_RUNTIME` with the runtime's text when the provider was not compiled in, its libraries
 * cannot be loaded, or it does not know an option
 */
export async function appendProvider(
  runtime: Pick<Runtime, 'api'>,
  settings: Pointer<'OrtSessionOptions'>,
  provider: Provider,
  options: ProviderOptions = {},
): Promise<void> {
  if (provider === 'cpu') {
    const known = Object.keys(options)[0];
    if (known !== undefined) {
      throw new SideglanceError('SG_RUNTIME', `the CPU provider has no options; ${known} was given`);
    }
    return;
  }
  const { name, append } = GPU_PROVIDERS[provider];
  const { api } = runtime;
  await withOptions(runtime, provider, options, (made) =>
    api.callOffThread(`preparing ${name}`, append, settings, made),
  );
  api.call(`preparing ${name}`, 'AddSessionConfigEntry', settings, 'session.disable_cpu_ep_fallback', '1');
}

/**
 * Loads the libraries of a GPU provider, and what they need in turn, into this process; later calls find them there.
 * @throws SideglanceError as {@link appendProvider}
 */
export async function loadProvider(runtime: Pick<Runtime, 'api'>, provider: Exclude<Provider, 'cpu'>): Promise<void> {
  await withOptions(runtime, provider, {}, async () => undefined);
}

async function withOptions(
  { api }: Pick<Runtime, 'api'>,
  provider: Exclude<Provider, 'cpu'>,
  options: ProviderOptions,
  use: (made: Pointer<'OrtProviderOptions'>) => Promise<void>,
): Promise<void> {
  const { name } = GPU_PROVIDERS[provider];
  const doing = `preparing ${name}`;
  const made = api.create<'OrtProviderOptions'>(doing, `Create${name}ProviderOptions`);
  try {
    // Setting an option loads the provider's libraries and says what is missing; without any, appending the provider
    // does, and says no more than that it failed.
    const all = { device_id: '0', ...options };
    const [keys, values] = [Object.keys(all), Object.values(all)];
    await api.callOffThread(doing, `Update${name}ProviderOptions`, made, keys, values, keys.length);
    await use(made);
  } finally {
    api.release(`Release${name}ProviderOptions`, made);
  }
}
