import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LEDGER_LIMITS, PartLedger } from '../../src/supervision/ledger.js';
import type { Inspection, PartId, Timestamp } from '../../src/types.js';

function setUp(limits = LEDGER_LIMITS) {
  const clock = { nowMs: 1_000 };
  const ledger = new PartLedger({ deadlineMs: 100, now: () => clock.nowMs, limits });
  const captured = (): Timestamp => ({ utc: '2026-01-01T00:00:00.000Z', monotonicMs: clock.nowMs });
  return { clock, ledger, captured };
}

function part(sequence: number, epoch = 'e1'): PartId {
  return { station: 's', epoch, sequence };
}

function summary(answers: Inspection[]): string[] {
  return answers.map(({ part, verdict }) =>
    verdict.result === 'invalid' ? `${part.sequence} ${verdict.reason}` : `${part.sequence} ${verdict.result}`,
  );
}

test('a verdict in time is the answer of its part, once', () => {
  const { ledger, captured } = setUp();
  assert.deepEqual(ledger.accept(part(0), captured()), []);
  assert.equal(ledger.openParts, 1);
  assert.equal(ledger.settle(part(0)), 'answer');
  assert.equal(ledger.settle(part(0)), 'unannounced');
  assert.equal(ledger.openParts, 0);
  assert.equal(ledger.nextDueMs(), null);
});

test('a late part is answered once at its deadline, and the verdict after it is recorded, not sent', () => {
  const { clock, ledger, captured } = setUp();
  ledger.accept(part(0), captured());
  assert.equal(ledger.nextDueMs(), 1_100);
  clock.nowMs = 1_099;
  assert.deepEqual(ledger.expire(), []);
  clock.nowMs = 1_100;
  assert.deepEqual(summary(ledger.expire()), ['0 late']);
  assert.deepEqual(ledger.expire(), []);
  assert.equal(ledger.settle(part(0)), 'late');
  assert.equal(ledger.settle(part(0)), 'unannounced');
  assert.deepEqual(
    { ...ledger.counters },
    { accepted: 1, answered: 0, late: 1, lateVerdicts: 1, lost: 0, overrun: 0, unannounced: 1, repeated: 0 },
  );
});

test('the deadline counts from the capture, not from the announcement, and a capture time in the future does not extend it', () => {
  const { clock, ledger, captured } = setUp();
  const early = captured();
  clock.nowMs += 60;
  ledger.accept(part(0), early);
  assert.equal(ledger.nextDueMs(), 1_100);
  ledger.accept(part(1), { ...early, monotonicMs: clock.nowMs + 1e9 });
  clock.nowMs += 100;
  assert.deepEqual(summary(ledger.expire()), ['0 late', '1 late']);
});

test('a lost station leaves no part unanswered: every open part, in order, and none that is answered already', () => {
  const { clock, ledger, captured } = setUp();
  ledger.accept(part(0), captured());
  ledger.accept(part(1), captured());
  ledger.accept(part(2), captured());
  ledger.settle(part(1));
  clock.nowMs += 7;
  const answers = ledger.lose('killed by SIGKILL');
  assert.deepEqual(summary(answers), ['0 station lost', '2 station lost']);
  assert.deepEqual(answers[0]?.verdict, { result: 'invalid', reason: 'station lost', detail: 'killed by SIGKILL' });
  assert.equal(answers[0]?.timings.total, 7);
  assert.deepEqual(ledger.lose('again'), []);
  assert.equal(ledger.settle(part(0)), 'unannounced');
});

test('a part that was answered late is not answered again when the station is lost', () => {
  const { clock, ledger, captured } = setUp();
  ledger.accept(part(0), captured());
  clock.nowMs += 100;
  assert.equal(ledger.expire().length, 1);
  assert.deepEqual(ledger.lose('gone'), []);
});

test('parts of two lives of a station are two parts, even with the same sequence number', () => {
  const { ledger, captured } = setUp();
  ledger.accept(part(0, 'e1'), captured());
  assert.equal(ledger.settle(part(0, 'e2')), 'unannounced');
  ledger.accept(part(0, 'e2'), captured());
  assert.equal(ledger.openParts, 2);
});

test('a repeated announcement neither opens a second part nor moves the deadline', () => {
  const { clock, ledger, captured } = setUp();
  ledger.accept(part(0), captured());
  clock.nowMs += 50;
  ledger.accept(part(0), captured());
  assert.equal(ledger.openParts, 1);
  assert.equal(ledger.nextDueMs(), 1_100);
  assert.equal(ledger.counters.repeated, 1);
});

test('the ledger is bounded: one part too many and the oldest is answered as overrun; late parts are forgotten oldest first', () => {
  const { clock, ledger, captured } = setUp({ maxOpenParts: 2, maxLateParts: 2 });
  const answers = [0, 1, 2, 3].flatMap((sequence) => ledger.accept(part(sequence), captured()));
  assert.deepEqual(summary(answers), ['0 overrun', '1 overrun']);
  assert.equal(ledger.openParts, 2);
  clock.nowMs += 100;
  ledger.expire();
  ledger.accept(part(4), captured());
  clock.nowMs += 100;
  ledger.expire();
  assert.equal(ledger.settle(part(2)), 'unannounced');
  assert.equal(ledger.settle(part(3)), 'late');
  assert.equal(ledger.settle(part(4)), 'late');
});
