import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SideglanceError } from '../../src/errors.js';
import { momentOf } from '../../src/updates/when.js';

const codeIs = (code: string) => (thrown: unknown) => thrown instanceof SideglanceError && thrown.code === code;
const SHIFTS = ['06:00', '14:00', '22:00'];

/** By the clock on the wall. */
function local(day: number, hour: number, minute = 0): Date {
  return new Date(2030, 0, day, hour, minute);
}

test('a moment is kept in UTC, words are kept as they are', () => {
  assert.equal(momentOf('2030-01-31T22:00Z', [], null), '2030-01-31T22:00:00.000Z');
  assert.equal(momentOf('2030-01-31T22:00+01:00', [], null), '2030-01-31T21:00:00.000Z');
  assert.equal(momentOf('idle', [], null), 'idle');
  assert.equal(momentOf('now', [], null), 'now');
  for (const wrong of ['tomorrow', '22:00', '2030-13-01', '']) {
    assert.throws(() => momentOf(wrong, SHIFTS, 0), codeIs('SG_USAGE'));
  }
});

test('the next change of shifts is the first one after now, by local time, tomorrow as well', () => {
  const at = (now: Date) => momentOf('shift', SHIFTS, now.getTime());
  assert.equal(at(local(10, 5, 59)), local(10, 6).toISOString());
  assert.equal(at(local(10, 6)), local(10, 14).toISOString());
  assert.equal(at(local(10, 22, 1)), local(11, 6).toISOString());
  assert.equal(momentOf('shift', ['22:00', '06:00'], local(31, 23).getTime()), local(32, 6).toISOString());
});

test('without shifts, or a clock, there is no next change', () => {
  assert.throws(() => momentOf('shift', [], 0), codeIs('SG_USAGE'));
  assert.throws(() => momentOf('shift', SHIFTS, null), codeIs('SG_BUNDLE_CLOCK_UNSET'));
});
