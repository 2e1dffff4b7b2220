import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Repeats } from '../../src/service/repeats.js';

const LIMITS = { mostInWindow: 3, windowMs: 1_000, maxKinds: 4 };

function observe(): { repeats: Repeats<string>; leftOut: string[]; clock: { now: number } } {
  const leftOut: string[] = [];
  const clock = { now: 0 };
  const repeats = new Repeats<string>(
    (key, count) => leftOut.push(`${key} ${count}`),
    () => clock.now,
    LIMITS,
  );
  return { repeats, leftOut, clock };
}

test('the first of a kind pass, the others of its window are counted, and told when it ends', () => {
  const { repeats, leftOut, clock } = observe();
  assert.deepEqual(
    Array.from({ length: 5 }, () => repeats.isLet('a')),
    [true, true, true, false, false],
  );
  assert.equal(repeats.isLet('b'), true);
  clock.now = 999;
  assert.equal(repeats.isLet('a'), false);
  assert.deepEqual(leftOut, []);
  clock.now = 1_000;
  assert.equal(repeats.isLet('a'), true);
  assert.deepEqual(leftOut, ['a 3']);
});

test('a window that ends without another one of its kind is told by a flush; one without losses is not', () => {
  const { repeats, leftOut, clock } = observe();
  for (let i = 0; i < 4; i++) repeats.isLet('a');
  repeats.isLet('b');
  repeats.flush();
  assert.deepEqual(leftOut, []);
  clock.now = 1_000;
  repeats.flush();
  assert.deepEqual(leftOut, ['a 1']);
});

test('the end tells what is left', () => {
  const { repeats, leftOut } = observe();
  for (let i = 0; i < 10; i++) repeats.isLet('a');
  repeats.flush(true);
  assert.deepEqual(leftOut, ['a 7']);
});

test('no more kinds are kept apart than fit, and none is forgotten without a word', () => {
  const { repeats, leftOut } = observe();
  for (let i = 0; i < 5; i++) repeats.isLet('first');
  for (let i = 0; i < 100; i++) assert.equal(repeats.isLet(`kind ${i}`), true);
  assert.deepEqual(leftOut, ['first 2']);
});
