/** C sources of libraries that stand in for those of NVIDIA, as far as sideglance asks them for anything. */
import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { libraryPath } from '../../src/infer/ort/api.js';
import { compileLibrary, withoutCompiler } from './compiler.js';

/** Why there can be no fake GPU here, for `skip`; false where there can. */
export const withoutFakeGpu: string | false =
  process.arch === 'x64' ? withoutCompiler : 'the runtime that npm brings has no GPU providers here';

export interface FakeGpu {
  readonly name: string;
  readonly major: number;
  readonly minor: number;
  /** As `cuDriverGetVersion` tells it: 12060 is 12.6. */
  readonly driver: number;
  /** What `cuInit` returns. */
  readonly initError?: number;
}

/** libcuda with one GPU. */
export function fakeDriver({ name, major, minor, driver, initError = 0 }: FakeGpu): string {
  return `
    #include <stdio.h>
    int cuInit(unsigned flags) { return ${initError}; }
    int cuDriverGetVersion(int *version) { *version = ${driver}; return 0; }
    int cuDeviceGet(int *device, int ordinal) { if (ordinal > 0) return 101; *device = 7; return 0; }
    int cuDeviceGetName(char *text, int length, int device) { snprintf(text, length, "%s", "${name}"); return device == 7 ? 0 : 101; }
    int cuDeviceGetAttribute(int *value, int attribute, int device) {
      if (device != 7) return 101;
      *value = attribute == 75 ? ${major} : attribute == 76 ? ${minor} : -1;
      return 0;
    }
    int cuGetErrorString(int error, const char **text) {
      *text = error == 100 ? "no CUDA-capable device is detected" : error == 101 ? "invalid device ordinal" : 0;
      return 0;
    }`;
}

/** What every provider library needs from the one beside it. */
export const FAKE_SHARED = 'void Provider_SetHost(void *host) { (void)host; }';

/** libnvinfer of one version. */
export function fakeTensorRt(version: readonly [number, number, number, number]): string {
  const parts = ['Major', 'Minor', 'Patch', 'Build'];
  return parts.map((part, i) => `int getInferLib${part}Version(void) { return ${version[i]}; }`).join('\n');
}

/**
 * A provider library that writes the options it is given to the file $SIDEGLANCE_OPTIONS, one `key=value` a line, and
 * then makes no provider, which takes it $SIDEGLANCE_BUILD_SECONDS. It follows `struct Provider` of ONNX Runtime 1.30 (provider_host_api.h) and the layout of
 * `std::unordered_map<std::string, std::string>` in libstdc++.
 */
export const FAKE_PROVIDER = `
  #include <stdio.h>
  #include <stdlib.h>
  #include <unistd.h>
  static void *create(void **result) {
    char *seconds = getenv("SIDEGLANCE_BUILD_SECONDS");
    if (seconds) sleep(atoi(seconds));
    result[0] = result[1] = 0;
    return result;
  }
  static void *nothing(void) { return 0; }
  static void update(void *self, void *options, char *map) {
    FILE *out = fopen(getenv("SIDEGLANCE_OPTIONS"), "w");
    for (char *node = *(char **)(map + 16); node; node = *(char **)node) {
      fwrite(*(char **)(node + 8), 1, *(size_t *)(node + 16), out);
      fputc('=', out);
      fwrite(*(char **)(node + 40), 1, *(size_t *)(node + 48), out);
      fputc('\\n', out);
    }
    fclose(out);
  }
  static void *table[] = { create, nothing, nothing, nothing, update, nothing, nothing, nothing, nothing, nothing };
  static void *provider[] = { table };
  void *GetProvider(void) { return provider; }`;

/**
 * Makes a folder of a real ONNX Runtime with fake providers, and a driver and a TensorRT for LD_LIBRARY_PATH.
 * @returns the path of the library
 */
export async function fakeGpuRuntime(
  folder: string,
  gpu: FakeGpu = { name: 'Orin', major: 8, minor: 7, driver: 12060 },
  version: readonly [number, number, number, number] = [10, 3, 0, 26],
): Promise<string> {
  await mkdir(folder, { recursive: true });
  const library = join(folder, 'libonnxruntime.so');
  await symlink(libraryPath(), library);
  compileLibrary(join(folder, 'libonnxruntime_providers_shared.so'), FAKE_SHARED);
  compileLibrary(join(folder, 'libonnxruntime_providers_tensorrt.so'), FAKE_PROVIDER);
  compileLibrary(join(folder, 'libonnxruntime_providers_cuda.so'), FAKE_PROVIDER);
  compileLibrary(join(folder, 'libcuda.so.1'), fakeDriver(gpu));
  compileLibrary(join(folder, `libnvinfer.so.${version[0]}`), fakeTensorRt(version));
  return library;
}
