/** C sources of libraries that stand in for those of NVIDIA, as far as sideglance asks them for anything. */

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
 * then makes no provider. It follows `struct Provider` of ONNX Runtime 1.30 (provider_host_api.h) and the layout of
 * `std::unordered_map<std::string, std::string>` in libstdc++.
 */
export const FAKE_PROVIDER = `
  #include <stdio.h>
  #include <stdlib.h>
  static void *create(void **result) { result[0] = result[1] = 0; return result; }
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
