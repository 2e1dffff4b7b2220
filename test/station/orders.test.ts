import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SideglanceError } from '../../src/errors.js';
import { Judge } from '../../src/station/judge.js';
import { runLoop } from '../../src/station/loop.js';
import { Orders } from '../../src/station/orders.js';
import { Progress } from '../../src/station/progress.js';
import type { CameraControls, Frame, StationMessage, StationOrder, ThresholdChoice } from '../../src/types.js';
import { frameOf, scriptedEncoders, scriptedInspector } from './scripted-inspector.js';

/** A frame of its time. */
function frameAt(sequence: number, monotonicMs: number): Frame {
  return { ...frameOf(sequence), captured: { utc: '2025-03-01T06:15:00.250Z', monotonicMs } };
}

interface Step {
  readonly orders?: readonly StationOrder[];
  /** Milliseconds before now that the frame was taken; null: no frame. */
  readonly frameAgeMs: number | null;
}

/** A loop of 100 ms steps: at each, some orders come, then the loop asks for a frame. */
async function run(
  steps: readonly Step[],
  options: { trigger?: 'frames' | 'command'; failCamera?: boolean; failFire?: boolean } = {},
) {
  const sent: StationMessage[] = [];
  const set: (ThresholdChoice | CameraControls)[] = [];
  const progress = new Progress();
  let clockMs = 0;
  let at = 0;
  let ids = 0;
  let fired = 0;
  const send = async (message: StationMessage) => {
    if (message.type !== 'progress') sent.push(message);
  };
  const orders = new Orders({
    targets: {
      setThreshold: (choice) => {
        set.push(choice);
        return 'score' in choice ? choice.score : 9;
      },
      calibrate: (rate, scores) => ({ score: scores.at(-1)! + rate, extrapolated: scores.length < 10 }),
      setCamera: async (controls) => {
        set.push(controls);
        if (options.failCamera) throw new SideglanceError('SG_COMMAND_FAILED', 'out of range');
      },
      fire: async () => {
        fired++;
        if (options.failFire) throw new SideglanceError('SG_CAMERA_LOST', 'the camera is not open now');
      },
      encode: scriptedEncoders.frame,
    },
    send,
    trigger: options.trigger ?? 'frames',
    paused: false,
    now: () => clockMs,
  });
  await runLoop({
    orders,
    judge: new Judge({
      station: 's',
      epoch: 'e',
      regions: [],
      publish: { maps: { when: 'never', form: 'png8', perSecond: 'unlimited' }, frames: 'never' },
      models: { current: scriptedInspector([{ result: 'pass' }]) },
      encoders: scriptedEncoders,
      now: () => clockMs,
    }),
    next: async () => {
      clockMs += 100;
      const { orders: given = [], frameAgeMs } = steps[at++] as Step;
      for (const order of given) await orders.take(ids++, order);
      return frameAgeMs === null ? null : frameAt(at - 1, clockMs - frameAgeMs);
    },
    border: async () => {},
    answered: () => {},
    selfTest: async () => {},
    progress,
    send,
    stopping: () => at >= steps.length,
    now: () => clockMs,
  }).finally(() => progress.stop());
  const done = sent.flatMap((message) => (message.type === 'done' ? [message] : []));
  const accepted = sent.flatMap((message) => (message.type === 'accepted' ? [message] : []));
  return { sent, done, accepted, set, fired };
}

const TRIGGER: StationOrder = { kind: 'trigger', withinMs: 250 };

test('with `trigger: command` only the next frame after an order is a part, and one taken before it is not', async () => {
  const { accepted, done, sent } = await run(
    [{ frameAgeMs: 0 }, { orders: [TRIGGER], frameAgeMs: 30 }, { frameAgeMs: 0 }, { frameAgeMs: 0 }],
    { trigger: 'command' },
  );
  assert.deepEqual(
    accepted.map(({ part, trigger }) => [part.sequence, trigger]),
    [[2, 0]],
  );
  assert.deepEqual(
    sent.map(({ type }) => type),
    ['accepted', 'inspection'],
  );
  assert.deepEqual(done, []);
});

test('where every frame is a part, the one that was asked for says so', async () => {
  const { accepted } = await run([{ frameAgeMs: 0 }, { orders: [TRIGGER], frameAgeMs: 0 }, { frameAgeMs: 0 }]);
  assert.deepEqual(
    accepted.map(({ trigger }) => trigger),
    [null, 0, null],
  );
});

test('a trigger that gets no frame in time fails once, a second one at the same time at once', async () => {
  const none = { frameAgeMs: null };
  const { done } = await run([{ orders: [TRIGGER, TRIGGER], frameAgeMs: null }, none, none, none], {
    trigger: 'command',
  });
  assert.deepEqual(
    done.map(({ id, outcome }) => [id, outcome.ok || outcome.code]),
    [
      [1, 'SG_COMMAND_BUSY'],
      [0, 'SG_CAMERA_LOST'],
    ],
  );
});

test('triggers and snapshots have the camera take a picture, and fail where it cannot', async () => {
  const SNAPSHOT: StationOrder = { kind: 'snapshot', withinMs: 250 };
  const steps = [{ orders: [TRIGGER, SNAPSHOT], frameAgeMs: null }, { frameAgeMs: 0 }, { frameAgeMs: null }];
  const well = await run(steps, { trigger: 'command' });
  assert.equal(well.fired, 2);
  assert.equal(well.accepted.length, 1);
  const ill = await run(steps, { trigger: 'command', failFire: true });
  assert.equal(ill.accepted.length, 0);
  assert.deepEqual(
    ill.done.map(({ id, outcome }) => [id, outcome.ok || outcome.code]),
    [
      [0, 'SG_CAMERA_LOST'],
      [1, 'SG_CAMERA_LOST'],
    ],
  );
});

test('a snapshot is the next frame, part or not', async () => {
  const { done, accepted } = await run(
    [{ orders: [{ kind: 'snapshot', withinMs: 250 }], frameAgeMs: 0 }, { frameAgeMs: 0 }],
    { trigger: 'command' },
  );
  assert.equal(accepted.length, 0);
  const [{ outcome } = { outcome: null }] = done;
  assert.ok(outcome?.ok && outcome.result.kind === 'snapshot');
  assert.equal(outcome.result.snapshot.captured.monotonicMs, 100);
  assert.equal(done.length, 1);
});

test('a calibration takes the scores of so many parts, and gives up when they do not come', async () => {
  const calibrate = (parts: number): StationOrder => ({
    kind: 'calibrate',
    parts,
    falseRejectRate: 0.5,
    withinMs: 350,
  });
  const frames = Array.from({ length: 3 }, () => ({ frameAgeMs: 0 }));
  const whole = await run([{ orders: [calibrate(3)], frameAgeMs: 0 }, ...frames]);
  assert.deepEqual(
    whole.done.map(({ outcome }) => outcome),
    [{ ok: true, result: { kind: 'calibrate', threshold: { score: 1, extrapolated: true, parts: 3, regions: 3 } } }],
  );
  // Nothing is changed yet: that is for the agent to say.
  assert.deepEqual(whole.set, []);
  const short = await run([{ orders: [calibrate(20)], frameAgeMs: 0 }, ...frames, { frameAgeMs: null }]);
  const [{ outcome } = { outcome: null }] = short.done;
  assert.ok(outcome && !outcome.ok);
  assert.match(`${outcome.code} ${outcome.message}`, /SG_COMMAND_TIMEOUT only 4 of 20 parts/);
});

test('what is to be set is set before the answer, and an error is the answer', async () => {
  const orders: StationOrder[] = [
    { kind: 'threshold', threshold: { score: 4 } },
    { kind: 'camera', controls: { gainDb: 3 } },
    { kind: 'pause', paused: true },
  ];
  const good = await run([{ orders, frameAgeMs: 0 }]);
  assert.deepEqual(good.set, [{ score: 4 }, { gainDb: 3 }]);
  assert.deepEqual(
    good.done.map(({ outcome }) => outcome.ok),
    [true, true, true],
  );
  const bad = await run([{ orders: orders.slice(1, 2), frameAgeMs: 0 }], { failCamera: true });
  assert.deepEqual(bad.done[0]?.outcome, { ok: false, code: 'SG_COMMAND_FAILED', message: 'out of range' });
});
