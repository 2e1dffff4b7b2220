import { z } from 'zod';
import { text, whole } from './fields.js';

/** The `infer` group: how networks run. */

const providers = ['cpu', 'cuda', 'tensorrt'] as const;

const more = (prefix: string) =>
  z
    .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
    .default({})
    .meta({
      description: `Further options by the names that ONNX Runtime documents${prefix}; not those that have a key of their own here.`,
    });

const TensorRtSchema = z
  .strictObject({
    precision: z.enum(['fp32', 'tf32', 'fp16', 'int8']).default('fp32').meta({
      description:
        'How finely the network computes; the score head stays in FP32, except with `int8`. Anything but `fp32` needs a model that is calibrated for it (`sideglance calibrate`).',
    }),
    calibrationTable: text(
      'For `int8`: the file with the range of each tensor, as ONNX Runtime’s calibration tools or TensorRT write it. Relative to this file.',
    ).exactOptional(),
    nativeCalibrationTable: z
      .boolean()
      .default(false)
      .meta({ description: '`true` for a table that TensorRT wrote, `false` for one of ONNX Runtime’s tools.' }),
    deviceId: whole(0, 63, 'The number of the GPU, as CUDA counts.').default(0),
    workspaceMiB: whole(
      16,
      1_048_576,
      'Most scratch memory that an engine may use, in MiB. Absent: all that the GPU has.',
    ).exactOptional(),
    builderOptimisationLevel: whole(
      0,
      5,
      'From 0, an engine is built fast, to 5, it runs fast. Absent: TensorRT’s default, 3.',
    ).exactOptional(),
    cache: text(
      'Folder for engines, relative to this file. Absent: that of the service (`CACHE_DIRECTORY`), else `~/.cache/sideglance/engines`.',
    ).exactOptional(),
    cacheMaxMiB: whole(
      64,
      1_048_576,
      'Engines that were not used for longest are removed when all of them are larger, in MiB.',
    ).default(4096),
    options: more(' for TensorRT (`trt_…`)'),
  })
  .meta({ description: 'For the provider `tensorrt`.' });

const CudaSchema = z
  .strictObject({
    precision: z.enum(['fp32', 'tf32', 'fp16']).default('fp32').meta({ description: 'As for TensorRT.' }),
    deviceId: whole(0, 63, 'The number of the GPU, as CUDA counts.').default(0),
    memoryLimitMiB: whole(
      64,
      1_048_576,
      'Most GPU memory for the tensors of a station, in MiB. Absent: what it needs.',
    ).exactOptional(),
    arenaExtend: z
      .enum(['power-of-two', 'as-requested'])
      .default('power-of-two')
      .meta({ description: 'How GPU memory is taken: in ever larger steps, or no more than is asked for.' }),
    convolutionSearch: z.enum(['exhaustive', 'heuristic', 'default']).default('exhaustive').meta({
      description: 'How an algorithm is found for each convolution: by measuring, by a guess, or not at all.',
    }),
    options: more(' for CUDA'),
  })
  .meta({ description: 'For the provider `cuda`.' });

export const InferSchema = z
  .strictObject({
    threads: z
      .union([z.literal('auto'), z.int().min(1).max(128)])
      .default('auto')
      .meta({ description: 'Threads for the network of each station. `auto`: the cores divided among the stations.' }),
    providers: z.array(z.enum(providers)).min(1).max(3).default(['cpu']).meta({
      description:
        'Execution providers in the order in which they are tried. One that is not named here is never used: if none of these runs, the station does not start.',
    }),
    require: z
      .enum(providers)
      .meta({
        description:
          'The provider that must be in use, one of `providers`: the others are not tried in its place, and a station whose model it does not run does not start.',
      })
      .exactOptional(),
    gpuMemoryMb: whole(
      64,
      1_048_576,
      'Megabytes of GPU memory that the network of each station may hold while it runs, by an estimate: regions and tiles share a batch as large as fits, and a GPU on which a model does not fit is not used for it. The GPU’s libraries take some hundred megabytes more. Without effect on `cpu`.',
    ).default(2048),
    library: text(
      'Path of a `libonnxruntime.so` to use, relative to this file. Absent: the one that ORT_LIB names, else the one that npm installed (CPU only on arm64).',
    ).exactOptional(),
    tensorrt: TensorRtSchema.prefault({}),
    cuda: CudaSchema.prefault({}),
  })
  .meta({ description: 'How networks run (ONNX Runtime).' });
