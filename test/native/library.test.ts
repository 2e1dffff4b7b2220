import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { SideglanceError } from '../../src/errors.js';
import { functionAt, loadLibrary } from '../../src/native/library.js';
import {
  asPointer,
  outPointer,
  type Pointer,
  readInt32,
  readPointer,
  readSize,
  readString,
  readUInt32,
  readUInt64,
  writeUInt64,
} from '../../src/native/pointer.js';
import { compileLibrary, withoutCompiler } from '../support/compiler.js';

const libc = loadLibrary({
  title: 'the C library',
  candidates: ['libc.so.6'],
  packageName: 'libc6',
  fix: 'apt-get install libc6',
});
const malloc = libc.declare<[size: number], Pointer<'memory'>>('void *malloc(size_t size)');
const free = libc.declare<[memory: Pointer<'memory'>], void>('void free(void *memory)');
const memcpy = libc.declare<[to: Uint8Array | Pointer<'memory'>, from: Uint8Array, size: number], bigint>(
  'void *memcpy(void *to, void *from, size_t size)',
);

describe('a native function', { skip: withoutCompiler }, () => {
  it('has as much stack as in a thread of its own, on either thread', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sideglance-stack-'));
    try {
      const path = join(folder, 'deep.so');
      compileLibrary(
        path,
        'int deep(int kib) { char a[1024]; a[0] = kib; return kib < 1 ? a[0] : deep(kib - 1) + a[0] * 0; }',
      );
      const library = loadLibrary({ title: 'deep', candidates: [path], packageName: '-', fix: '-' });
      const deep = library.declare<[kib: number], number>('int deep(int kib)');
      assert.equal(deep(6 * 1024), 0);
      assert.equal(await deep.offThread(6 * 1024), 0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('loading a native library', () => {
  it('takes the first candidate that loads', () => {
    const library = loadLibrary({
      title: 'the C library',
      candidates: ['libsideglance-missing.so.9', 'libc.so.6'],
      packageName: 'libc6',
      fix: '-',
    });
    assert.equal(library.path, 'libc.so.6');
  });

  it('names the library, every candidate, the package and the fix when none loads', () => {
    assert.throws(
      () =>
        loadLibrary({
          title: 'Example',
          candidates: ['libone-missing.so', '/nowhere/libtwo.so'],
          packageName: 'libexample1',
          fix: 'apt-get install libexample1',
        }),
      (error: unknown) => {
        assert.ok(error instanceof SideglanceError);
        assert.equal(error.code, 'SG_NATIVE_LIBRARY');
        for (const part of ['Example', 'libone-missing.so', '/nowhere/libtwo.so', 'apt-get install libexample1']) {
          assert.ok(error.message.includes(part), `${part} in: ${error.message}`);
        }
        assert.ok(error.cause instanceof Error);
        return true;
      },
    );
  });

  it('looks a function up at its first call and says which one is missing', () => {
    const absent = libc.declare<[], number>('int sideglance_no_such_function()');
    assert.throws(
      () => absent(),
      (error: unknown) =>
        error instanceof SideglanceError &&
        error.code === 'SG_NATIVE_LIBRARY' &&
        error.message.includes('sideglance_no_such_function'),
    );
  });

  it('rejects, not throws, when a missing function is called off the thread', async () => {
    const absent = libc.declare<[], number>('int sideglance_no_such_function()');
    await assert.rejects(absent.offThread(), { code: 'SG_NATIVE_LIBRARY' });
  });
});

describe('calling native functions', () => {
  it('leaves the JS thread free during a call off the thread', async () => {
    const usleep = libc.declare<[micros: number], number>('int usleep(uint32_t micros)');
    let ticks = 0;
    const timer = setInterval(() => ticks++, 5);
    assert.equal(await usleep.offThread(100_000), 0);
    clearInterval(timer);
    assert.ok(ticks > 0, 'no timer was served during the call');
  });

  it('writes into a JS buffer from another thread', async () => {
    const target = new Uint8Array(8);
    await memcpy.offThread(target, new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]), 8);
    assert.deepEqual([...target], [1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('calls through a function pointer', () => {
    const loader = loadLibrary({ title: 'dl', candidates: ['libc.so.6'], packageName: 'libc6', fix: '-' });
    const dlsym = loader.declare<[handle: null, name: string], Pointer<'function'>>(
      'void *dlsym(void *handle, const char *name)',
    );
    const abs = functionAt<[value: number], number>(dlsym(null, 'abs'), 'int', ['int']);
    assert.equal(abs(-7), 7);
  });
});

describe('reading native memory', () => {
  it('reads integers, sizes, pointers and strings at their offsets', () => {
    const memory = malloc(64);
    try {
      const bytes = new Uint8Array(64);
      const view = new DataView(bytes.buffer);
      view.setInt32(0, -5, true);
      view.setUint32(4, 4_000_000_000, true);
      view.setBigUint64(8, 0xffff_ffff_ffff_ffffn, true);
      view.setBigUint64(16, 123n, true);
      view.setBigUint64(24, BigInt.asUintN(64, memory) + 40n, true);
      bytes.set(new TextEncoder().encode('Größe\0'), 40);
      memcpy(memory, bytes, 64);
      assert.equal(readInt32(memory, 0), -5);
      assert.equal(readUInt32(memory, 4), 4_000_000_000);
      assert.equal(readUInt64(memory, 8), 0xffff_ffff_ffff_ffffn);
      assert.equal(readSize(memory, 16), 123);
      assert.throws(() => readSize(memory, 8), RangeError);
      assert.equal(readString(readPointer(memory, 24)), 'Größe');
      assert.equal(readPointer(memory, 56), null);
      writeUInt64(memory, 56, 0x1234_5678_9abc_def0n);
      assert.equal(readUInt64(memory, 56), 0x1234_5678_9abc_def0n);
      assert.equal(readInt32(bytes, 0), -5);
    } finally {
      free(memory);
    }
  });

  it('gets a pointer out of a `Kind **` parameter', () => {
    const posixMemalign = libc.declare<
      [out: ReturnType<typeof outPointer<'memory'>>, align: number, size: number],
      number
    >('int posix_memalign(_Out_ void **out, size_t align, size_t size)');
    const cell = outPointer<'memory'>();
    assert.equal(posixMemalign(cell, 64, 64), 0);
    const memory = cell[0];
    assert.ok(memory !== null && memory % 64n === 0n);
    free(memory);
    assert.equal(asPointer<'memory'>(16n), 16n);
    assert.equal(readString(null), null);
  });
});
