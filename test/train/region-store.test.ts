import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { RegionStore } from '../../src/train/region-store.js';

const regionOf = (seed: number, length: number) => Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 17) % 256);

test('what is beyond the budget is read back from a file that has no name', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sideglance-store-'));
  const before = process.env.TMPDIR;
  process.env.TMPDIR = folder;
  const store = new RegionStore(2500);
  try {
    const stored = [1000, 1000, 1000, 700, 1000, 400].map((length, seed) => ({
      region: store.add(regionOf(seed, length)),
      length,
    }));
    // The third, the fourth and the fifth do not fit; the last one does.
    assert.equal(store.spilledBytes, 2700);
    assert.deepEqual(await readdir(folder), []);
    for (const round of [0, 1]) {
      stored.forEach(({ region, length }, seed) => {
        assert.deepEqual(region.data, regionOf(seed, length), `round ${round}, region ${seed}`);
      });
    }
    store.close();
    assert.throws(() => stored[2]!.region.data, /closed/);
    assert.deepEqual(stored[0]!.region.data, regionOf(0, 1000));
  } finally {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
    await rm(folder, { recursive: true });
  }
});

test('within the budget there is no file', () => {
  const store = new RegionStore(1000);
  store.add(regionOf(1, 1000));
  assert.equal(store.spilledBytes, 0);
  store.close();
});

test('a temporary folder that cannot be written is an error that says so', () => {
  const before = process.env.TMPDIR;
  process.env.TMPDIR = '/nowhere/at/all';
  try {
    assert.throws(() => new RegionStore(0).add(regionOf(1, 10)), { code: 'SG_STORAGE', message: /nowhere.*TMPDIR/ });
  } finally {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
  }
});
