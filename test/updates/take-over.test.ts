import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptyState, type ModelState } from '../../src/model/store/state.js';
import { activated, withInstalled } from '../../src/model/store/transitions.js';
import { planOf, type TakeOver, takingOver } from '../../src/updates/take-over.js';

const AT = '2030-01-31T22:00:00.000Z';
const [A, B] = ['a', 'b'].map((letter) => letter.repeat(64)) as [string, string];
const INSTALLED: ModelState = [A, B].reduce<ModelState>(
  (state, digest, i) => withInstalled(state, { version: `${i + 1}.0.0`, digest, at: AT, signers: [] }),
  emptyState('bracket'),
);
const RUNNING = activated(INSTALLED, A);
const NO_SHADOW = { parts: 0, minutes: 0 };

function wish(more: Partial<TakeOver> = {}): TakeOver {
  return { digest: B, station: '*', when: 'now', shadow: NO_SHADOW, probation: true, at: AT, ...more };
}

test('now and without a shadow it is active, on probation where it takes the place of another', () => {
  assert.deepEqual(takingOver(RUNNING, wish()).slots['*'], {
    active: B,
    lastGood: A,
    probation: true,
    previous: [A],
  });
  assert.equal(takingOver(INSTALLED, wish()).slots['*']?.probation, false);
  assert.equal(takingOver(RUNNING, wish({ probation: false })).slots['*']?.lastGood, B);
});

test('the first version has nothing to be compared with, but may wait', () => {
  const shadow = { parts: 200, minutes: 0 };
  assert.equal(takingOver(INSTALLED, wish({ shadow })).slots['*']?.active, B);
  assert.deepEqual(takingOver(INSTALLED, wish({ shadow, when: 'idle' })).plans['*'], {
    digest: B,
    when: 'idle',
    shadow: null,
    since: AT,
  });
});

test('what is active already is not planned', () => {
  const state = takingOver(RUNNING, wish({ digest: A, when: 'idle', shadow: { parts: 200, minutes: 5 } }));
  assert.deepEqual(state, RUNNING);
});

test('a plan that is made once more does not begin anew, another one does', () => {
  const plan = wish({ when: 'idle', shadow: { parts: 200, minutes: 5 } });
  const state = takingOver(RUNNING, plan);
  assert.deepEqual(planOf(state, '*', B)?.shadow, { parts: 200, minutes: 5 });
  const later = '2030-02-01T00:00:00.000Z';
  assert.equal(planOf(takingOver(state, { ...plan, at: later }), '*', B)?.since, AT);
  for (const other of [{ when: 'now' as const }, { shadow: { parts: 201, minutes: 5 } }]) {
    assert.equal(planOf(takingOver(state, { ...plan, ...other, at: later }), '*', B)?.since, later);
  }
  assert.equal(planOf(takingOver(state, wish()), '*', B), null, 'now it is active');
});
