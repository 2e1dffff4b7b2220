import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resampleInBands } from '../src/image/resample.js';
import { PosedResampler } from '../src/image/resample-posed.js';
import { allAtOnce, type Pieces, withPauses } from '../src/pieces.js';
import type { Picture } from '../src/types.js';

function* work(order: string[], count: number): Pieces<string> {
  for (let i = 0; i < count; i++) {
    if (i > 0) yield;
    order.push(`piece ${i}`);
  }
  return 'done';
}

test('in between two pieces something else happens where they hold up longer than they may, and nothing where they do not', async () => {
  for (const [holdMs, expected] of [
    [0, ['piece 0', 'else', 'piece 1', 'piece 2']],
    [60_000, ['piece 0', 'piece 1', 'piece 2', 'else']],
  ] as const) {
    const order: string[] = [];
    const other = new Promise<void>((done) => setImmediate(() => done(void order.push('else'))));
    assert.equal(await withPauses(work(order, 3), holdMs), 'done');
    await other;
    assert.deepEqual(order, expected);
  }
  const order: string[] = [];
  assert.equal(allAtOnce(work(order, 2)), 'done');
  assert.deepEqual(order, ['piece 0', 'piece 1']);
});

test('what fails in a later piece is told to whoever drives it', async () => {
  function* failing(): Pieces<void> {
    yield;
    throw new Error('in the second piece');
  }
  await assert.rejects(withPauses(failing(), 0), /in the second piece/);
  assert.throws(() => allAtOnce(failing()), /in the second piece/);
});

test('the crop of a large frame is in pieces, turned or not', () => {
  const [width, height] = [1600, 1200];
  const picture: Picture = { width, height, stride: width, format: 'GRAY8', data: new Uint8Array(width * height) };
  const target = { width: 320, height: 240, data: new Uint8Array(320 * 240 * 3) };
  const whole = { x: 0, y: 0, width, height };
  const view = { frame: target, window: target, x: 160, y: 120, turn: 0.1 };
  for (const pieces of [
    resampleInBands(picture, whole, target, { ...whole, ...target, offset: 0, pitch: 3 * target.width }),
    new PosedResampler().resample(picture, whole, view, target),
  ]) {
    let count = 1;
    while (!pieces.next().done) count++;
    assert.ok(count >= 15, `${count} pieces`);
  }
});
