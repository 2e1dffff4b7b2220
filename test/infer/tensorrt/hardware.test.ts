import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gpuFacts, tensorRtVersion } from '../../../src/infer/tensorrt/hardware.js';
import { compileLibrary, withoutCompiler } from '../../support/compiler.js';
import { fakeDriver } from '../../support/fake-nvidia.js';
import { fault } from '../../support/faults.js';

const folder = await mkdtemp(join(tmpdir(), 'sideglance-hardware-'));
after(() => rm(folder, { recursive: true, force: true }));
const skip = withoutCompiler;

test('the driver is asked for name, compute capability and CUDA version of the GPU', { skip }, async () => {
  const path = join(folder, 'libcuda.so.1');
  compileLibrary(path, fakeDriver({ name: 'Orin (nvgpu)', major: 8, minor: 7, driver: 12060 }));
  assert.deepEqual(await gpuFacts(0, [path]), { name: 'Orin (nvgpu)', computeCapability: '8.7', driver: '12.6' });
  await assert.rejects(gpuFacts(3, [path]), fault('SG_RUNTIME', /^CUDA failure 101: invalid device ordinal$/));
});

test('a driver without a GPU says so in its own words', { skip }, async () => {
  const path = join(folder, 'libcuda-none.so');
  compileLibrary(path, fakeDriver({ name: '', major: 0, minor: 0, driver: 0, initError: 100 }));
  await assert.rejects(
    gpuFacts(0, [path]),
    fault('SG_RUNTIME', /CUDA failure 100: no CUDA-capable device is detected/),
  );
});

test('where there is no driver or no TensorRT, that is what is said', async () => {
  const none = [join(folder, 'none.so')];
  await assert.rejects(gpuFacts(0, none), fault('SG_NATIVE_LIBRARY', /the NVIDIA driver cannot be loaded.*install/));
  assert.throws(() => tensorRtVersion(none), fault('SG_NATIVE_LIBRARY', /TensorRT cannot be loaded.*libnvinfer/));
});

test('the version of TensorRT is told in full where it can be', { skip }, () => {
  const version = (name: string, source: string) => {
    const path = join(folder, name);
    compileLibrary(path, source);
    return tensorRtVersion([path]);
  };
  assert.equal(version('old.so', 'int getInferLibVersion(void) { return 8502; }'), '8.5.2');
  assert.equal(version('new.so', 'int getInferLibVersion(void) { return 100300; }'), '10.3.0');
  const parts = { Major: 10, Minor: 3, Patch: 0, Build: 26 };
  const source = Object.entries(parts).map(([part, n]) => `int getInferLib${part}Version(void) { return ${n}; }`);
  assert.equal(version('newest.so', source.join('\n')), '10.3.0.26');
});
