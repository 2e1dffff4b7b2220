import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { SideglanceError } from '../../../src/errors.js';
import {
  ALL_STATIONS,
  emptyState,
  type ModelState,
  type Plan,
  readState,
  STATE_FILE,
  stateText,
} from '../../../src/model/store/state.js';
import {
  activated,
  barred,
  planned,
  pruned,
  rolledBack,
  uninstalled,
  unplanned,
  withInstalled,
} from '../../../src/model/store/transitions.js';

const folder = await mkdtemp(join(tmpdir(), 'sideglance-transitions-'));
after(() => rm(folder, { recursive: true, force: true }));

const AT = '2030-01-31T22:00:00.000Z';
const [A, B, C, D] = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(64)) as [string, string, string, string];

/** Four versions are installed, the first one is active. */
const FOUR: ModelState = activated(
  [A, B, C, D].reduce<ModelState>(
    (state, digest, i) => withInstalled(state, { version: `${i + 1}.0.0`, digest, at: AT, signers: [] }),
    emptyState('bracket'),
  ),
  A,
);

function plan(digest: string, more: Partial<Plan> = {}): Plan {
  return { digest, when: 'idle', shadow: { parts: 200, minutes: 0 }, since: AT, ...more };
}

test('what is planned changes nothing that is in use, and the newest plan of a slot counts', () => {
  const state = planned(planned(FOUR, plan(B)), plan(C, { when: AT }));
  assert.deepEqual(state.slots, FOUR.slots);
  assert.deepEqual(state.plans, { [ALL_STATIONS]: plan(C, { when: AT }) });
  const both = planned(state, plan(D), { station: 'top' });
  assert.deepEqual(unplanned(both).plans, { top: plan(D) });
  assert.deepEqual(unplanned(both, { station: 'top' }), state);
  assert.deepEqual(both.slots, FOUR.slots, 'a station has no version of its own before it takes over');
});

test('whatever becomes active ends the plan of its slot, and of no other', () => {
  const state = planned(planned(FOUR, plan(B)), plan(C), { station: 'top' });
  assert.deepEqual(Object.keys(activated(state, B).plans), ['top']);
  assert.deepEqual(Object.keys(activated(state, A).plans), ['top'], 'it was active already');
  assert.deepEqual(Object.keys(activated(state, D, { station: 'top', probation: true }).plans), [ALL_STATIONS]);
});

test('a plan outlives a rollback, for it is about another bundle', () => {
  const state = planned(activated(FOUR, B, { probation: true }), plan(C));
  assert.deepEqual(rolledBack(state).plans, state.plans);
});

test('what is planned is kept, whatever else goes', () => {
  const state = planned(activated(FOUR, D), plan(B));
  assert.deepEqual(
    pruned(state, 0).installed.map(({ digest }) => digest),
    [B, D],
  );
  assert.throws(() => uninstalled(state, B), /is in use and stays/);
  assert.deepEqual(
    pruned(unplanned(state), 0).installed.map(({ digest }) => digest),
    [D],
  );
});

test('what is barred is not planned any longer, and cannot be', () => {
  const bar = { version: '2.0.0', digest: B, reason: 'bad', at: AT };
  const state = barred(planned(planned(FOUR, plan(B)), plan(C), { station: 'top' }), bar);
  assert.deepEqual(state.plans, { top: plan(C) });
  const codeIs = (code: string) => (thrown: unknown) => thrown instanceof SideglanceError && thrown.code === code;
  assert.throws(() => planned(state, plan(B)), codeIs('SG_BUNDLE_BARRED'));
  assert.throws(() => planned(state, plan('e'.repeat(64))), codeIs('SG_STORE'));
});

test('a state is read as it was written, and one that was written before there were plans has none', async () => {
  const state = planned(FOUR, plan(B, { when: AT, shadow: null }));
  const file = join(folder, STATE_FILE);
  await writeFile(file, stateText(state));
  assert.deepEqual(await readState(folder), state);
  const { plans: _, ...before } = JSON.parse(stateText(state)) as Record<string, unknown>;
  await writeFile(file, JSON.stringify(before));
  assert.deepEqual(await readState(folder), FOUR);
});
