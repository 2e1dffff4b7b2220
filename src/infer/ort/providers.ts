import { SideglanceError } from '../../errors.js';
import type { Pointer } from '../../native/pointer.js';
import type { Runtime } from './runtime.js';

/** Where a model runs, fastest first. */
export type Provider = 'tensorrt' | 'cuda' | 'cpu';

/** Key/value options of a provider, as its documentation names them (e.g. `trt_fp16_enable`: `1`). */
export type ProviderOptions = Readonly<Record<string, string>>;

/** How the entries of one provider are called in the table. */
const GPU_PROVIDERS = {
  tensorrt: 'TensorRT',
  cuda: 'CUDA',
} as const;

/**
 * Prepares session settings for exactly one provider. The GPU providers may not hand nodes down to the CPU: a model
 * that silently runs there in part looks healthy and misses its cycle time.
 *
 * @throws SideglanceError `SG_RUNTIME` with the runtime's text when the provider was not compiled in, or its libraries
 * cannot be loaded
 */
export function appendProvider(
  { api }: Pick<Runtime, 'api'>,
  settings: Pointer<'OrtSessionOptions'>,
  provider: Provider,
  options: ProviderOptions = {},
): void {
  if (provider === 'cpu') {
    const known = Object.keys(options)[0];
    if (known !== undefined) {
      throw new SideglanceError('SG_RUNTIME', `the CPU provider has no options; ${known} was given`);
    }
    return;
  }
  const name = GPU_PROVIDERS[provider];
  const doing = `preparing ${name}`;
  const made = api.create<'OrtProviderOptions'>(doing, `Create${name}ProviderOptions`);
  try {
    const keys = Object.keys(options);
    if (keys.length > 0) {
      api.call(doing, `Update${name}ProviderOptions`, made, keys, Object.values(options), keys.length);
    }
    const append =
      provider === 'cuda'
        ? 'SessionOptionsAppendExecutionProvider_CUDA_V2'
        : 'SessionOptionsAppendExecutionProvider_TensorRT_V2';
    api.call(doing, append, settings, made);
  } finally {
    api.release(`Release${name}ProviderOptions`, made);
  }
  api.call(doing, 'AddSessionConfigEntry', settings, 'session.disable_cpu_ep_fallback', '1');
}
