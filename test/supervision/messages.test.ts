import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseStationMessage } from '../../src/supervision/messages.js';

const at = { utc: '2026-01-01T00:00:00.000Z', monotonicMs: 5 };
const part = { station: 's', epoch: 'e', sequence: 0 };
const parts = { position: 1, context: 0, distortion: 0 };
const region = {
  region: { name: 'face', x: 0, y: 0, width: 8, height: 8 },
  verdict: { result: 'fail' },
  score: 2,
  threshold: 1,
  mapThreshold: 1,
  parts,
  defects: [{ box: { x: 0, y: 0, width: 1, height: 1 }, shares: parts }],
  map: { values: new Float32Array(4) },
};
const inspection = { part, captured: at, verdict: { result: 'fail' }, timings: { total: 1 }, regions: [region] };
const attachments = [{ kind: 'map', bytes: new Uint8Array(3) }];

const running = { folder: 'f', model: 'm@1', provider: 'cpu', precision: 'fp32', skipped: [], threshold: 1 };

const outcomes = { bothPass: 1, bothReject: 0, onlyCurrentRejects: 0, onlyShadowRejects: 0 };
const report = {
  folder: 'f',
  model: 'm@2',
  purpose: 'promotion',
  wanted: { parts: 200, minutes: null },
  isOver: false,
  compared: 1,
  unseen: 0,
  failed: 0,
  outcomes,
  regions: [{ name: 'face', outcomes, current: { mean: 0.5, deviation: 0 }, shadow: null }],
  judgeMs: { current: 1, shadow: 1 },
};

const valid = {
  building: {
    type: 'building',
    model: 'm@1',
    build: { provider: 'tensorrt', precision: 'fp16', phase: 'building', elapsedS: 3 },
  },
  ready: { type: 'ready', ...running, passedOver: [{ folder: 'f', code: 'SG_RUNTIME', reason: 'text' }], epoch: 'e' },
  switched: { type: 'switched', ...running },
  refused: { type: 'refused', folder: 'f', code: 'SG_RUNTIME', reason: 'text' },
  shadow: { type: 'shadow', report },
  'shadow-refused': { type: 'shadow-refused', folder: 'f', code: 'SG_RUNTIME', reason: 'text' },
  camera: { type: 'camera', state: 'lost', reason: 'unplugged', at },
  accepted: { type: 'accepted', part, captured: at, trigger: null },
  inspection: { type: 'inspection', inspection, attachments },
  progress: { type: 'progress', pulls: 1, parts: 0, selfTests: 0, runs: 0, rssBytes: 1, lagMs: 0 },
  done: { type: 'done', id: 1, outcome: { ok: true, result: { kind: 'threshold', score: 2 } } },
  fault: { type: 'fault', code: 'SG_RUNTIME', message: 'text', fatal: false },
};

for (const [type, message] of Object.entries(valid)) {
  test(`${type}: the message passes as it is, and does not pass with any of its fields missing`, () => {
    assert.equal(parseStationMessage(message), message);
    for (const field of Object.keys(message)) {
      const { [field as keyof typeof message]: _, ...rest } = message;
      assert.equal(parseStationMessage(rest), null, `without ${field}`);
    }
  });
}

test('a region that could not be judged may be without a score', () => {
  const unjudged = { ...region, verdict: { result: 'invalid', reason: 'blur' }, score: Number.NaN };
  const message = { ...valid.inspection, inspection: { ...inspection, regions: [unjudged] } };
  assert.equal(parseStationMessage(message), message);
});

test('a shadow may be none; of one that is there each field is needed', () => {
  const none = { type: 'shadow', report: null };
  assert.equal(parseStationMessage(none), none);
  for (const field of Object.keys(report)) {
    const { [field as keyof typeof report]: _, ...rest } = report;
    assert.equal(parseStationMessage({ type: 'shadow', report: rest }), null, `without ${field}`);
  }
  for (const wrong of [
    { purpose: 'fun' },
    { wanted: { parts: Number.NaN, minutes: null } },
    { outcomes: { ...outcomes, bothPass: '1' } },
    { regions: [{ name: 'face', outcomes, current: { mean: Number.NaN, deviation: 0 }, shadow: null }] },
  ]) {
    assert.equal(parseStationMessage({ type: 'shadow', report: { ...report, ...wrong } }), null);
  }
});

test('what is inside is looked at too: numbers that are none, unknown words, wrong arrays', () => {
  const wrong: unknown[] = [
    null,
    'ready',
    [],
    { type: 'exit' },
    { ...valid.camera, state: 'asleep' },
    { ...valid.ready, skipped: [{ provider: 'cuda' }] },
    { ...valid.ready, passedOver: [{ folder: 'f' }] },
    { ...valid.building, build: { ...valid.building.build, phase: 'sleeping' } },
    { ...valid.building, build: { ...valid.building.build, elapsedS: Number.NaN } },
    { ...valid.accepted, captured: { ...at, monotonicMs: Number.NaN } },
    { ...valid.accepted, part: { ...part, sequence: '0' } },
    { ...valid.inspection, inspection: { ...inspection, verdict: { result: 'maybe' } } },
    { ...valid.inspection, inspection: { ...inspection, verdict: { result: 'invalid' } } },
    { ...valid.inspection, inspection: { ...inspection, regions: [{ ...region, score: Number.NaN }] } },
    { ...valid.inspection, inspection: { ...inspection, regions: [{ ...region, map: { values: [1, 2] } }] } },
    { ...valid.inspection, inspection: { ...inspection, regions: [{ ...region, parts: null }] } },
    { ...valid.inspection, attachments: [{ kind: 'map', bytes: 'text' }] },
  ];
  for (const message of wrong) assert.equal(parseStationMessage(message), null, JSON.stringify(message));
});
