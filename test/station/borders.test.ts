import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Borders } from '../../src/station/borders.js';

test('who waits for the next border goes on at it, once, and who comes later waits for another', async () => {
  const borders = new Borders();
  const passed: string[] = [];
  const wait = (name: string) => borders.next().then(() => passed.push(name));
  const [first, second] = [wait('first'), wait('second')];
  await Promise.resolve();
  assert.deepEqual(passed, []);
  borders.pass();
  const third = wait('third');
  await Promise.all([first, second]);
  borders.pass();
  await third;
  borders.pass();
  assert.deepEqual(passed, ['first', 'second', 'third']);
});
