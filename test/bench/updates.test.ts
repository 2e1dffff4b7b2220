import assert from 'node:assert/strict';
import { test } from 'node:test';
import { measureCrashes } from '../../bench/updates/crashes.js';
import { measureRefusals } from '../../bench/updates/refusals.js';
import { measureSwitching } from '../../bench/updates/switching.js';

test('tampered bundles are refused, each with its code, and nothing is touched', async () => {
  const { tampered, wrong } = await measureRefusals(2);
  assert.deepEqual(wrong, []);
  assert.ok(tampered > 400, `${tampered}`);
});

test('a process that ends while it updates leaves a store that is whole, by SIGKILL and by a power cut', async () => {
  const { changes, wrong } = await measureCrashes(31, ['nothing', 'all']);
  assert.deepEqual(wrong, []);
  assert.ok(changes > 50, `${changes}`);
});

test('a daemon is updated while parts run through it: every part that came is judged, once, and by models in their order', async () => {
  const { updates, missed, twice, outOfOrder, storeMb } = await measureSwitching(3, 20);
  assert.deepEqual({ updates, missed, twice, outOfOrder }, { updates: 3, missed: 0, twice: 0, outOfOrder: 0 });
  assert.ok(storeMb.late > 0);
});
