import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { libraryPath } from '../../../src/infer/ort/api.js';
import { loadRuntime } from '../../../src/infer/ort/runtime.js';
import { compileLibrary, withoutCompiler } from '../../support/compiler.js';
import { fault } from '../../support/faults.js';

const folder = await mkdtemp(join(tmpdir(), 'sideglance-ort-library-'));
after(() => rm(folder, { recursive: true, force: true }));

const refused = (path: string, message: RegExp) =>
  assert.throws(() => loadRuntime(path), fault('SG_NATIVE_LIBRARY', message));

test('the library is that of the configuration, else ORT_LIB, else the one that npm installed', () => {
  assert.match(libraryPath(), /onnxruntime-node.*libonnxruntime\.so\.1$/);
  process.env.ORT_LIB = '/opt/ort/libonnxruntime.so';
  try {
    assert.equal(libraryPath(), '/opt/ort/libonnxruntime.so');
    assert.equal(libraryPath('/mine/libonnxruntime.so'), '/mine/libonnxruntime.so');
  } finally {
    delete process.env.ORT_LIB;
  }
});

test('a library that is missing is named with its path and the fix', () => {
  refused(join(folder, 'libonnxruntime.so'), /libonnxruntime\.so.*npm ci.*ORT_LIB \(or infer\.library/);
});

test('a library for another machine is called so, and not "no such file"', () => {
  const other = process.arch === 'x64' ? 'arm64' : 'x64';
  const path = join(dirname(dirname(libraryPath())), other, 'libonnxruntime.so.1');
  refused(path, new RegExp(`libonnxruntime\\.so\\.1 is built for ${other}, and this is ${process.arch}: .*ORT_LIB`));
});

test('a file that is no library, and a library that is no ONNX Runtime, are called so', async () => {
  const text = join(folder, 'text.so');
  await writeFile(text, 'a file of text that only has the name of a library');
  refused(text, /text\.so is no shared library: .*ORT_LIB/);
  refused('libc.so.6', /libc\.so\.6 is a library, but no ONNX Runtime/);
});

test('an ONNX Runtime that is too old is refused with its version', { skip: withoutCompiler }, () => {
  const path = join(folder, 'libold.so');
  compileLibrary(
    path,
    `static const void *api(unsigned version) { return version > 10 ? 0 : "table"; }
     static const char *version(void) { return "1.10.0"; }
     static const struct { const void *(*api)(unsigned); const char *(*version)(void); } base = { api, version };
     const void *OrtGetApiBase(void) { return &base; }`,
  );
  refused(path, /libold\.so is ONNX Runtime 1\.10\.0, which is too old: 1\.20 or newer/);
});
