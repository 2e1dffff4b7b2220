import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { libraryPath } from '../../../src/infer/ort/api.js';
import { explainFailure } from '../../../src/infer/ort/explain.js';
import type { Provider } from '../../../src/infer/ort/providers.js';
import type { ProviderFailure } from '../../../src/types.js';
import { compileLibrary } from '../../support/compiler.js';
import { FAKE_SHARED, withoutFakeGpu } from '../../support/fake-nvidia.js';

const TRY_PROVIDER = fileURLToPath(new URL('./try-provider.js', import.meta.url));
const NPM_LIBRARY = libraryPath();
const skip = withoutFakeGpu;

const folder = await mkdtemp(join(tmpdir(), 'sideglance-explain-'));
after(() => rm(folder, { recursive: true, force: true }));

/** A folder with the runtime in it, as somebody would put one together. */
async function runtimeFolder(name: string): Promise<{ library: string; file: (name: string) => string }> {
  const home = join(folder, name);
  await mkdir(home);
  const library = join(home, 'libonnxruntime.so');
  await symlink(NPM_LIBRARY, library);
  return { library, file: (each) => join(home, each) };
}

async function failureOf(library: string, provider: Provider): Promise<ProviderFailure> {
  const { stdout } = await promisify(execFile)(process.execPath, [TRY_PROVIDER, library, provider]);
  return JSON.parse(stdout);
}

test('provider libraries that are not there are named, with the folder that they belong in', { skip }, async () => {
  const { library, file } = await runtimeFolder('bare');
  const shared = await failureOf(library, 'tensorrt');
  assert.match(shared.reason, /^libonnxruntime_providers_shared\.so does not lie beside libonnxruntime\.so in .*bare$/);
  assert.match(shared.fix, /libonnxruntime_providers_tensorrt\.so .* set `infer\.library` \(or ORT_LIB\)/);
  compileLibrary(file('libonnxruntime_providers_shared.so'), FAKE_SHARED);
  const cuda = await failureOf(library, 'cuda');
  assert.match(cuda.reason, /^libonnxruntime_providers_cuda\.so does not lie beside/);
});

test('a library that a provider needs and the system lacks is named, with what brings it', { skip }, async () => {
  const cases = [
    ['tensorrt', 'libnvinfer.so.10', /^libnvinfer\.so\.10 of TensorRT is not installed/, /TensorRT runtime/],
    ['cuda', 'libcudnn.so.9', /^libcudnn\.so\.9 of CUDA is not installed/, /cuDNN/],
    ['cuda', 'libcuda.so.1', /^there is no NVIDIA driver \(libcuda\.so\.1\)/, /install the NVIDIA driver/],
  ] as const;
  for (const [provider, needed, reason, fix] of cases) {
    const { library, file } = await runtimeFolder(needed);
    compileLibrary(file('libonnxruntime_providers_shared.so'), FAKE_SHARED);
    compileLibrary(file(needed), 'int sideglance_fake(void) { return 1; }', [`-Wl,-soname,${needed}`]);
    compileLibrary(
      file(`libonnxruntime_providers_${provider}.so`),
      'int sideglance_fake(void); void *GetProvider(void) { sideglance_fake(); return 0; }',
      [file(needed)],
    );
    await rm(file(needed));
    const failure = await failureOf(library, provider);
    assert.match(failure.reason, reason);
    assert.match(failure.fix, fix);
  }
});

test('a provider library for another machine, or that is none, is called so', { skip }, async () => {
  const { library, file } = await runtimeFolder('foreign');
  compileLibrary(file('libonnxruntime_providers_shared.so'), FAKE_SHARED);
  await copyFile(arm64Library('onnxruntime_binding.node'), file('libonnxruntime_providers_cuda.so'));
  assert.match((await failureOf(library, 'cuda')).reason, /providers_cuda\.so is built for arm64, this is x64$/);
  await writeFile(file('libonnxruntime_providers_tensorrt.so'), 'not a library, whatever its name says');
  assert.match((await failureOf(library, 'tensorrt')).reason, /providers_tensorrt\.so .*(invalid ELF|file too short)/);
});

test('the texts of CUDA and of a runtime without the provider are turned into what to do', () => {
  const explain = (provider: Provider, text: string) =>
    explainFailure(provider, new Error(text), '/opt/libonnxruntime.so');
  const cases: [Provider, string, RegExp, RegExp][] = [
    [
      'cuda',
      'CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version ; GPU=0',
      /driver is older/,
      /update the driver/,
    ],
    ['cuda', 'CUDA failure 100: no CUDA-capable device is detected ; GPU=-1', /no NVIDIA GPU/, /nvidia-smi/],
    ['tensorrt', 'CUDA failure 101: invalid device ordinal', /no GPU with the number/, /infer\.tensorrt\.deviceId/],
    ['tensorrt', 'CUDA failure 2: out of memory', /memory of the GPU/, /tensorrt\.workspaceMiB/],
    [
      'tensorrt',
      'preparing TensorRT: ONNX Runtime 1.30.0 says: TensorRT execution provider is not enabled in this build.',
      /^\/opt\/libonnxruntime\.so was built without TensorRT$/,
      /infer\.library/,
    ],
    [
      'tensorrt',
      'This session contains graph nodes that are assigned to the default CPU EP, but fallback to CPU EP has been explicitly disabled by the user.',
      /cannot run every operator/,
      /\[tensorrt, cuda\]/,
    ],
    [
      'cuda',
      "Failed to load library /opt/libonnxruntime_providers_cuda.so with error: /lib/libc.so.6: version `GLIBC_2.99' not found (required by /opt/x.so)",
      /needs GLIBC_2\.99/,
      /built for this system/,
    ],
  ];
  for (const [provider, text, reason, fix] of cases) {
    const failure = explain(provider, text);
    assert.match(failure.reason, reason);
    assert.match(failure.fix, fix);
  }
  const unknown = explain('cuda', '/src/a/b.cc:12 virtual void x() [ONNXRuntimeError] : 1 : FAIL : the dog ate it\n');
  assert.deepEqual(unknown, { provider: 'cuda', reason: 'the dog ate it', fix: unknown.fix });
  assert.match(unknown.fix, /take cuda out of `infer\.providers`/);
});

function arm64Library(name: string): string {
  return join(dirname(dirname(NPM_LIBRARY)), 'arm64', name);
}
