import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HealthMessage } from '../../src/publish/messages.js';
import { judgeReadiness, type Readiness } from '../../src/service/readiness.js';
import { wellHealth } from '../support/condition.js';

function judge(
  station: Partial<HealthMessage['stations'][number]>,
  publishing: Partial<HealthMessage['publishing']> = {},
  stuck: string[] = [],
): Readiness {
  return judgeReadiness({ ...wellHealth(station, publishing), stuck: new Set(stuck) });
}

/** `live`, `ready`, and the reasons in short. */
function short({ live, ready, reasons }: Readiness): unknown[] {
  return [live, ready, reasons.map(({ reason, blocks }) => `${reason} ${blocks}`)];
}

test('a device on which all is well lives, is ready, and gives no reason', () => {
  assert.deepEqual(judge({}), { live: true, ready: true, reasons: [] });
});

test('a camera that is lost or still opens makes it not ready, and leaves it alive', () => {
  const lost = judge({ camera: { state: 'lost', reason: 'the device was unplugged' } });
  assert.deepEqual(short(lost), [true, false, ['camera-lost ready']]);
  assert.match(lost.reasons[0]?.text ?? '', /station top: the camera is lost: the device was unplugged/);
  assert.equal(lost.reasons[0]?.station, 'top');
  assert.deepEqual(short(judge({ camera: { state: 'opening', reason: null } })), [
    true,
    false,
    ['camera-opening ready'],
  ]);
});

test('a line that stands still and a source that has ended are warnings', () => {
  assert.deepEqual(short(judge({ camera: { state: 'silent', reason: null } })), [true, true, ['camera-silent null']]);
  assert.deepEqual(short(judge({ camera: { state: 'ended', reason: null } })), [true, true, ['camera-ended null']]);
});

test('a broker that is away makes it not ready, and leaves it alive', () => {
  const away = judge({}, { protocol: null, lastFault: 'the MQTT broker at x:1 refuses the connection: start it' });
  assert.deepEqual(short(away), [true, false, ['broker-offline ready']]);
  assert.equal(away.reasons[0]?.text, 'the MQTT broker at x:1 refuses the connection: start it');
});

test('each state of a station but running makes it not ready, and its camera is not blamed as well', () => {
  for (const state of ['starting', 'restarting', 'failed', 'stopped'] as const) {
    const judged = judge({ state, reason: 'no model', camera: { state: 'lost', reason: 'gone' } });
    assert.deepEqual(short(judged), [true, false, [`station-${state} ready`]]);
    assert.match(judged.reasons[0]?.text ?? '', /no model/);
  }
});

test('a process that was killed and does not end is the one thing that only a restart mends', () => {
  assert.deepEqual(short(judge({}, {}, ['top'])), [false, false, ['station-stuck live']]);
});

test('a provider that is not used is a warning with its fix', () => {
  const skipped = [{ provider: 'tensorrt', reason: 'no library', fix: 'install it' }];
  const judged = judge({ skipped });
  assert.deepEqual(short(judged), [true, true, ['provider-skipped null']]);
  assert.match(judged.reasons[0]?.text ?? '', /tensorrt: no library; install it/);
});

test('an alarm is a warning that names its region', () => {
  const at = { utc: '2025-03-01T06:15:00.250Z', monotonicMs: 1 };
  const judged = judge({ alarms: [{ alarm: 'score-high', region: 'face', since: at, text: 'scores are higher' }] });
  assert.deepEqual(short(judged), [true, true, ['alarm null']]);
  assert.equal(judged.reasons[0]?.text, 'station top, region face: scores are higher');
});

test('a store of messages with an alarm is a warning', () => {
  const { storage } = wellHealth().publishing;
  const judged = judge({}, { storage: { ...storage, alarm: 'the disk is full: make room' } });
  assert.deepEqual(short(judged), [true, true, ['outbox-alarm null']]);
});

test('a Sparkplug host that is away is told and changes nothing, a fault of its store is a warning', () => {
  const sparkplug = {
    state: 'waiting',
    since: { utc: '2025-03-01T06:14:41.193Z', monotonicMs: 1 },
    reason: null,
    broker: 'mqtt://broker.example:1883',
    primaryHost: 'scada',
    bdSeq: null,
    births: 0,
    waiting: 5,
    dropped: 0,
    alarm: null,
  } as const;
  const judged = (one: HealthMessage['sparkplug']) =>
    short(judgeReadiness({ ...wellHealth({}, {}, one), stuck: new Set() }));
  assert.deepEqual(judged(sparkplug), [true, true, []]);
  assert.deepEqual(judged({ ...sparkplug, alarm: 'its disk is full' }), [true, true, ['outbox-alarm null']]);
});
