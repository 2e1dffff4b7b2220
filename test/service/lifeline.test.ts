import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import type { Accounts } from '../../src/service/accounts.js';
import { LIFELINE_LIMITS, Lifeline } from '../../src/service/lifeline.js';
import type { ServiceState } from '../../src/service/notify.js';
import type { StationSnapshot } from '../../src/supervision/reports.js';
import { ONLINE, snapshotOf } from '../support/snapshots.js';

/** A lifeline under a clock that the test turns, with what it has told. */
function lifeline(watchdogMs: number | null, more: Partial<StationSnapshot> = {}) {
  mock.timers.enable({ apis: ['setInterval'] });
  const told: ServiceState[] = [];
  const stuck: (readonly string[])[] = [];
  const scene = { more, isTaken: true, readies: 0 };
  const look = (): Accounts => ({ stations: [snapshotOf('press', scene.more)], broker: ONLINE });
  const line = new Lifeline({
    watchdogMs,
    tell: (state) => {
      if (scene.isTaken) told.push(state);
      return scene.isTaken;
    },
    look,
    onReady: () => {
      scene.readies++;
    },
    onStuck: (stations) => stuck.push(stations),
    limits: { ...LIFELINE_LIMITS, statusEveryMs: 0 },
  });
  line.start();
  const count = (key: keyof ServiceState) => told.filter((state) => state[key]).length;
  return { line, told, stuck, scene, count, after: (ms: number) => mock.timers.tick(ms) };
}

test('ready is told once, when everything is accounted for, and told again until it is taken', (t) => {
  t.after(() => mock.timers.reset());
  const { scene, count, after } = lifeline(null, { proven: null });
  after(10_000);
  assert.equal(count('ready'), 0);
  scene.more = {};
  scene.isTaken = false;
  after(2_000);
  assert.deepEqual([count('ready'), scene.readies], [0, 0]);
  scene.isTaken = true;
  after(10_000);
  assert.deepEqual([count('ready'), scene.readies], [1, 1]);
});

test('the sign of life comes several times within the time of the watchdog', (t) => {
  t.after(() => mock.timers.reset());
  const { count, after } = lifeline(2_000);
  after(20_000);
  assert.ok(count('watchdog') >= 40, `${count('watchdog')}`);
});

test('no watchdog, no sign of life; a status only when it changes', (t) => {
  t.after(() => mock.timers.reset());
  const { told, scene, after } = lifeline(null);
  after(60_000);
  assert.equal(told.length, 1);
  scene.more = { camera: { state: 'lost', reason: 'unplugged' } };
  after(60_000);
  assert.equal(told.length, 2);
  assert.match(told[1]?.status ?? '', /^press camera lost \(unplugged\)/);
});

test('a missing camera, a failed station and a line without parts never keep the sign of life back', (t) => {
  t.after(() => mock.timers.reset());
  const { scene, count, after } = lifeline(4_000);
  const states: Partial<StationSnapshot>[] = [
    { camera: { state: 'lost', reason: 'unplugged' }, proven: null },
    { state: 'failed', reason: 'there is no model', proven: null, pid: null },
    { camera: { state: 'silent', reason: null }, proven: 'golden sample' },
  ];
  for (const state of states) {
    scene.more = state;
    const before = count('watchdog');
    after(12 * 3_600_000);
    assert.equal(count('watchdog') - before, 12 * 3_600);
  }
});

test('a stuck station keeps it back, and says so; one that goes on after all gives it back', (t) => {
  t.after(() => mock.timers.reset());
  const { told, stuck, scene, count, after } = lifeline(4_000);
  after(4_000);
  scene.more = { overdueMs: LIFELINE_LIMITS.overdueGraceMs + 1 };
  const before = count('watchdog');
  after(60_000);
  assert.equal(count('watchdog'), before);
  assert.deepEqual(stuck, [['press']]);
  assert.match(told.at(-1)?.status ?? '', /^stuck: the process of press /);
  scene.more = {};
  after(4_000);
  assert.ok(count('watchdog') > before);
  assert.match(
    told.find((_, i) => i > 0 && /^stuck/.test(told[i - 1]?.status ?? ''))?.status ?? '',
    /^press inspecting/,
  );
});

test('a stop is told, and nothing after it', (t) => {
  t.after(() => mock.timers.reset());
  const { line, told, after } = lifeline(4_000);
  line.stopping();
  const before = told.length;
  assert.equal(told.at(-1)?.stopping, true);
  after(60_000);
  assert.equal(told.length, before);
});
