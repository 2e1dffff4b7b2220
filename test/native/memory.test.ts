import assert from 'node:assert/strict';
import { test } from 'node:test';
import { C_LIBRARY } from '../../src/native/c-library.js';
import { loadLibrary } from '../../src/native/library.js';
import { giveBackMemory } from '../../src/native/memory.js';
import type { Pointer } from '../../src/native/pointer.js';

const libc = loadLibrary(C_LIBRARY);
const withoutTrim = libc.offers('malloc_trim') ? false : 'this C library keeps nothing';

test('memory that native code has freed goes back to the system', { skip: withoutTrim }, async () => {
  const malloc = libc.declare<[size: number], Pointer<'memory'>>('void *malloc(size_t size)');
  const memset = libc.declare<[at: Pointer<'memory'>, byte: number, size: number], bigint>(
    'void *memset(void *at, int byte, size_t size)',
  );
  const free = libc.declare<[memory: Pointer<'memory'>], void>('void free(void *memory)');
  // Each below what malloc maps by itself; the last one keeps the heap from shrinking when the others are freed.
  const blocks = Array.from({ length: 1024 }, () => malloc(100_000));
  const last = malloc(100_000);
  for (const block of blocks) memset(block, 1, 100_000);
  for (const block of blocks) free(block);
  const before = process.memoryUsage.rss();
  await giveBackMemory();
  assert.ok(before - process.memoryUsage.rss() > 50_000_000, 'half of them at least');
  free(last);
});
