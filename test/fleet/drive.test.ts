import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DriveOptions, driveRollout, type Wave } from '../../src/fleet/drive.js';
import type { FleetDevice } from '../../src/fleet/fleet.js';
import { readRolloutPayload } from '../../src/fleet/plan.js';
import { type RolloutMessage, rolloutTopic } from '../../src/publish/rollout-message.js';
import { ROLLOUT as SHARED_ROLLOUT } from '../support/rollout.js';

const ROLLOUT: RolloutMessage = {
  ...SHARED_ROLLOUT,
  devices: { percent: 0 },
  issued: '2025-03-01T06:15:00.000Z',
  expires: '2095-03-08T06:15:00.000Z',
};

/** A broker and its devices: what each comes to say as soon as a message names it; null: nothing. */
function drive(fates: Readonly<Record<string, string | null>>, more: Partial<DriveOptions> = {}) {
  const published: RolloutMessage[] = [];
  const waves: Wave[] = [];
  const listeners: ((topic: string, payload: Buffer) => void)[] = [];
  const say = (text: string) => {
    for (const listener of listeners) listener(rolloutTopic('bracket'), Buffer.from(text));
  };
  const devices = (): FleetDevice[] =>
    Object.entries(fates).map(([name, phase]) => ({
      device: { site: 'ulm', line: 'line', name },
      isOnline: phase !== 'away',
      stations: [{ name: 'top', model: 'bracket@1.0.0' }],
      updates:
        phase === null || phase === 'away' || published.length === 0
          ? []
          : [
              {
                key: 'r-1',
                rollout: 'r-1',
                model: 'bracket',
                version: '1.4.0',
                phase,
                percent: null,
                code: null,
                reason: null,
              },
            ],
    }));
  const driven = driveRollout({
    connection: {
      retain: async (_, text) => {
        const message = readRolloutPayload(Buffer.from(text));
        assert.ok(message !== null, text);
        published.push(message);
        say(text);
      },
      onMessage: (listener) => void listeners.push(listener),
    },
    fleet: { devices },
    rollout: ROLLOUT,
    waves: [50, 100],
    settle: 'active',
    waitMs: 4_000,
    maxFailures: 0,
    maxFailureShare: 0,
    signal: new AbortController().signal,
    onWave: (wave) => void waves.push(wave),
    onProgress: () => {},
    ...more,
  });
  return { driven, published, waves, say };
}

const all = (count: number, phase: string | null) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`edge-${i}`, phase]));

test('each wave has a message of its own, written later than the one before', async () => {
  const { driven, published, waves } = drive(all(20, 'active'));
  const { outcome, tally } = await driven;
  assert.equal(outcome, 'complete');
  assert.equal(tally.settled.length, 20);
  assert.deepEqual(
    published.map(({ state, devices }) => [state, devices.percent]),
    [
      ['running', 50],
      ['running', 100],
    ],
  );
  const [first, second] = published.map(({ issued }) => Date.parse(issued)) as [number, number];
  assert.ok(Date.parse(ROLLOUT.issued) < first && first < second);
  assert.ok((waves[0]?.awaited ?? 0) < 20 && waves[1]?.awaited === 20);
});

test('devices that say nothing until the time is over count as failed', async () => {
  const { driven, published } = drive(all(20, null));
  const { outcome, late } = await driven;
  assert.equal(outcome, 'halted');
  assert.ok(late.length > 0);
  assert.deepEqual(
    published.map(({ state, devices }) => [state, devices.percent]),
    [
      ['running', 50],
      ['halted', 50],
    ],
  );
});

test('devices that are away are not waited for', async () => {
  const { driven, waves } = drive({ ...all(10, 'active'), 'edge-away-1': 'away', 'edge-away-2': 'away' });
  assert.equal((await driven).outcome, 'complete');
  assert.deepEqual([waves[1]?.awaited, waves[1]?.away], [10, 2]);
});

test('a share of devices may fail, and not one more', async () => {
  const fates = { ...all(18, 'active'), 'edge-18': 'refused', 'edge-19': 'rolled back' };
  assert.equal((await drive(fates, { waves: [100], maxFailureShare: 0.1 }).driven).outcome, 'complete');
  assert.equal((await drive(fates, { waves: [100], maxFailureShare: 0.09 }).driven).outcome, 'halted');
  assert.equal((await drive(fates, { waves: [100], maxFailures: 2 }).driven).outcome, 'complete');
});

test('a message of somebody else ends the drive, and is not answered by another', async () => {
  const { driven, published, say } = drive(all(20, 'proving'), { waitMs: 60_000 });
  await new Promise((done) => setTimeout(done, 300));
  say(JSON.stringify({ ...published[0], state: 'halted' }));
  const { outcome, rollout } = await driven;
  assert.deepEqual([outcome, rollout.state, published.length], ['overtaken', 'halted', 1]);
});

test('an interrupt leaves it at its wave', async () => {
  const controller = new AbortController();
  const { driven, published } = drive(all(20, 'proving'), { waitMs: 60_000, signal: controller.signal });
  setTimeout(() => controller.abort(), 100);
  assert.deepEqual([(await driven).outcome, published.length], ['interrupted', 1]);
});
