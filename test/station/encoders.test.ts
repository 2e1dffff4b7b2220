import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEncoders } from '../../src/station/encoders.js';
import type { AnomalyMap, RegionResult } from '../../src/types.js';
import { frameOf, mapsConfig } from './scripted-inspector.js';

const map: AnomalyMap = {
  rows: 20,
  columns: 30,
  cell: 8,
  inputWidth: 240,
  inputHeight: 160,
  values: new Float32Array(600).fill(0.5),
};
const regions = ['a', 'b', 'c'].map(
  (name): RegionResult => ({
    region: { name, x: 0, y: 0, width: 60, height: 40 },
    verdict: { result: 'pass' },
    score: 1,
    threshold: 2,
    mapThreshold: 1,
    pValue: 0.5,
    parts: { position: 1, context: 0, distortion: 0 },
    defects: [],
    map,
  }),
);
const judged = { verdict: { result: 'pass' }, regions } as const;
const { picture } = frameOf(0, 64, 48);

for (const [form, mediaType] of [
  ['png8', 'image/png'],
  ['png16', 'image/png'],
  ['float16', 'application/vnd.sideglance.map'],
] as const) {
  test(`${form}: a map for each region that is due, no larger than configured`, async () => {
    const encoders = createEncoders(mapsConfig({ form, maxSide: 10 }));
    const attachments = await Promise.all(encoders.maps(picture, judged, [regions[0]!, regions[2]!]));
    assert.deepEqual(
      attachments.map((one) => [one.form, one.region, one.mediaType, one.width, one.height]),
      ['a', 'c'].map((name) => [form, name, mediaType, 10, 7]),
    );
  });
}

test('overlay: one for the part, no larger than configured', async () => {
  const encoders = createEncoders(mapsConfig({ form: 'overlay', maxSide: 200 }));
  const attachments = await Promise.all(encoders.maps(picture, judged, [regions[0]!]));
  assert.deepEqual(
    attachments.map((one) => [one.form, one.region, one.mediaType]),
    [['overlay', null, 'image/jpeg']],
  );
});
