import { readFile } from 'node:fs/promises';
import { reasonOf, SideglanceError } from '../errors.js';
import { decodeModel, encodeModel } from '../onnx/codec.js';
import { cudaOptions } from './cuda-settings.js';
import type { ExecutionOptions } from './execution-options.js';
import type { Graph } from './graph-cache.js';
import type { GraphFacts } from './open-graph.js';
import { loadProvider, type Provider, type ProviderOptions } from './ort/providers.js';
import { loadRuntime } from './ort/runtime.js';
import { toHalf } from './precision/half.js';
import type { Precision } from './precision/precision.js';
import { EngineCache, type EngineUse } from './tensorrt/engine-cache.js';
import { type EngineFacts, sha256 } from './tensorrt/engine-key.js';
import { gpuFacts, tensorRtVersion } from './tensorrt/hardware.js';
import { cacheOptions, engineOptions, TABLE_FILE } from './tensorrt/settings.js';
import { inWholeBlocks } from './whole-blocks.js';

/** A graph that is to run somewhere. */
export interface RunnableGraph extends Pick<GraphFacts, 'shapes' | 'boundary'> {
  /** The bytes of an ONNX file. */
  readonly graph: Uint8Array;
}

/** What a session is made from on one provider. */
export interface Rung extends Graph {
  readonly provider: Provider;
  readonly providerOptions: ProviderOptions;
}

/** A TensorRT engine, as it was found or built. */
export type Engine = Omit<EngineUse<unknown>, 'made'>;

export interface Ran<T> {
  readonly made: T;
  /** The TensorRT engine, where there is one. */
  readonly engine: Engine | null;
}

export function precisionOn(provider: Provider, options: ExecutionOptions): Precision {
  return options[provider]?.precision ?? 'fp32';
}

/**
 * Makes something that runs a graph on one provider, in the precision that is asked for there.
 *
 * @param create makes it; an engine that it needs is built by then, if need be
 * @throws SideglanceError as `Session.create`, `gpuFacts`, `tensorRtVersion`, `EngineCache.use` and `toHalf`; what
 * `create` throws
 */
export async function runOn<T>(
  provider: Provider,
  { graph, shapes, boundary }: RunnableGraph,
  options: ExecutionOptions,
  create: (rung: Rung) => Promise<T>,
): Promise<Ran<T>> {
  const precision = precisionOn(provider, options);
  const form = provider === 'cpu' ? 'rounded' : 'typed';
  const bytes = precision === 'fp16' ? encodeModel(toHalf(decodeModel(graph), boundary, form)) : graph;
  if (provider === 'cpu') {
    const make = ({ bytes, ...graph }: Graph) =>
      create({
        ...graph,
        bytes: graph.optimisation === 'none' ? bytes : inWholeBlocks(bytes),
        provider,
        providerOptions: {},
      });
    const graphs = options.cpu?.graphs;
    const made = graphs
      ? await graphs.use(bytes, loadRuntime(options.library).api.version, make)
      : await make({ bytes, optimisation: 'all' });
    return { made, engine: null };
  }
  allowTf32(precision === 'tf32');
  if (provider === 'cuda') {
    const providerOptions = cudaOptions(options.cuda ?? {});
    return { made: await create({ bytes, optimisation: 'all', provider, providerOptions }), engine: null };
  }
  const settings = options.tensorrt ?? {};
  const own = engineOptions(settings, shapes);
  const facts = await engineFacts(bytes, precision, own, options);
  const { cache, cacheMaxMiB, calibrationTable } = settings;
  const { made, ...engine } = await new EngineCache(
    cache,
    cacheMaxMiB === undefined ? {} : { maxBytes: cacheMaxMiB * 2 ** 20 },
  ).use(
    facts,
    (folder) => create({ bytes, optimisation: 'all', provider, providerOptions: { ...own, ...cacheOptions(folder) } }),
    {
      ...options.watch,
      ...(calibrationTable !== undefined && { files: { [TABLE_FILE]: calibrationTable } }),
    },
  );
  return { made, engine };
}

async function engineFacts(
  bytes: Uint8Array,
  precision: Precision,
  own: ProviderOptions,
  { library, tensorrt = {} }: ExecutionOptions,
): Promise<EngineFacts> {
  const runtime = loadRuntime(library);
  // The provider brings its TensorRT into the process, whose version is then the right one of several.
  await loadProvider(runtime, 'tensorrt');
  const version = tensorRtVersion();
  // Before version 9 there are no strongly typed networks, and so no saying which layers stay in full precision.
  if (precision === 'fp16' && Number.parseInt(version, 10) < 9) {
    throw new SideglanceError(
      'SG_PROVIDER_UNAVAILABLE',
      `half precision needs TensorRT 10, whose networks keep the score head in FP32; this is TensorRT ${version}. Use fp32, or update TensorRT`,
    );
  }
  const { device_id: device, trt_profile_opt_shapes: shapes = '', ...options } = own;
  const gpu = await gpuFacts(Number(device));
  const table = tensorrt.calibrationTable && { calibrationTable: sha256(await readTable(tensorrt.calibrationTable)) };
  return {
    model: sha256(bytes),
    onnxRuntime: runtime.api.version,
    tensorrt: version,
    gpu: gpu.name,
    computeCapability: gpu.computeCapability,
    precision,
    shapes,
    options: { ...options, ...table },
  };
}

async function readTable(path: string): Promise<Uint8Array> {
  return readFile(path).catch((cause: unknown) => {
    throw new SideglanceError('SG_STORAGE', `the calibration table ${path} cannot be read: ${reasonOf(cause)}`, {
      cause,
    });
  });
}

/**
 * NVIDIA's libraries round the operands of FP32 products to 10 bits of mantissa where this is left to them (TF32). They
 * look at the environment when they are used for the first time.
 */
function allowTf32(allowed: boolean): void {
  if (allowed) delete process.env.NVIDIA_TF32_OVERRIDE;
  else process.env.NVIDIA_TF32_OVERRIDE = '0';
}
