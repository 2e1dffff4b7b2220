import assert from 'node:assert/strict';
import { test } from 'node:test';
import { brokerAccess, greeting, noticeLine, partLine, wantsColour } from '../../src/service/terminal.js';
import type { Defect, Inspection, RegionResult, Verdict } from '../../src/types.js';

const captured = new Date(2026, 0, 2, 3, 4, 5, 67);

function region(name: string, score: number, threshold: number, defects: Defect[] = []): RegionResult {
  const map = { rows: 1, columns: 1, cell: 8, inputWidth: 8, inputHeight: 8, values: new Float32Array(1) };
  const verdict: Verdict = { result: score >= threshold ? 'fail' : 'pass' };
  const box = { x: 0, y: 0, width: 8, height: 8 };
  const evidence = { mapThreshold: 1, pValue: 0.5, parts: { position: 0, context: 0, distortion: 0 }, defects, map };
  return { region: { name, ...box }, verdict, score, threshold, ...evidence };
}

function line(verdict: Verdict, regions: RegionResult[], colour = false): string {
  const inspection: Inspection = {
    part: { station: 'press', epoch: 'e', sequence: 1 },
    captured: { utc: captured.toISOString(), monotonicMs: 0 },
    ptsNs: null,
    frameWidth: 8,
    frameHeight: 8,
    model: null,
    provider: null,
    verdict,
    regions,
    timings: { capture: 0, crop: 0, network: 0, postprocess: 0, encode: 0, total: 41.6 },
    skippedFrames: 0,
  };
  return partLine(inspection, { colour, stationWidth: 6 });
}

function defect(x: number, peak: number): Defect {
  const shares = { position: 0.2, context: 0.7, distortion: 0.1 };
  return { box: { x, y: 10, width: 4, height: 7 }, area: 9, peak, kind: 'context', shares };
}

test('the line of a good part: time, station, verdict, score against threshold, milliseconds, region', () => {
  assert.equal(
    line({ result: 'pass' }, [region('face', 0.421, 1)]),
    '03:04:05.067  press   PASS       0.42 / 1.00    42 ms  face\n',
  );
});

test('the line of a bad part says where its strongest defect has its centre, and what is wrong there', () => {
  assert.equal(
    line({ result: 'fail' }, [region('face', 3.21, 1, [defect(0, 2), defect(100, 3)])]),
    '03:04:05.067  press   FAIL       3.21 / 1.00    42 ms  face at (102, 14) does not fit its surroundings, 1 more\n',
  );
});

test('of several regions the one that is furthest over its threshold speaks', () => {
  const text = line({ result: 'fail' }, [region('low', 90, 100), region('high', 3, 1), region('ok', 0, 1)]);
  assert.match(text, /3\.00 \/ 1\.00 .* high/);
});

test('the line of a part that could not be judged says why', () => {
  assert.match(
    line({ result: 'invalid', reason: 'late', detail: 'no verdict within 9 ms' }, []),
    /INVALID .* late: no ver/,
  );
  assert.match(line({ result: 'invalid', reason: 'blur' }, [region('face', Number.NaN, 1)]), /42 ms {2}blur\n$/);
});

test('colour goes to terminals only, and NO_COLOR is honoured', () => {
  assert.ok(line({ result: 'fail' }, [], true).includes('\u001b[31mFAIL'));
  assert.equal(wantsColour(true, {}), true);
  assert.equal(wantsColour(true, { NO_COLOR: '' }), true);
  assert.equal(wantsColour(true, { NO_COLOR: '1' }), false);
  assert.equal(wantsColour(true, { TERM: 'dumb' }), false);
  assert.equal(wantsColour(false, {}), false);
});

test('the greeting says how to subscribe and how to stop', () => {
  const text = greeting({
    version: '1.2.3',
    broker: brokerAccess('mqtt://127.0.0.1:11883', false),
    rootTopic: 'sideglance/plant/line/box',
    stations: ['a', 'b'],
  });
  assert.match(text, /mosquitto_sub -h 127\.0\.0\.1 -p 11883 -t 'sideglance\/plant\/line\/box\/\+\/inspection' -v/);
  assert.match(text, /Ctrl-C/);
  assert.match(text, /stations a, b/);
});

test('an encrypted broker with users is named with what mosquitto_sub needs for it', () => {
  assert.deepEqual(brokerAccess('mqtts://[::1]', true), { host: '::1', port: 8883, needsLogin: true, encrypted: true });
  const broker = brokerAccess('mqtts://plant.example:8884', true);
  const text = greeting({ version: '1.2.3', broker, rootTopic: 'sideglance/a/b/c', stations: ['s'] });
  assert.match(text, /-h plant\.example -p 8884 -u USER -P PASSWORD --capath/);
});

test('a notice says when, at which station, what and why', () => {
  const at = { utc: captured.toISOString(), monotonicMs: 0 };
  const options = { colour: false, stationWidth: 6 };
  assert.equal(
    noticeLine(at, 'press', 'camera lost', 'unplugged', options),
    '03:04:05.067  press   camera lost: unplugged\n',
  );
});
