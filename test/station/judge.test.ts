import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Occasion } from '../../src/config/publish.js';
import { SideglanceError } from '../../src/errors.js';
import { partVerdict } from '../../src/infer/verdict.js';
import { Judge, type JudgeOptions } from '../../src/station/judge.js';
import type { RegionResult, Verdict } from '../../src/types.js';
import { frameOf, mapsConfig, scriptedEncoders, scriptedInspector } from './scripted-inspector.js';

const PASS: Verdict = { result: 'pass' };
const FAIL: Verdict = { result: 'fail' };
const BLUR: Verdict = { result: 'invalid', reason: 'blur' };

function judgeOf(script: readonly (Verdict | Error)[], more: Partial<JudgeOptions> = {}) {
  const inspector = scriptedInspector(script);
  const judge = new Judge({
    station: 's',
    epoch: 'e',
    regions: [],
    publish: { maps: mapsConfig(), frames: 'fail' },
    models: { current: inspector },
    encoders: scriptedEncoders,
    now: () => Number(process.hrtime.bigint()) / 1e6,
    ...more,
  });
  return { judge, inspector };
}

test('a failed region fails the part, an invalid one makes a part that did not fail invalid', () => {
  const verdictOf = (...verdicts: Verdict[]) => partVerdict(verdicts.map((verdict) => ({ verdict }) as RegionResult));
  assert.deepEqual(verdictOf(PASS, PASS), PASS);
  assert.deepEqual(verdictOf(PASS, BLUR), BLUR);
  assert.deepEqual(verdictOf(BLUR, FAIL, PASS), FAIL);
  assert.equal(verdictOf().result, 'invalid');
});

test('without regions the whole frame is inspected, with regions each of them', async () => {
  const whole = judgeOf([PASS]);
  await whole.judge.judge(frameOf(0, 640, 480));
  assert.deepEqual(whole.inspector.asked, ['frame 640x480']);
  const two = judgeOf([PASS], {
    regions: [
      { name: 'left', x: 0, y: 0, width: 4, height: 4 },
      { name: 'right', x: 4, y: 0, width: 3, height: 2 },
    ],
  });
  const { attachments } = await two.judge.judge(frameOf(0));
  assert.deepEqual(two.inspector.asked, ['left 4x4, right 3x2']);
  assert.deepEqual(
    attachments.map(({ region }) => region),
    ['left', 'right'],
  );
});

test('maps and frames are made on the occasions that the configuration names', async () => {
  const kinds = async (verdict: Verdict, when: Occasion, frames: Occasion) => {
    const publish = { maps: mapsConfig({ when }), frames };
    const { attachments } = await judgeOf([verdict], { publish }).judge.judge(frameOf(0));
    return attachments.map(({ kind }) => kind).join();
  };
  assert.equal(await kinds(PASS, 'always', 'fail'), 'map');
  assert.equal(await kinds(FAIL, 'always', 'fail'), 'map,frame');
  assert.equal(await kinds(FAIL, 'never', 'never'), '');
  assert.equal(await kinds(PASS, 'fail', 'always'), 'frame');
});

test('a frame that cannot be inspected is answered as invalid, with the reason', async () => {
  const fault = new SideglanceError('SG_REGION_OUTSIDE', 'the region 900x900 lies outside the frame 640x480');
  const { inspection, error } = await judgeOf([fault]).judge.judge(frameOf(7));
  assert.deepEqual(inspection.verdict, { result: 'invalid', reason: 'error', detail: fault.message });
  assert.deepEqual(inspection.part, { station: 's', epoch: 'e', sequence: 7 });
  assert.equal(inspection.frameWidth, 8);
  assert.equal(error, fault);
});

test('a picture that cannot be encoded does not take the verdict with it', async () => {
  const encoders = {
    ...scriptedEncoders,
    maps: () => [Promise.reject(new Error('no room'))],
  };
  const { inspection, attachments, error } = await judgeOf([FAIL], { encoders }).judge.judge(frameOf(0));
  assert.deepEqual(inspection.verdict, FAIL);
  assert.deepEqual(
    attachments.map(({ kind }) => kind),
    ['frame'],
  );
  assert.match(error?.message ?? '', /no room/);
});

test('the total time counts from the capture', async () => {
  const { judge } = judgeOf([PASS]);
  const frame = frameOf(0);
  const old = { ...frame, captured: { ...frame.captured, monotonicMs: frame.captured.monotonicMs - 500 } };
  const { timings } = (await judge.judge(old)).inspection;
  assert.ok(timings.total >= 500 && timings.capture >= 500 && timings.encode >= 0);
  assert.deepEqual([timings.crop, timings.network, timings.postprocess], [1, 2, 3]);
});
