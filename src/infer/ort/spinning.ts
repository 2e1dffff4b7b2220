/**
 * Threads of a run wait for the next operator by spinning for so many microseconds, then asleep: waking them takes longer than most
 * small operators do. Spinning without end would take the core from other stations. Measured: docs/decisions.md, "Speed".
 */
const SPIN_US = 20;

/** The first version that can be told for how long; older ones spin for milliseconds, or not at all. */
const [MAJOR, MINOR] = [1, 26];

/** Configuration entries of a session, for ONNX Runtime of that version. */
export function spinningFor(version: string): Readonly<Record<string, string>> {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const timed = major > MAJOR || (major === MAJOR && minor >= MINOR);
  if (!timed) return { 'session.intra_op.allow_spinning': '0' };
  return {
    'session.intra_op.allow_spinning': '1',
    'session.intra_op.spin_duration_us': `${SPIN_US}`,
    // Not beyond the end of a run.
    'session.force_spinning_stop': '1',
  };
}
