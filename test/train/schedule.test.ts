import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TrainEvent } from '../../src/train/events.js';
import { Schedule } from '../../src/train/schedule.js';

const ONE_HOUR = 60;
const ignore = () => undefined;

describe('a phase of training', () => {
  test('ends after the steps that were asked for, whatever time they take', () => {
    const { progress } = new Schedule({ steps: 40, minutes: 0, onEvent: ignore }).phase('context');
    assert.deepEqual([0, 10, 39, 40].map(progress), [0, 0.25, 39 / 40, 1]);
  });

  test('ends when its share of the time is over', async () => {
    const { progress } = new Schedule({ minutes: 2 / 60, onEvent: ignore }).phase('distil', 0.5);
    assert.ok(progress(1_000_000) < 0.9);
    await new Promise((done) => setTimeout(done, 1100));
    assert.equal(progress(1), 1);
  });

  test('ends at an abort', () => {
    const abort = new AbortController();
    const { progress } = new Schedule({ minutes: ONE_HOUR, signal: abort.signal, onEvent: ignore }).phase('context');
    assert.ok(progress(7) < 1);
    abort.abort();
    assert.equal(progress(7), 1);
  });

  test('tells how far it is, and how long it will take', () => {
    const events: TrainEvent[] = [];
    const schedule = new Schedule({ steps: 4, minutes: 0, onEvent: (event) => events.push(event) });
    schedule.phase('context').onStep(3, { loss: 1 });
    const [event] = events;
    assert.ok(event?.type === 'step');
    assert.deepEqual([event.phase, event.step, event.progress, event.losses], ['context', 3, 0.75, { loss: 1 }]);
    assert.ok(event.secondsLeft >= 0 && Math.abs(event.secondsLeft - schedule.seconds / 3) < 1);
  });
});
