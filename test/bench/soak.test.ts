import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judge, slopePerHour } from '../../bench/soak/judge.js';
import type { Sample } from '../../bench/soak/sample.js';
import { VerdictBooks } from '../../bench/soak/verdicts.js';
import type { InspectionMessage } from '../../src/publish/messages.js';

const MIB = 2 ** 20;
const EVERY_S = 10;

/** Two hours of one process. */
function hours(rssMib: (hour: number) => number, handles: (hour: number) => number = () => 40): Sample[] {
  return Array.from({ length: 720 }, (_, index) => {
    const second = index * EVERY_S;
    const agent = { pid: 7, rssBytes: rssMib(second / 3600) * MIB, handles: handles(second / 3600), threads: 12 };
    return {
      second,
      processes: { agent },
      agentLagMs: 0,
      stationLagMs: 0,
      latencyMs: 30,
      waiting: 0,
      load: 1,
      fault: null,
    };
  });
}

function missed(samples: Sample[], first: number[], last: number[], lost = 0, wrong = 0): string[] {
  return judge(samples, ['agent'], { first, last }, lost, wrong).flatMap(({ what, met }) => (met ? [] : [what]));
}

const EVEN = Array.from({ length: 200 }, (_, i) => 20 + (i % 10));

test('a flat run meets every bar, with outages that hold memory for a while', () => {
  const outage = (hour: number) => (Math.round(hour * 60) % 8 === 0 ? 130 : 100);
  assert.deepEqual(missed(hours(outage), EVEN, EVEN), []);
});

test('memory that grows by two percent an hour, or handles that stay open, miss theirs', () => {
  assert.deepEqual(
    missed(
      hours((hour) => 100 + 2 * hour),
      EVEN,
      EVEN,
    ),
    ['agent: resident memory, growth in an hour'],
  );
  assert.deepEqual(
    missed(
      hours(
        () => 100,
        (hour) => 40 + Math.floor(4 * hour),
      ),
      EVEN,
      EVEN,
    ),
    ['agent: handles, more at the end'],
  );
});

test('memory that has grown in the first hour and no longer is not held against it', () => {
  const slope = slopePerHour(
    hours((hour) => Math.min(100, 60 + 50 * hour)).map((one) => ({
      second: one.second,
      ...one.processes.agent!,
    })),
  );
  assert.equal(slope, 0);
});

test('latency that grows, a lost verdict, and a fault that was not borne miss theirs', () => {
  const slower = EVEN.map((ms) => ms * 1.2);
  assert.deepEqual(
    missed(
      hours(() => 100),
      EVEN,
      slower,
    ),
    ['p99 of the latency, the last quarter by the first'],
  );
  assert.deepEqual(
    missed(
      hours(() => 100),
      EVEN,
      EVEN,
      1,
      1,
    ),
    ['verdicts lost', 'faults that it did not bear'],
  );
});

test('what a run is too short for is not measured, and not met', () => {
  const bars = judge(hours(() => 100).slice(0, 60), ['agent'], { first: [20], last: [20] }, 0, 0);
  assert.deepEqual(
    bars.filter(({ met }) => met === null).map(({ what }) => what),
    ['agent: resident memory, growth in an hour', 'p99 of the latency, the last quarter by the first'],
  );
});

test('books tell a number that never came in a stream from one that came late or twice, and see parts without an answer', () => {
  const books = new VerdictBooks();
  const take = (seq: number, sequence: number, stored = false) =>
    books.take(
      {
        delivery: { epoch: 'e', stream: 's/verdict', seq },
        part: { station: 's', epoch: 'p', sequence },
        verdict: 'pass',
        stored,
        captured: { utc: '', monotonicMs: 100 },
      } as InspectionMessage,
      130,
      true,
    );
  take(0, 0);
  take(3, 4);
  take(1, 1, true);
  take(1, 1, true);
  assert.deepEqual(books.holes, { inStreams: 1, inParts: 2 });
  take(2, 2, true);
  assert.deepEqual(books.holes, { inStreams: 0, inParts: 1 });
  assert.deepEqual([books.duplicates, books.stored, books.countOf('s')], [1, 2, 4]);
  assert.deepEqual(books.latencies('s', 0, 1000), [30, 30]);
});
