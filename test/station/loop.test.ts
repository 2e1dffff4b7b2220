import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SideglanceError } from '../../src/errors.js';
import { Judge } from '../../src/station/judge.js';
import { faultMessage, LOOP_LIMITS, runLoop } from '../../src/station/loop.js';
import { Orders } from '../../src/station/orders.js';
import { Progress } from '../../src/station/progress.js';
import type { Frame, StationMessage, Verdict } from '../../src/types.js';
import { frameOf, mapsConfig, scriptedEncoders, scriptedInspector } from './scripted-inspector.js';

const NO_TARGETS = {
  setThreshold: () => 0,
  calibrate: () => ({ score: 0, extrapolated: false }),
  setCamera: async () => {},
  fire: async () => {},
  encode: scriptedEncoders.frame,
};

const PASS: Verdict = { result: 'pass' };

async function run(
  frames: readonly (Frame | null)[],
  script: readonly (Verdict | Error)[],
  selfTest = async (): Promise<void> => {},
  paused = false,
) {
  const sent: StationMessage[] = [];
  const progress = new Progress();
  let at = 0;
  let clockMs = 0;
  const judge = new Judge({
    station: 's',
    epoch: 'e',
    regions: [],
    publish: { maps: mapsConfig({ when: 'never' }), frames: 'never' },
    models: { current: scriptedInspector(script) },
    encoders: scriptedEncoders,
    now: () => clockMs,
  });
  const orders = new Orders({
    targets: NO_TARGETS,
    send: async () => {},
    trigger: 'frames',
    paused,
    now: () => clockMs,
  });
  const answered: number[] = [];
  const ended = runLoop({
    orders,
    next: async () => {
      clockMs += 200;
      return frames[at++] ?? null;
    },
    judge,
    border: async () => {},
    answered: (frame, inspection) => {
      const isSent = sent.some((message) => message.type === 'inspection' && message.inspection === inspection);
      assert.ok(isSent, 'the answer is on its way');
      answered.push(frame.sequence);
    },
    selfTest,
    progress,
    send: async (message) => {
      sent.push(message);
    },
    stopping: () => at >= frames.length,
    now: () => clockMs,
  }).finally(() => progress.stop());
  const error = await ended.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  return { sent, answered, error, types: sent.filter(({ type }) => type !== 'progress').map(({ type }) => type) };
}

test('every part is announced before it is answered, and both come for each frame', async () => {
  const { types, sent, error } = await run([frameOf(0), null, frameOf(1)], [PASS]);
  assert.equal(error, null);
  assert.deepEqual(types, ['accepted', 'inspection', 'accepted', 'inspection']);
  const sequences = sent.flatMap((message) => (message.type === 'accepted' ? [message.part.sequence] : []));
  assert.deepEqual(sequences, [0, 1]);
});

test('progress is reported when the pull loop returned, frames or not, and not more often than it is due', async () => {
  const { sent } = await run(Array<null>(10).fill(null), [PASS]);
  const reports = sent.flatMap((message) => (message.type === 'progress' ? [message] : []));
  assert.deepEqual(
    reports.map(({ pulls, parts }) => [pulls, parts]),
    [
      [1, 0],
      [4, 0],
      [7, 0],
      [10, 0],
    ],
  );
  assert.ok(reports.every(({ rssBytes, lagMs }) => rssBytes > 1e6 && lagMs >= 0));
});

test('a frame that cannot be inspected is answered and reported, and the next one is inspected', async () => {
  const broken = new SideglanceError('SG_RUNTIME', 'out of memory');
  const { types, error } = await run([frameOf(0), frameOf(1)], [broken, PASS]);
  assert.equal(error, null);
  assert.deepEqual(types, ['accepted', 'inspection', 'fault', 'accepted', 'inspection']);
});

test('too many such frames in a row end the process for a fresh one, each of them answered', async () => {
  const broken = new SideglanceError('SG_RUNTIME', 'out of memory');
  const frames = Array.from({ length: 20 }, (_, i) => frameOf(i));
  const { types, error } = await run(frames, [broken]);
  assert.equal(types.filter((type) => type === 'inspection').length, LOOP_LIMITS.maxErrorsInARow);
  assert.match(String(error), /5 frames in a row could not be inspected: out of memory/);
  assert.equal(faultMessage(error).fatal, false);
});

test('a region outside the frame ends the station with a fault for a person, its part answered first', async () => {
  const outside = new SideglanceError('SG_REGION_OUTSIDE', 'region 900x900, frame 640x480');
  const { types, error } = await run([frameOf(0), frameOf(1)], [outside]);
  assert.deepEqual(types, ['accepted', 'inspection']);
  assert.deepEqual(faultMessage(error), {
    type: 'fault',
    code: 'SG_REGION_OUTSIDE',
    message: 'region 900x900, frame 640x480',
    fatal: true,
  });
});

test('while no part comes, the model proves itself every 30 s; a model that fails gets a fresh process', async () => {
  let tests = 0;
  // 200 ms each: 130 s without a part.
  const quiet = Array<null>(650).fill(null);
  const { types, sent, error } = await run(quiet, [PASS], async () => {
    if (++tests === 4) throw new SideglanceError('SG_MODEL_GOLDEN_MISMATCH', 'score 3, expected 2');
  });
  assert.equal(tests, 4);
  assert.deepEqual(types, []);
  assert.equal(sent.findLast((message) => message.type === 'progress')?.selfTests, 3);
  assert.match(String(error), /no longer proves itself: score 3, expected 2/);
  assert.equal(faultMessage(error).fatal, false);
});

test('a paused station answers every part without looking at it, and its model goes on proving itself', async () => {
  let tests = 0;
  const frames = Array.from({ length: 160 }, (_, i) => frameOf(i));
  const { sent, error } = await run(frames, [new Error('was looked at')], async () => void tests++, true);
  assert.equal(error, null);
  const answers = sent.flatMap((message) => (message.type === 'inspection' ? [message] : []));
  assert.equal(answers.length, 160);
  for (const { inspection, attachments } of answers) {
    assert.equal(inspection.verdict.result === 'invalid' && inspection.verdict.reason, 'paused');
    assert.deepEqual([inspection.regions, attachments], [[], []]);
  }
  // 200 ms each: 32 s without a part that was looked at.
  assert.equal(tests, 1);
});

test('whoever looks at parts as well is given each that was looked at, once it is answered', async () => {
  const { answered } = await run([frameOf(0), null, frameOf(1), frameOf(2)], [PASS, new Error('no'), PASS]);
  assert.deepEqual(answered, [0, 1, 2]);
  const paused = await run([frameOf(0)], [PASS], undefined, true);
  assert.deepEqual(paused.answered, [], 'nobody looked at it');
});
