import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StderrTail } from '../../src/supervision/stderr-tail.js';

function setUp() {
  const clock = { nowMs: 0 };
  const lines: string[] = [];
  const tail = new StderrTail(
    (line) => lines.push(line),
    () => clock.nowMs,
    { maxLineBytes: 40, maxLinesPerSecond: 3, maxKeptLines: 2 },
  );
  return { clock, lines, tail };
}

test('lines come out whole, however the stream cuts them', () => {
  const { lines, tail } = setUp();
  for (const chunk of ['one\ntw', 'o\n\nthr', 'ee']) tail.push(Buffer.from(chunk));
  assert.deepEqual(lines, ['one', 'two']);
});

test('a flood is cut down to so many lines a second, and counted', () => {
  const { clock, lines, tail } = setUp();
  for (let i = 0; i < 10; i++) tail.push(Buffer.from(`${i}\n`));
  assert.deepEqual(lines, ['0', '1', '2']);
  assert.equal(tail.dropped, 7);
  clock.nowMs = 1_000;
  tail.push(Buffer.from('later\n'));
  assert.deepEqual(lines.at(-1), 'later');
});

test('a line without an end takes no more than its bound', () => {
  const { lines, tail } = setUp();
  for (let i = 0; i < 100; i++) tail.push(Buffer.from('x'.repeat(100)));
  tail.push(Buffer.from('\n'));
  assert.deepEqual(lines, ['x'.repeat(40)]);
});

test('the last words are the last line that speaks of an error, not a stack frame and not the rest', () => {
  const { tail } = setUp();
  assert.equal(tail.lastWords(), '');
  tail.push(Buffer.from('Error: the disk is full\n    at fail (error.js:1:1)\n'));
  assert.equal(tail.lastWords(), ': Error: the disk is full');
  tail.push(Buffer.from('free(): invalid pointer, aborting'));
  assert.equal(tail.lastWords(), ': free(): invalid pointer, aborting');
});
