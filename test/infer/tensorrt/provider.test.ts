import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { InspectorOptions } from '../../../src/infer/inspector.js';
import { fakeGpuRuntime, withoutFakeGpu } from '../../support/fake-nvidia.js';
import { writeFieldBundle } from '../../support/field-bundle.js';
import { writeHeadedBundle } from '../../support/headed-bundle.js';
import { tinyPicture } from '../../support/tiny-bundle.js';

const PROGRAM = fileURLToPath(new URL('./load-on-provider.js', import.meta.url));

/** Every key of `OrtTensorRTProviderOptionsV2` and of the CUDA provider that ONNX Runtime documents, as far as used here. */
const DOCUMENTED = {
  tensorrt: [
    ...['device_id', 'trt_int8_enable', 'trt_int8_calibration_table_name', 'trt_int8_use_native_calibration_table'],
    ...['trt_max_workspace_size', 'trt_builder_optimization_level', 'trt_engine_cache_enable', 'trt_engine_cache_path'],
    ...['trt_timing_cache_enable', 'trt_timing_cache_path', 'trt_sparsity_enable', 'trt_auxiliary_streams'],
    ...['trt_profile_min_shapes', 'trt_profile_opt_shapes', 'trt_profile_max_shapes'],
  ],
  cuda: [
    ...['device_id', 'use_tf32', 'gpu_mem_limit', 'arena_extend_strategy', 'cudnn_conv_algo_search'],
    ...['prefer_nhwc'],
  ],
};

interface Outcome {
  readonly events: readonly string[];
  readonly code?: string;
  readonly message?: string;
  readonly options: Readonly<Record<string, string>>;
}

/** A real ONNX Runtime that loads provider libraries which note their options and make no provider. */
describe('the options of a GPU provider reach its library', { skip: withoutFakeGpu }, () => {
  let folder: string;
  let bundle: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sideglance-provider-'));
    bundle = join(folder, 'bundle');
    await writeHeadedBundle(bundle);
    const gpu = { name: 'Orin', major: 8, minor: 7, driver: 12060 };
    await fakeGpuRuntime(join(folder, 'new'), gpu, [10, 3, 0, 26]);
    await fakeGpuRuntime(join(folder, 'old'), gpu, [8, 6, 1, 6]);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  async function load(options: Partial<InspectorOptions>, { system = 'new', model = bundle } = {}): Promise<Outcome> {
    const noted = join(folder, 'options');
    const env = { ...process.env, LD_LIBRARY_PATH: join(folder, system), SIDEGLANCE_OPTIONS: noted };
    const argument = JSON.stringify({ library: join(folder, system, 'libonnxruntime.so'), ...options });
    const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, model, argument], { env });
    const pairs = (await readFile(noted, 'utf8')).trim().split('\n');
    return { ...JSON.parse(stdout), options: Object.fromEntries(pairs.map((pair) => pair.split('='))) };
  }

  it('TensorRT: precision, limits, one profile, and the folder of an engine of its own', async () => {
    const cache = join(folder, 'engines');
    const settings = { precision: 'fp16', workspaceMiB: 512, builderOptimisationLevel: 4, deviceId: 0, cache } as const;
    const more = { options: { trt_sparsity_enable: true, trt_auxiliary_streams: 0 } };
    const { options, code, message, events } = await load({
      providers: ['tensorrt'],
      tensorrt: { ...settings, ...more },
    });
    const { trt_engine_cache_path: path = '', trt_timing_cache_path: timing, ...rest } = options;
    assert.deepEqual(rest, {
      device_id: '0',
      trt_max_workspace_size: String(512 * 2 ** 20),
      trt_builder_optimization_level: '4',
      trt_sparsity_enable: '1',
      trt_auxiliary_streams: '0',
      trt_profile_min_shapes: 'region:1x64x64x3',
      trt_profile_opt_shapes: 'region:1x64x64x3',
      trt_profile_max_shapes: 'region:1x64x64x3',
      trt_engine_cache_enable: '1',
      trt_timing_cache_enable: '1',
    });
    assert.match(path, new RegExp(`^${cache}/[0-9a-f]{64}\\.building$`));
    assert.equal(timing, path);
    for (const key of Object.keys(options)) assert.ok(DOCUMENTED.tensorrt.includes(key), key);
    assert.deepEqual(events, ['building']);
    assert.deepEqual(await readdir(cache), ['lock']);
    assert.equal(code, 'SG_PROVIDER_UNAVAILABLE');
    assert.match(message ?? '', /tensorrt: .*TensorRT: Failed to load shared library/);
  });

  it('TensorRT: the one shape is that of the batch, as large as the regions of a part and the memory allow', async () => {
    const shapeWith = async (options: Partial<InspectorOptions>) => {
      const tensorrt = { cache: join(folder, 'batches') };
      const { options: given } = await load({ providers: ['tensorrt'], tensorrt, ...options });
      return given.trt_profile_opt_shapes;
    };
    assert.equal(await shapeWith({ regionsPerPart: 3 }), 'region:3x64x64x3');
    assert.equal(await shapeWith({ regionsPerPart: 3, gpuMemoryMb: 14 }), 'region:2x64x64x3');
  });

  it('TensorRT: a model of two graphs begins with the one that describes, in tiles of one size; INT8 is not for it', async () => {
    const model = join(folder, 'surface');
    await writeFieldBundle(model, { width: 200, height: 160, golden: tinyPicture() });
    const tensorrt = { cache: join(folder, 'surfaces') } as const;
    const { options, message } = await load({ providers: ['tensorrt'], tensorrt, regionsPerPart: 2 }, { model });
    assert.equal(options.trt_profile_opt_shapes, 'region:2x188x228x3');
    assert.match(message ?? '', /tensorrt: .*Failed to load shared library/);
    const int8 = { ...tensorrt, precision: 'int8' } as const;
    const refused = await load({ providers: ['tensorrt'], tensorrt: int8 }, { model });
    assert.match(refused.message ?? '', /tensorrt: surface@1\.0\.0 is of two graphs.*Fix: use fp16/);
  });

  it('TensorRT: INT8 with the calibration table beside the engine, whose key depends on what is in it', async () => {
    const calibrationTable = join(folder, 'ranges.table');
    const keyOf = async (content: string, nativeCalibrationTable: boolean) => {
      await writeFile(calibrationTable, content);
      const tensorrt = {
        precision: 'int8',
        calibrationTable,
        nativeCalibrationTable,
        cache: join(folder, 'int8'),
      } as const;
      const { options } = await load({ providers: ['tensorrt'], tensorrt });
      assert.equal(options.trt_int8_enable, '1');
      assert.equal(options.trt_int8_calibration_table_name, 'int8.table');
      assert.equal(options.trt_int8_use_native_calibration_table, nativeCalibrationTable ? '1' : '0');
      for (const key of Object.keys(options)) assert.ok(DOCUMENTED.tensorrt.includes(key), key);
      return options.trt_engine_cache_path;
    };
    const keys = [await keyOf('a', false), await keyOf('b', false), await keyOf('b', true), await keyOf('a', false)];
    assert.equal(keys[0], keys[3]);
    assert.equal(new Set(keys).size, 3);
  });

  it('TensorRT: half precision is refused where TensorRT may not be told which layers stay in FP32', async () => {
    const { code, message } = await load(
      { providers: ['tensorrt'], tensorrt: { precision: 'fp16' } },
      { system: 'old' },
    );
    assert.equal(code, 'SG_PROVIDER_UNAVAILABLE');
    assert.match(message ?? '', /half precision needs TensorRT 10.*this is TensorRT 8\.6\.1\.6.*Use fp32/);
  });

  it('CUDA: memory, precision and the search for algorithms', async () => {
    const cuda = {
      precision: 'tf32',
      memoryLimitMiB: 2048,
      arenaExtend: 'as-requested',
      convolutionSearch: 'heuristic',
      options: { prefer_nhwc: true },
    } as const;
    const { options, message } = await load({ providers: ['cuda'], cuda });
    assert.deepEqual(options, {
      device_id: '0',
      use_tf32: '1',
      gpu_mem_limit: String(2 ** 31),
      arena_extend_strategy: 'kSameAsRequested',
      cudnn_conv_algo_search: 'HEURISTIC',
      prefer_nhwc: '1',
    });
    for (const key of Object.keys(options)) assert.ok(DOCUMENTED.cuda.includes(key), key);
    assert.match(message ?? '', /cuda: .*Failed to load shared library/);
    assert.equal((await load({ providers: ['cuda'] })).options.use_tf32, '0');
  });

  it('a GPU that is not there is told by its number, before any engine is built', async () => {
    const tensorrt = { deviceId: 3, cache: join(folder, 'third') };
    const { message, events } = await load({ providers: ['tensorrt'], tensorrt });
    assert.match(message ?? '', /tensorrt: there is no GPU with the number.*infer\.tensorrt\.deviceId/);
    assert.deepEqual(events, []);
  });
});
