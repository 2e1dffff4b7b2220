import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RESTART_LIMITS, RestartPolicy } from '../../src/supervision/restart-policy.js';

function setUp() {
  const clock = { nowMs: 0 };
  return { clock, policy: new RestartPolicy(() => clock.nowMs) };
}

test('the first restarts come with doubling delays, the first of them almost at once', () => {
  const { clock, policy } = setUp();
  const delays = [1, 2, 3, 4, 5].map(() => {
    clock.nowMs += 1_000;
    return policy.onExit(false).delayMs;
  });
  assert.deepEqual(delays, [100, 200, 400, 800, 1_600]);
});

test('the sixth exit within 60 s means failed, reported once, and tried slowly from then on', () => {
  const { clock, policy } = setUp();
  for (let exit = 1; exit <= 5; exit++) assert.equal(policy.onExit(false).state, 'restarting');
  assert.deepEqual(policy.onExit(false), { delayMs: 60_000, state: 'failed', newlyFailed: true });
  // The window empties while it waits; that alone earns no quick restarts.
  for (let attempt = 1; attempt <= 3; attempt++) {
    clock.nowMs += 61_000;
    assert.deepEqual(policy.onExit(false), { delayMs: 60_000, state: 'failed', newlyFailed: false });
  }
});

test('exits spread over more than the window are each restarted quickly', () => {
  const { clock, policy } = setUp();
  for (let exit = 1; exit <= 20; exit++) {
    clock.nowMs += RESTART_LIMITS.windowMs;
    assert.deepEqual(policy.onExit(false), { delayMs: 100, state: 'restarting', newlyFailed: false });
  }
});

test('a fault that only a person can mend is failed at once', () => {
  const { policy } = setUp();
  assert.deepEqual(policy.onExit(true), { delayMs: 60_000, state: 'failed', newlyFailed: true });
});

test('a failed station that stays up long enough gets its quick restarts back, one that does not stays slow', () => {
  const { clock, policy } = setUp();
  policy.onExit(true);
  clock.nowMs += 60_000;
  policy.onReady();
  clock.nowMs += RESTART_LIMITS.provenAfterMs - 1;
  assert.equal(policy.onExit(false).state, 'failed');
  clock.nowMs += 60_000;
  policy.onReady();
  clock.nowMs += RESTART_LIMITS.provenAfterMs;
  assert.deepEqual(policy.onExit(false), { delayMs: 100, state: 'restarting', newlyFailed: false });
});
