import assert from 'node:assert/strict';
import { test } from 'node:test';
import { spinningFor } from '../../../src/infer/ort/spinning.js';

test('threads spin for a moment where the runtime can be told for how long, and never without end', () => {
  for (const version of ['1.26.0', '1.30.0', '2.0.0', '1.26.0-dev']) {
    const { 'session.intra_op.spin_duration_us': duration, ...entries } = spinningFor(version);
    assert.deepEqual(entries, { 'session.intra_op.allow_spinning': '1', 'session.force_spinning_stop': '1' }, version);
    assert.ok(Number(duration) > 0 && Number(duration) <= 100, version);
  }
  for (const version of ['1.20.0', '1.25.9', '1.9.1']) {
    assert.deepEqual(spinningFor(version), { 'session.intra_op.allow_spinning': '0' }, version);
  }
});
