import type { ProviderOptions } from './ort/providers.js';
import type { Precision } from './precision/precision.js';
import { type MoreOptions, textOptions } from './tensorrt/settings.js';

/** How ONNX Runtime's own CUDA kernels run a model. */
export interface CudaSettings {
  /** `fp32` when left out. */
  readonly precision?: Exclude<Precision, 'int8'>;
  readonly deviceId?: number;
  /** Most GPU memory that the provider's arena may take. */
  readonly memoryLimitMiB?: number;
  /** Whether the arena grows by what is asked for, or in ever larger steps. */
  readonly arenaExtend?: 'power-of-two' | 'as-requested';
  /** How cuDNN finds an algorithm for each convolution. */
  readonly convolutionSearch?: 'exhaustive' | 'heuristic' | 'default';
  readonly options?: MoreOptions;
}

export function cudaOptions(settings: CudaSettings): ProviderOptions {
  const { precision = 'fp32', deviceId = 0, memoryLimitMiB, arenaExtend, convolutionSearch } = settings;
  return {
    ...textOptions(settings.options),
    device_id: String(deviceId),
    use_tf32: precision === 'tf32' ? '1' : '0',
    ...(memoryLimitMiB !== undefined && { gpu_mem_limit: String(memoryLimitMiB * 2 ** 20) }),
    ...(arenaExtend !== undefined && {
      arena_extend_strategy: arenaExtend === 'as-requested' ? 'kSameAsRequested' : 'kNextPowerOfTwo',
    }),
    ...(convolutionSearch !== undefined && { cudnn_conv_algo_search: convolutionSearch.toUpperCase() }),
  };
}
