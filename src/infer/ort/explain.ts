import { basename, dirname } from 'node:path';
import { reasonOf } from '../../errors.js';
import { elfKind } from '../../native/elf.js';
import type { ProviderFailure } from '../../types.js';
import type { Provider } from './providers.js';

type GpuProvider = Exclude<Provider, 'cpu'>;

const TITLES = { tensorrt: 'TensorRT', cuda: 'CUDA' } as const;

const INSTALL_CUDA =
  'install the CUDA runtime, cuBLAS and cuDNN of the versions that this ONNX Runtime was built with (on a Jetson they ' +
  'come with JetPack), or name their folder in LD_LIBRARY_PATH before the start';
const INSTALL_TENSORRT =
  'install the TensorRT runtime of that version (packages libnvinfer, libnvinfer-plugin and libnvonnxparsers; on a Jetson ' +
  'it comes with JetPack), or name its folder in LD_LIBRARY_PATH before the start';

interface Explanation {
  readonly reason: string;
  readonly fix: string;
}

interface Rule {
  readonly pattern: RegExp;
  explain(found: RegExpExecArray, provider: GpuProvider, library: string): Explanation;
}

/** Our own texts say themselves what to do. */
const OWN_FIX: Rule = {
  pattern: /^(.*?)[.:] Fix: (.*)$/s,
  explain: ([, reason = '', fix = '']) => ({ reason, fix }),
};

/** The first rule that matches speaks. Texts of ONNX Runtime 1.20 to 1.30, of CUDA and of the dynamic loader. */
const RULES: readonly Rule[] = [
  OWN_FIX,
  {
    pattern: /Failed to load library (\S+) with error: (\S+?): cannot open shared object file/,
    explain: ([, wanted = '', missing = ''], provider, library) =>
      basename(wanted) === basename(missing) ? explainBridge(wanted, provider, library) : explainNeeded(missing),
  },
  {
    pattern: /Failed to load library (\S+) with error: (.*version [`'"]?(GLIBC\w*_[\d.]+)'? not found.*)/,
    explain: ([, wanted = '', , version = '']) => ({
      reason: `${wanted} needs ${version}, which is newer than this system`,
      fix: 'use an ONNX Runtime that was built for this system or an older one, or update the system',
    }),
  },
  {
    pattern: /Failed to load library (\S+) with error: (.*)/,
    explain: ([, wanted = '', why = '']) => ({
      reason: `${wanted} cannot be loaded: ${why.trim()}`,
      fix: 'take all files libonnxruntime*.so from one and the same build of ONNX Runtime',
    }),
  },
  {
    pattern: /execution provider is not enabled in this build/,
    explain: (_, provider, library) => ({
      reason: `${library} was built without ${TITLES[provider]}`,
      fix: otherRuntime(provider),
    }),
  },
  {
    pattern: /CUDA (?:failure|error) 35\b|driver version is insufficient/i,
    explain: () => ({
      reason: 'the NVIDIA driver is older than the CUDA runtime needs',
      fix: 'update the driver (on a Jetson: JetPack), or use an ONNX Runtime built for an older CUDA; `nvidia-smi` tells the versions',
    }),
  },
  {
    pattern: /CUDA (?:failure|error) 100\b|no CUDA-capable device/i,
    explain: () => ({
      reason: 'there is no NVIDIA GPU that this process may use',
      fix: 'check `nvidia-smi`, CUDA_VISIBLE_DEVICES, and that the user and the service may open /dev/nvidia* (on a Jetson: /dev/nvhost-* and /dev/nvmap)',
    }),
  },
  {
    pattern: /CUDA (?:failure|error) 101\b|invalid device ordinal|Invalid device ID/i,
    explain: (_, provider) => ({
      reason: 'there is no GPU with the number that was asked for',
      fix: `correct \`infer.${provider}.deviceId\`; \`nvidia-smi -L\` lists them`,
    }),
  },
  {
    pattern: /CUDA (?:failure|error) 2\b|out of memory/i,
    explain: (_, provider) => ({
      reason: 'the memory of the GPU does not suffice',
      fix: `lower \`infer.${provider === 'tensorrt' ? 'tensorrt.workspaceMiB' : 'cuda.memoryLimitMiB'}\`, run fewer stations on this GPU, or end what else uses it`,
    }),
  },
  {
    pattern: /fallback to CPU EP has been explicitly disabled/,
    explain: (_, provider) => ({
      reason: `${TITLES[provider]} cannot run every operator of the model, and the rest may not go to the CPU unseen`,
      fix:
        provider === 'tensorrt'
          ? 'use a newer TensorRT, or let the next provider run the whole model: infer.providers: [tensorrt, cuda]'
          : 'use a newer ONNX Runtime, or name cpu as the last of `infer.providers`',
    }),
  },
];

/**
 * Turns what the runtime, CUDA or the dynamic loader said into a reason and a fix.
 * @param library the libonnxruntime.so in use
 */
export function explainFailure(provider: Provider, thrown: unknown, library: string): ProviderFailure {
  const text = reasonOf(thrown);
  if (provider !== 'cpu') {
    for (const rule of RULES) {
      const found = rule.pattern.exec(text);
      if (found) return { provider, ...rule.explain(found, provider, library) };
    }
  }
  const fix =
    provider === 'cpu' ? 'run `npm ci`' : `mend that, or take ${provider} out of \`infer.providers\` to do without it`;
  // The place in ONNX Runtime's sources helps nobody here.
  return { provider, reason: text.replace(/\S+\.cc:\d+ .*?\[ONNXRuntimeError\] : \d+ : \w+ : /, '').trim(), fix };
}

/** The provider's own library does not load, by the loader's words for want of the file itself. */
function explainBridge(wanted: string, provider: GpuProvider, library: string): Explanation {
  const kind = elfKind(wanted);
  if (kind === 'missing') {
    return {
      reason: `${basename(wanted)} does not lie beside ${basename(library)} in ${dirname(wanted)}`,
      fix: `put libonnxruntime_providers_shared.so and libonnxruntime_providers_${provider}.so of the same build there, or ${otherRuntime(provider)}`,
    };
  }
  const built = kind === 'no library' ? 'is no shared library' : `is built for ${kind.arch}, this is ${process.arch}`;
  return { reason: `${wanted} ${built}`, fix: otherRuntime(provider) };
}

/** A library that the provider's own library needs. */
function explainNeeded(missing: string): Explanation {
  const name = basename(missing);
  if (/^lib(nvinfer|nvonnxparser)/.test(name)) {
    return { reason: `${name} of TensorRT is not installed, or not found by the loader`, fix: INSTALL_TENSORRT };
  }
  if (name.startsWith('libcuda.so')) {
    return {
      reason: `there is no NVIDIA driver (${name})`,
      fix: 'install the NVIDIA driver; in a container, start it with the NVIDIA container runtime',
    };
  }
  return { reason: `${name} of CUDA is not installed, or not found by the loader`, fix: INSTALL_CUDA };
}

function otherRuntime(provider: GpuProvider): string {
  return `set \`infer.library\` (or ORT_LIB) to a libonnxruntime.so that was built for ${TITLES[provider]}; see docs/hardware.md`;
}
