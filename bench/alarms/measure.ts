import { Random } from '../../src/random.js';
import { addVerdict, newRejects, REJECTS } from '../../src/service/alarms/reject-rate.js';
import {
  addScore,
  DRIFT,
  type DriftSettings,
  type DriftState,
  newDrift,
} from '../../src/service/alarms/score-drift.js';
import type { Process } from './processes.js';

/** A score from which a part fails, and is no good part for the alarm: 0.5 % of normal ones. */
const THRESHOLD = 2.576;
const LEARNT_PARTS = DRIFT.batch * DRIFT.learnt;

/** Alarms while all is well, and in how many of the runs there was one. */
export interface FalseAlarms {
  readonly alarms: number;
  readonly parts: number;
  readonly runsWithOne: number;
  readonly runs: number;
}

/** Parts from the change to the alarm. */
export interface Delay {
  readonly median: number;
  /** Nine of ten were as quick. */
  readonly most: number;
  /** Without an alarm until the end. */
  readonly missed: number;
  readonly runs: number;
}

export function driftFalseAlarms(
  process: Process,
  runs: number,
  partsARun: number,
  limit: number,
  settings: DriftSettings = DRIFT,
): FalseAlarms {
  let [alarms, runsWithOne] = [0, 0];
  for (let seed = 0; seed < runs; seed++) {
    const next = process(new Random(seed));
    const state = newDrift();
    let own = 0;
    for (let part = 0; part < LEARNT_PARTS + partsARun; part++) own += raisedNow(state, next(), limit, settings);
    alarms += own;
    if (own > 0) runsWithOne++;
  }
  return { alarms, parts: runs * partsARun, runsWithOne, runs };
}

/** @param shiftAt the shift so many parts after it began, in deviations */
export function driftDelay(
  process: Process,
  shiftAt: (part: number) => number,
  runs: number,
  mostParts: number,
  limit: number,
  settings: DriftSettings = DRIFT,
): Delay {
  const delays = Array.from({ length: runs }, (_, seed) => {
    const next = process(new Random(10_000 + seed));
    const state = newDrift();
    for (let part = 0; part < 2 * LEARNT_PARTS; part++) raisedNow(state, next(), limit, settings);
    for (let part = 0; part < mostParts; part++) {
      raisedNow(state, next() + shiftAt(part), limit, settings);
      if (state.high.raised || state.low.raised) return part + 1;
    }
    return Number.POSITIVE_INFINITY;
  });
  return delayOf(delays);
}

export function rejectFalseAlarms(rate: number, runs: number, partsARun: number, limit: number): FalseAlarms {
  let [alarms, runsWithOne] = [0, 0];
  for (let seed = 0; seed < runs; seed++) {
    const random = new Random(seed);
    const state = newRejects();
    let own = 0;
    for (let part = 0; part < REJECTS.learnt + partsARun; part++) {
      if (addVerdict(state, random.chance(rate), 'auto', limit) && state.cusum.raised) own++;
    }
    alarms += own;
    if (own > 0) runsWithOne++;
  }
  return { alarms, parts: runs * partsARun, runsWithOne, runs };
}

export function rejectDelay(rate: number, raised: number, runs: number, mostParts: number, limit: number): Delay {
  const delays = Array.from({ length: runs }, (_, seed) => {
    const random = new Random(10_000 + seed);
    const state = newRejects();
    for (let part = 0; part < REJECTS.learntAtMost; part++) addVerdict(state, random.chance(rate), 'auto', limit);
    for (let part = 0; part < mostParts; part++) {
      addVerdict(state, random.chance(raised), 'auto', limit);
      if (state.cusum.raised) return part + 1;
    }
    return Number.POSITIVE_INFINITY;
  });
  return delayOf(delays);
}

/** 1 where this score has raised an alarm. */
function raisedNow(state: DriftState, score: number, limit: number, settings: DriftSettings): number {
  if (score > THRESHOLD) return 0;
  const before = Number(state.high.raised) + Number(state.low.raised);
  if (!addScore(state, score, limit, settings)) return 0;
  return Math.max(0, Number(state.high.raised) + Number(state.low.raised) - before);
}

function delayOf(delays: readonly number[]): Delay {
  const sorted = [...delays].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1] as number;
  const missed = delays.filter((delay) => !Number.isFinite(delay)).length;
  return { median: at(0.5), most: at(0.9), missed, runs: delays.length };
}
