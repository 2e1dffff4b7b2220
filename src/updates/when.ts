import { SideglanceError } from '../errors.js';
import type { Plan } from '../model/store/state.js';

/** When a model is to take over: a moment in ISO 8601, the next change of shifts, when no part comes, or now. */
export type When = 'now' | 'idle' | 'shift' | (string & {});

/**
 * @param shifts local times such as `06:00`
 * @param nowMs milliseconds since 1970; null while nobody vouches for the clock
 * @throws SideglanceError `SG_USAGE` for something that is no moment, or shifts that nobody has named;
 * `SG_BUNDLE_CLOCK_UNSET` where the next shift cannot be told
 */
export function momentOf(when: When, shifts: readonly string[], nowMs: number | null): Plan['when'] {
  if (when === 'now' || when === 'idle') return when;
  if (when === 'shift') return nextShift(shifts, nowMs);
  const at = new Date(when);
  if (/^\d{4}-\d\d-\d\d/.test(when) && !Number.isNaN(at.getTime())) return at.toISOString();
  throw new SideglanceError(
    'SG_USAGE',
    `${when} is no time at which a model could take over. Use one such as 2030-01-31T22:00Z, or idle, or shift`,
  );
}

function nextShift(shifts: readonly string[], nowMs: number | null): string {
  if (shifts.length === 0) {
    throw new SideglanceError(
      'SG_USAGE',
      "no shifts are known. Name them as `models.shifts`, such as ['06:00', '14:00']",
    );
  }
  if (nowMs === null) {
    const text =
      'the clock is not synchronised, so that the next shift cannot be told. Wait, or see `models.trustClock`';
    throw new SideglanceError('SG_BUNDLE_CLOCK_UNSET', text);
  }
  const today = new Date(nowMs);
  const moments = [0, 1].flatMap((days) =>
    shifts.map((shift) => {
      const [hour, minute] = shift.split(':').map(Number) as [number, number];
      return new Date(today.getFullYear(), today.getMonth(), today.getDate() + days, hour, minute).getTime();
    }),
  );
  return new Date(Math.min(...moments.filter((moment) => moment > nowMs))).toISOString();
}
