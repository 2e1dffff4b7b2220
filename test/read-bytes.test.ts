import assert from 'node:assert/strict';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { readBytes } from '../src/read-bytes.js';

it('the first bytes of a file, and fewer where it ends before', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sideglance-read-'));
  try {
    const written = Uint8Array.from({ length: 700_001 }, (_, i) => i * 7);
    await writeFile(join(folder, 'file'), written);
    const file = await open(join(folder, 'file'));
    try {
      for (const count of [0, 3, 700_000, 700_001, 900_000]) {
        const bytes = await readBytes(file, count);
        assert.deepEqual(Buffer.from(bytes), Buffer.from(written.subarray(0, count)));
      }
    } finally {
      await file.close();
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});
