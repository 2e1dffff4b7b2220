import { listAt, readableFile, repeatedEntries } from './checks.js';
import { type Fault, type Path, valueAt } from './faults.js';

/** Options of ONNX Runtime that have keys of their own here, or that the cache of engines depends on. */
const MANAGED: Readonly<Record<'tensorrt' | 'cuda', RegExp>> = {
  tensorrt:
    /^(device_id|trt_(fp16|bf16|int8)_.*|trt_max_workspace_size|trt_builder_optimization_level|trt_profile_.*|trt_(engine|timing)_cache_.*|trt_dump_ep_context_model)$/,
  cuda: /^(device_id|use_tf32|gpu_mem_limit|arena_extend_strategy|cudnn_conv_algo_search)$/,
};

export function inferFaults(infer: unknown, file: string): Fault[] {
  const at = (...path: Path) => valueAt(infer, path);
  const table = at('tensorrt', 'calibrationTable');
  const faults: Fault[] = [
    ...repeatedEntries(infer, ['providers']),
    ...requireFaults(infer),
    ...readableFile(at('library'), ['library'], file),
    ...readableFile(table, ['tensorrt', 'calibrationTable'], file),
    ...managedFaults(at('tensorrt', 'options'), 'tensorrt'),
    ...managedFaults(at('cuda', 'options'), 'cuda'),
  ];
  const isInt8 = at('tensorrt', 'precision') === 'int8';
  if (isInt8 && table === undefined) {
    faults.push({ path: ['tensorrt', 'precision'], message: 'int8 needs a `calibrationTable`' });
  }
  if (!isInt8 && table !== undefined) {
    faults.push({ path: ['tensorrt', 'calibrationTable'], message: 'has no effect unless `precision` is int8' });
  }
  return faults.map((fault) => ({ ...fault, path: ['infer', ...fault.path] }));
}

function requireFaults(infer: unknown): Fault[] {
  const required = valueAt(infer, ['require']);
  if (typeof required !== 'string') return [];
  // The default of `providers`, where it is left out.
  const providers = valueAt(infer, ['providers']) === undefined ? ['cpu'] : listAt(infer, ['providers']);
  if (providers.includes(required)) return [];
  return [{ path: ['require'], message: `asks for ${required}, which \`infer.providers\` does not name` }];
}

function managedFaults(options: unknown, provider: keyof typeof MANAGED): Fault[] {
  if (typeof options !== 'object' || options === null) return [];
  return Object.keys(options)
    .filter((key) => MANAGED[provider].test(key))
    .map((key) => ({
      path: [provider, 'options', key],
      message: `cannot stand here: \`infer.${provider}\` has a key for it, or sideglance sets it`,
      atKey: true,
    }));
}
