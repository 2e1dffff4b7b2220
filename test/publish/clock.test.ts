import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { now } from '../../src/publish/clock.js';

test('monotonicMs is the clock of the machine: readings of two processes can be compared', () => {
  const before = now().monotonicMs;
  const script = 'process.stdout.write(String(Number(process.hrtime.bigint()) / 1e6))';
  const elsewhere = Number(execFileSync(process.execPath, ['-e', script]));
  const after = now().monotonicMs;
  assert.ok(before <= elsewhere && elsewhere <= after, `${before} ≤ ${elsewhere} ≤ ${after}`);
});

test('utc has milliseconds and names its zone', () => {
  assert.match(now().utc, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
});
