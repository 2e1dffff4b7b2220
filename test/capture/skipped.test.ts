import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Backoff } from '../../src/capture/backoff.js';
import { Sleeper } from '../../src/capture/clock.js';
import { SkippedFrames } from '../../src/capture/skipped.js';

const MS = 1_000_000n;

describe('counting skipped frames', () => {
  it('goes by the numbers of the source where there are any', () => {
    const skipped = new SkippedFrames();
    const counts = [5n, 6n, 9n, 9n, 3n].map((index) => skipped.before({ index, ptsNs: 0n, durationNs: 1n }));
    assert.deepEqual(counts, [0, 0, 2, 0, 0]);
  });

  it('goes by time stamps otherwise', () => {
    const skipped = new SkippedFrames();
    const at = (ms: bigint) => skipped.before({ index: null, ptsNs: ms * MS, durationNs: 40n * MS });
    assert.deepEqual([at(0n), at(40n), at(81n), at(201n), at(100n)], [0, 0, 0, 2, 0]);
  });

  it('takes a part that came late for one part: its duration is the time since the one before', () => {
    const skipped = new SkippedFrames();
    skipped.before({ index: null, ptsNs: 0n, durationNs: null });
    assert.equal(skipped.before({ index: null, ptsNs: 3000n * MS, durationNs: 3000n * MS }), 0);
  });

  it('counts nothing where nothing is known, and nothing across streams', () => {
    const skipped = new SkippedFrames();
    skipped.before({ index: null, ptsNs: 0n, durationNs: null });
    assert.equal(skipped.before({ index: null, ptsNs: 900n * MS, durationNs: null }), 0);
    assert.equal(skipped.before({ index: null, ptsNs: null, durationNs: 1n }), 0);
    skipped.before({ index: 4n, ptsNs: null, durationNs: null });
    skipped.restart();
    assert.equal(skipped.before({ index: 90n, ptsNs: null, durationNs: null }), 0);
  });
});

describe('the back-off', () => {
  it('doubles up to its bound, and begins anew after a reset', () => {
    const backoff = new Backoff(100, 1000, () => 0);
    assert.deepEqual(
      [1, 2, 3, 4, 5, 6].map(() => backoff.next()),
      [100, 200, 400, 800, 1000, 1000],
    );
    backoff.reset();
    assert.equal(backoff.next(), 100);
  });

  it('cuts off up to a half at random', () => {
    const backoff = new Backoff(100, 1000, () => 0.999);
    assert.ok(backoff.next() < 51);
    for (let attempt = 0; attempt < 5000; attempt++) assert.ok(backoff.next() <= 1000);
  });
});

describe('a sleeper', () => {
  it('ends every wait, also later ones, once it is woken', async () => {
    const sleeper = new Sleeper();
    const long = sleeper.sleep(60_000);
    sleeper.wake();
    await long;
    await sleeper.sleep(60_000);
  });

  it('ends with what it waits for, in failure too', async () => {
    await new Sleeper().sleep(60_000, Promise.resolve());
    await new Sleeper().sleep(60_000, Promise.reject(new Error('expected')));
  });
});
