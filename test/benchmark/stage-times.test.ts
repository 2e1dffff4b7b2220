import assert from 'node:assert/strict';
import { test } from 'node:test';
import { quantileOf, StageTally } from '../../src/benchmark/stage-times.js';
import { inspectionMessage } from '../../src/publish/compose.js';
import { DEVICE, inspection } from '../publish/support/inspections.js';

/** A part that was captured at `at` and published `endToEnd` milliseconds later. */
function message(at: number, endToEnd: number, timings: Record<string, number>) {
  const inspected = {
    ...inspection(0),
    captured: { utc: '2026-01-01T00:00:00.000Z', monotonicMs: at },
    timings: { capture: 0, crop: 0, network: 0, postprocess: 0, encode: 0, total: 0, ...timings },
    skippedFrames: 1,
  };
  const published = { utc: '2026-01-01T00:00:00.000Z', monotonicMs: at + endToEnd };
  return inspectionMessage(DEVICE, inspected, { epoch: 'e', stream: 's', seq: 0 }, [], published);
}

test('quantiles lie between the nearest values', () => {
  assert.equal(quantileOf([4, 1, 3, 2], 0.5), 2.5);
  assert.equal(quantileOf([1, 2, 3], 1), 3);
  assert.equal(quantileOf([7], 0.99), 7);
});

test('the stages of a part add up to the time from its capture to its publishing', () => {
  const tally = new StageTally();
  const timings = { capture: 1, crop: 2, network: 10, postprocess: 3, encode: 4, total: 21 };
  for (const at of [0, 500, 1000]) tally.add(message(at, 25, timings));
  const summary = tally.summary();
  assert.ok(summary);
  const medians = Object.fromEntries(Object.entries(summary.stages).map(([stage, { p50 }]) => [stage, p50]));
  assert.deepEqual(medians, {
    capture: 1,
    crop: 2,
    network: 10,
    postprocess: 3,
    encode: 4,
    between: 1,
    publish: 4,
    endToEnd: 25,
  });
  assert.equal(summary.shareOutsideNetwork, 0.6);
  assert.equal(summary.parts, 3);
  assert.equal(summary.partsPerSecond, 2);
  assert.equal(summary.skippedFrames, 3);
});

test('a part that was never inspected counts, and has no stage times', () => {
  const tally = new StageTally();
  tally.add(message(0, 20, { network: 10, total: 15 }));
  tally.add(message(1000, 1000, {}));
  assert.equal(tally.summary(), null, 'one part alone has no rate');
  tally.add(message(2000, 40, { network: 10, total: 15 }));
  const summary = tally.summary();
  assert.equal(summary?.parts, 3);
  assert.equal(summary?.stages.endToEnd.p50, 30);
});
