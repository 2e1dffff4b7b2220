import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { barsOf } from '../../bench/speed/bars.js';
import { measureHeap } from '../../bench/speed/flat-heap.js';
import { readOptions } from '../../bench/speed/options.js';
import { type MeasuredParts, speedText } from '../../bench/speed/report.js';
import { SideglanceError } from '../../src/errors.js';
import { tinyPicture, writeTinyBundle } from '../support/tiny-bundle.js';

const flat = (median: number) => ({ low: 0.9 * median, median, high: 1.1 * median });

/** Every network and the heap were measured, and nothing else. */
function report(ratio: number): MeasuredParts {
  const names = [
    'sideglance',
    'the published method, patch by patch',
    'EfficientAD-S',
    'PatchCore 10 %, WideResNet-50',
    'PaDiM, ResNet-18',
    'PatchCore 1 %, ResNet-18',
  ];
  const networks = names.map((name) => ({
    name,
    gflop: 1,
    megabytes: 100,
    ms: flat(10),
    ratio: flat(name === 'sideglance' ? 1 : ratio),
    shareOfPeak: flat(0.6),
  }));
  const origin = {
    command: 'npm run bench',
    machine: { node: 'v20', arch: 'x64' as const, cpu: 'a processor', cores: 2 },
    date: '2026-01-01',
    minutes: 1,
  };
  return {
    networks: { ...origin, figures: { threads: 2, rounds: 15, peakGflops: flat(300), networks } },
    heap: {
      ...origin,
      figures: {
        frames: 1000,
        heapBytes: [100, 101],
        outsideHeapBytes: [100, 100],
        rssBytes: [1, 1],
        framesPerSecond: 1,
      },
    },
  };
}

test('a bar is met or missed by the median, and is left open where nothing was measured', () => {
  const bars = barsOf(report(20));
  const by = (part: string) => bars.find(({ what }) => what.includes(part))?.met;
  assert.equal(by('the published method'), false, '20 times faster, 40 were promised');
  assert.equal(by('EfficientAD-S'), true);
  assert.equal(by('PatchCore 10 %'), true);
  assert.equal(by('convolution peak'), true);
  assert.equal(by('half load'), null);
  assert.equal(by('growth'), true);
});

test('the report has a row for each bar and each network', () => {
  const bars = barsOf(report(20));
  const text = speedText(report(20), bars);
  for (const { what } of bars) assert.ok(text.includes(`| ${what} |`), what);
  assert.match(text, /\| EfficientAD-S \| 1\.00 \| 100 \| 10\.0 \| 20\.0 \(18\.0–22\.0\) \| 60 % \|/);
  assert.match(text, /MISSED/);
});

test('wrong options of the bench are refused with its usage', () => {
  for (const [args, message] of [
    [['--only', 'networks,nothing'], /--only names nothing, but there are only stations, loading, heap, networks/],
    [['--rounds', '0'], /--rounds must be a whole number from 1 to 1000/],
    [['--fast'], /--fast/],
    [['networks'], /networks is no option/],
  ] as const) {
    assert.throws(
      () => readOptions(args),
      (thrown) => thrown instanceof SideglanceError && thrown.code === 'SG_USAGE' && message.test(thrown.message),
    );
  }
  assert.deepEqual(readOptions(['--only', 'heap', '--frames', '500']).frames, 500);
});

test('what is alive does not grow with the number of frames', { timeout: 120_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sideglance-heap-'));
  try {
    await writeTinyBundle(folder);
    const pictures = [1, 2, 3].map((seed) => tinyPicture({ seed }));
    const { heapBytes, outsideHeapBytes } = await measureHeap(pictures, 2000, folder);
    for (const [what, [first, last]] of Object.entries({ heapBytes, outsideHeapBytes })) {
      // A frame that left a kilobyte behind would add two million bytes.
      assert.ok(last - first < 500_000, `${what}: ${first} → ${last}`);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});
