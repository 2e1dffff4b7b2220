import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fleet } from '../../src/fleet/fleet.js';
import { tallyOf } from '../../src/fleet/tally.js';
import type { RolloutMessage } from '../../src/publish/rollout-message.js';
import { ROLLOUT as SHARED_ROLLOUT } from '../support/rollout.js';

const ROLLOUT: RolloutMessage = {
  ...SHARED_ROLLOUT,
  devices: { percent: 100, lines: ['press-*'] },
  issued: '2025-03-01T06:15:00.000Z',
  expires: '2025-03-08T06:15:00.000Z',
};

/** What devices say, by `site/line/name/kind`. */
function fleetOf(said: Readonly<Record<string, unknown>>): Fleet {
  const fleet = new Fleet();
  for (const [topic, message] of Object.entries(said)) {
    fleet.hear(`sideglance/${topic}`, Buffer.from(typeof message === 'string' ? message : JSON.stringify(message)));
  }
  return fleet;
}

const report = (phase: string, more: object = {}) => ({
  updates: [
    {
      key: 'k',
      rollout: 'r-1',
      model: 'bracket',
      version: '1.4.0',
      phase,
      percent: null,
      code: null,
      reason: null,
      ...more,
    },
  ],
});
const runs = (model: string | null) => ({ stations: [{ name: 'top', model, provider: 'new in a later version' }] });
const online = { state: 'online' };

test('devices count by what they say last, and only those that take part', () => {
  const devices = fleetOf({
    'ulm/press-1/active/status': online,
    'ulm/press-1/active/update': report('active'),
    'ulm/press-1/proving/status': online,
    'ulm/press-1/proving/update': report('proving'),
    'ulm/press-1/refused/update': report('refused', { code: 'SG_BUNDLE_SLOW', reason: 'too slow' }),
    'ulm/press-1/back/update': report('rolled back'),
    'ulm/press-1/halted/update': report('refused', { code: 'SG_ROLLOUT_HALTED' }),
    'ulm/press-1/silent/model': runs('bracket@1.3.0'),
    'ulm/press-1/trial/status': { state: 'offline' },
    'ulm/press-1/trial/update': report('probation'),
    'ulm/press-1/other-model/model': runs('lid@1.0.0'),
    'ulm/press-1/other-rollout/update': report('active', { rollout: 'r-0' }),
    'ulm/paint-1/other-line/model': runs('bracket@1.3.0'),
  }).devices();
  const name = (one: string) => `ulm/press-1/${one}`;
  const tally = tallyOf(ROLLOUT, devices, 'active');
  assert.deepEqual(tally, {
    concerned: ['active', 'back', 'halted', 'proving', 'refused', 'silent', 'trial'].map(name),
    online: ['active', 'proving'].map(name),
    settled: [name('active')],
    failed: [
      { device: name('back'), reason: 'rolled back' },
      { device: name('refused'), reason: 'refused: too slow (SG_BUNDLE_SLOW)' },
    ],
    pending: ['halted', 'proving', 'silent', 'trial'].map(name),
    underWay: [name('proving')],
  });
  assert.deepEqual(tallyOf(ROLLOUT, devices, 'probation').settled, ['active', 'trial'].map(name));
});

test('what is no message of a device is left out, and a device whose messages were taken away is gone', () => {
  const fleet = fleetOf({
    'ulm/press-1/a/status': online,
    'ulm/press-1/b/status': 'nonsense',
    'ulm/press-1/c/update': { updates: 'none' },
    'ulm/press-1/d/top/status': online,
    'ulm/press-1/e/toString': online,
  });
  assert.deepEqual(
    fleet.devices().map(({ device }) => device.name),
    ['a'],
  );
  assert.equal(fleet.unreadable, 2);
  fleet.hear('sideglance/ulm/press-1/a/status', Buffer.alloc(0));
  assert.deepEqual(fleet.devices(), []);
});
