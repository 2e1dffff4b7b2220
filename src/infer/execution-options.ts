import type { CudaSettings } from './cuda-settings.js';
import type { GraphCache } from './graph-cache.js';
import type { LadderOptions } from './ort/ladder.js';
import type { EngineWatch } from './tensorrt/engine-cache.js';
import type { TensorRtSettings } from './tensorrt/settings.js';

/** Where and how models may run. The `infer` group of a configuration is one of these. */
export interface ExecutionOptions extends LadderOptions {
  readonly tensorrt?: TensorRtSettings;
  readonly cuda?: CudaSettings;
  /** What a run of a model may hold on a GPU, by an estimate; no limit when left out. */
  readonly gpuMemoryMb?: number;
  /** `fp16` computes what a GPU would, slowly: for measurements. */
  readonly cpu?: {
    readonly precision?: 'fp32' | 'fp16';
    /** Keeps optimised graphs; none are kept when left out. */
    readonly graphs?: GraphCache;
  };
  readonly watch?: EngineWatch;
}

/** Of more options, those that say where and how a model runs. */
export function executionOf(options: ExecutionOptions): ExecutionOptions {
  const { providers, require, library, onSkipped, gpuMemoryMb, tensorrt, cuda, cpu, watch } = options;
  return {
    ...(providers && { providers }),
    ...(require && { require }),
    ...(library !== undefined && { library }),
    ...(onSkipped && { onSkipped }),
    ...(gpuMemoryMb !== undefined && { gpuMemoryMb }),
    ...(tensorrt && { tensorrt }),
    ...(cuda && { cuda }),
    ...(cpu && { cpu }),
    ...(watch && { watch }),
  };
}
