import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SideglanceError } from '../../src/errors.js';
import type { SessionState } from '../../src/publish/session.js';
import { statusLine, stuck, waitedFor } from '../../src/service/accounts.js';
import type { StationSnapshot } from '../../src/supervision/reports.js';
import { ONLINE, snapshotOf } from '../support/snapshots.js';

const CONNECTING: SessionState = { state: 'connecting', broker: 'mqtt://broker:1883' };
const AWAY: SessionState = {
  state: 'offline',
  broker: 'mqtt://broker:1883',
  reason: 'nobody listens there',
  error: new SideglanceError('SG_BROKER', 'nobody listens there'),
  retryInMs: 1000,
};
const FRESH = { proven: null, camera: { state: 'opening', reason: null } } as const;
const waits = (more: Partial<StationSnapshot>, broker = ONLINE) =>
  waitedFor({ stations: [snapshotOf('press', more)], broker });

test('a station is waited for until it has scored a frame, not only loaded its model or opened its camera', () => {
  assert.deepEqual(waits({ state: 'starting', ...FRESH }), ['press loads its model']);
  assert.deepEqual(waits(FRESH), ['press scores its first frame']);
  assert.deepEqual(waits({ ...FRESH, camera: { state: 'running', reason: null } }), ['press scores its first frame']);
  assert.deepEqual(waits({}), []);
});

test('what is known not to inspect is not waited for', () => {
  for (const state of ['silent', 'lost', 'ended'] as const) {
    assert.deepEqual(waits({ ...FRESH, camera: { state, reason: 'unplugged' } }), []);
  }
  for (const state of ['restarting', 'failed'] as const) assert.deepEqual(waits({ state, ...FRESH }), []);
  const building = { provider: 'tensorrt', precision: 'fp16', phase: 'building', elapsedS: 3 } as const;
  assert.deepEqual(waits({ state: 'starting', building, ...FRESH }), []);
  // A triggered camera that is never called silent: the model has proven itself without a part.
  assert.deepEqual(waits({ ...FRESH, proven: 'golden sample' }), []);
});

test('a broker is waited for until it is known whether it is there', () => {
  assert.deepEqual(waits({}, CONNECTING), ['the broker answers']);
  assert.deepEqual(waits({}, AWAY), []);
});

test('a station is stuck when something is overdue beyond the grace, in whatever state', () => {
  const stations = [snapshotOf('press', { overdueMs: 5_001 }), snapshotOf('mill', { overdueMs: 5_000 })];
  assert.deepEqual(stuck({ stations }, 5_000), ['press']);
});

test('the status names what is wrong first, and counts', () => {
  const stations = [
    snapshotOf('press'),
    snapshotOf('mill', { camera: { state: 'lost', reason: 'no such device' } }),
    snapshotOf('saw', { state: 'failed', reason: 'ended after a fault: there is no model' }),
  ];
  assert.equal(
    statusLine({ stations, broker: AWAY }, []),
    'mill camera lost (no such device) (9 pass, 2 fail, 1 invalid); ' +
      'saw failed (ended after a fault: there is no model); broker offline (nobody listens there); ' +
      'press inspecting (9 pass, 2 fail, 1 invalid)',
  );
  assert.match(
    statusLine({ stations: [snapshotOf('press', FRESH)], broker: CONNECTING }, []),
    /^starting: waiting until press scores its first frame, the broker answers$/,
  );
  assert.match(statusLine({ stations, broker: ONLINE }, ['mill']), /^stuck: the process of mill /);
});
