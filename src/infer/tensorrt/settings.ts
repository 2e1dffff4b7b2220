import type { ProviderOptions } from '../ort/providers.js';
import type { Precision } from '../precision/precision.js';

/** Further options by the names that ONNX Runtime documents. */
export type MoreOptions = Readonly<Record<string, string | number | boolean>>;

/** How TensorRT builds and runs an engine. Defaults are TensorRT's own where none is named. */
export interface TensorRtSettings {
  /** `fp32` when left out. */
  readonly precision?: Precision;
  /** File with the range of each tensor, for `int8`. */
  readonly calibrationTable?: string;
  /** Whether the table is one that TensorRT wrote, and not ONNX Runtime's tools. */
  readonly nativeCalibrationTable?: boolean;
  readonly deviceId?: number;
  /** Most scratch memory that an engine may use. */
  readonly workspaceMiB?: number;
  /** From 0, built fast, to 5, runs fast; 3 when left out. */
  readonly builderOptimisationLevel?: number;
  /** Folder for engines; see `defaultEngineFolder`. */
  readonly cache?: string;
  /** Engines that were not used for longest go when all together are larger. */
  readonly cacheMaxMiB?: number;
  readonly options?: MoreOptions;
}

/** How the calibration table is called in the folder of an engine, where ONNX Runtime looks for it. */
export const TABLE_FILE = 'int8.table';

/** The shape of each input, which is the only one that will ever be given. */
export type InputShapes = Readonly<Record<string, readonly number[]>>;

/** What decides about an engine, without the folder that it lies in. */
export function engineOptions(settings: TensorRtSettings, shapes: InputShapes): ProviderOptions {
  const { precision = 'fp32', deviceId = 0, workspaceMiB, builderOptimisationLevel } = settings;
  const profile = Object.entries(shapes)
    .map(([input, shape]) => `${input}:${shape.join('x')}`)
    .join(',');
  return {
    ...textOptions(settings.options),
    device_id: String(deviceId),
    // Without a precision flag, ONNX Runtime makes the network strongly typed: every layer computes as the graph says.
    ...(precision === 'int8' && {
      trt_int8_enable: '1',
      trt_int8_calibration_table_name: TABLE_FILE,
      trt_int8_use_native_calibration_table: settings.nativeCalibrationTable ? '1' : '0',
    }),
    ...(workspaceMiB !== undefined && { trt_max_workspace_size: String(workspaceMiB * 2 ** 20) }),
    ...(builderOptimisationLevel !== undefined && {
      trt_builder_optimization_level: String(builderOptimisationLevel),
    }),
    // One shape and no other: an engine is built before the first run, and never again.
    trt_profile_min_shapes: profile,
    trt_profile_opt_shapes: profile,
    trt_profile_max_shapes: profile,
  };
}

/** Where ONNX Runtime reads and writes engines and timings. */
export function cacheOptions(folder: string): ProviderOptions {
  return {
    trt_engine_cache_enable: '1',
    trt_engine_cache_path: folder,
    trt_timing_cache_enable: '1',
    trt_timing_cache_path: folder,
  };
}

/** Values as ONNX Runtime reads them: `true` is `1`. */
export function textOptions(options: MoreOptions = {}): ProviderOptions {
  return Object.fromEntries(
    Object.entries(options).map(([key, value]) => [key, String(typeof value === 'boolean' ? Number(value) : value)]),
  );
}
