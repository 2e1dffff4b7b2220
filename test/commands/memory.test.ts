import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CommandMemory } from '../../src/commands/memory.js';

test('the oldest commands are forgotten first, those under way never', () => {
  const memory = new CommandMemory({ commands: 3, answerBytes: 1000 });
  memory.begin('a', 'd');
  for (const key of ['b', 'c', 'd', 'e']) memory.finish(key, 'd', 'answer');
  assert.equal(memory.size, 3);
  assert.deepEqual(
    ['a', 'b', 'c', 'd', 'e'].map((key) => memory.find(key)?.state.kind ?? null),
    ['under way', null, null, 'answered', 'answered'],
  );
});

test('answers are bounded by bytes', () => {
  const memory = new CommandMemory({ commands: 100, answerBytes: 1000 });
  for (let i = 0; i < 50; i++) memory.finish(`${i}`, 'd', 'x'.repeat(300));
  assert.equal(memory.size, 3);
  memory.finish('49', 'd', 'y');
  memory.forget('48');
  memory.finish('50', 'd', 'x'.repeat(600));
  assert.deepEqual(
    ['47', '49', '50'].map((key) => memory.find(key) !== null),
    [true, true, true],
  );
});
