import { readFileSync } from 'node:fs';
import { SideglanceError } from '../../errors.js';
import { loadLibrary } from '../../native/library.js';

/** What an engine depends on, beside the model and the options. */
export interface GpuFacts {
  /** As the driver calls it, e.g. `Orin`. */
  readonly name: string;
  /** e.g. `8.7` */
  readonly computeCapability: string;
  /** Newest CUDA that the driver runs, e.g. `12.6`. */
  readonly driver: string;
}

/** `CUdevice_attribute` values (cuda.h). */
const COMPUTE_CAPABILITY_MAJOR = 75;
const COMPUTE_CAPABILITY_MINOR = 76;
const MAX_NAME_BYTES = 256;

/**
 * Asks the NVIDIA driver about a GPU (CUDA driver API).
 *
 * @param device counts as CUDA does, CUDA_VISIBLE_DEVICES included
 * @param candidates where libcuda may lie
 * @throws SideglanceError `SG_NATIVE_LIBRARY` where there is no driver, `SG_RUNTIME` with CUDA's number and text where it
 * cannot be used or has no such GPU
 */
export async function gpuFacts(device: number, candidates: readonly string[] = ['libcuda.so.1']): Promise<GpuFacts> {
  const library = loadLibrary({
    title: 'the NVIDIA driver',
    candidates,
    packageName: 'the driver',
    fix: 'install the NVIDIA driver; in a container, start it with the NVIDIA container runtime',
  });
  const errorText = library.declare<[number, [string | null]], number>(
    'int cuGetErrorString(int error, _Out_ const char **text)',
  );
  const check = (error: number): void => {
    if (error === 0) return;
    const text: [string | null] = [null];
    errorText(error, text);
    throw new SideglanceError('SG_RUNTIME', `CUDA failure ${error}: ${text[0] ?? 'no text'}`);
  };
  const number = (call: (out: [number]) => number): number => {
    const out: [number] = [0];
    check(call(out));
    return out[0];
  };
  // The first use of the driver takes its time.
  check(await library.declare<[number], number>('int cuInit(unsigned int flags)').offThread(0));
  const driverVersion = library.declare<[[number]], number>('int cuDriverGetVersion(_Out_ int *version)');
  const deviceGet = library.declare<[[number], number], number>('int cuDeviceGet(_Out_ int *device, int ordinal)');
  const attribute = library.declare<[[number], number, number], number>(
    'int cuDeviceGetAttribute(_Out_ int *value, int attribute, int device)',
  );
  const getName = library.declare<[Uint8Array, number, number], number>(
    'int cuDeviceGetName(void *name, int length, int device)',
  );
  const driver = number((out) => driverVersion(out));
  const handle = number((out) => deviceGet(out, device));
  const name = Buffer.alloc(MAX_NAME_BYTES);
  check(getName(name, name.length, handle));
  const [major, minor] = [COMPUTE_CAPABILITY_MAJOR, COMPUTE_CAPABILITY_MINOR].map((which) =>
    number((out) => attribute(out, which, handle)),
  );
  return {
    name: name.toString('utf8', 0, name.indexOf(0)),
    computeCapability: `${major}.${minor}`,
    driver: `${Math.floor(driver / 1000)}.${Math.floor((driver % 1000) / 10)}`,
  };
}

/**
 * The version of TensorRT that this process uses, e.g. `10.3.0.26`.
 * @param candidates where libnvinfer may lie; one that is in the process already (the provider has loaded it) is taken
 * @throws SideglanceError `SG_NATIVE_LIBRARY` where there is none
 */
export function tensorRtVersion(candidates: readonly string[] = nvinferCandidates()): string {
  const library = loadLibrary({
    title: 'TensorRT',
    candidates,
    packageName: 'TensorRT (on a Jetson: JetPack)',
    fix: 'install the package libnvinfer of the version that this ONNX Runtime was built with',
  });
  const read = (name: string) => library.declare<[], number>(`int ${name}()`)();
  if (library.offers('getInferLibBuildVersion')) {
    return ['Major', 'Minor', 'Patch', 'Build'].map((part) => read(`getInferLib${part}Version`)).join('.');
  }
  // NV_TENSORRT_VERSION (NvInferVersion.h): up to 9.x thousands, since 10.0 tens of thousands.
  const version = read('getInferLibVersion');
  const unit = version < 20_000 ? 1000 : 10_000;
  return `${Math.floor(version / unit)}.${Math.floor((version % unit) / 100)}.${version % 100}`;
}

function nvinferCandidates(): string[] {
  const loaded = /(\/\S*\/libnvinfer\.so[.\d]*)$/m.exec(readFileSync('/proc/self/maps', 'utf8'))?.[1];
  return [...(loaded === undefined ? [] : [loaded]), 'libnvinfer.so.10', 'libnvinfer.so.8', 'libnvinfer.so'];
}
