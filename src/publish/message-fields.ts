import { z } from 'zod';

/** What messages have in common. */

/** Values that may become more within a version: the published schema names them as examples only. */
export const open = <const Values extends readonly [string, ...string[]]>(values: Values) =>
  z.enum(values).meta({ open: true });

export const count = z.int().nonnegative();
export const name = z.string().min(1);

export const timestamp = z
  .object({
    utc: z.iso.datetime({ precision: 3 }).describe('ISO 8601, UTC, milliseconds. Only as good as clockSynced says.'),
    monotonicMs: z.number().describe("Milliseconds of the device's monotonic clock; comparable within one boot only."),
  })
  .describe('Wall clock and monotonic clock, read together.');

export const clockSynced = z
  .boolean()
  .describe('Whether the wall clock was synchronised when the message was made. False is normal just after boot.');

export const device = z
  .object({ site: name, line: name, name })
  .describe('Who speaks: the same names as in the topic `sideglance/<site>/<line>/<name>/…`.');

export const delivery = z
  .object({
    epoch: name.describe('Changes whenever the message store starts anew; seq then begins at 0 again.'),
    stream: name.describe('`<station>/<class>` with class verdict, map or frame.'),
    seq: count.describe('Counts without holes within one epoch and stream; a hole is announced by a gap record.'),
  })
  .describe('Identity of the message. The same identity seen twice is the same message delivered twice.');

export const stored = z
  .boolean()
  .describe(
    'True when the message could not be sent at once and came later, out of the store; its times are the first.',
  );

export const part = z
  .object({ station: name, epoch: name, sequence: count })
  .describe('Identity of the inspected part: unique for a device, never used twice.');
export const result = z.enum(['pass', 'fail', 'invalid']);
export const invalidReason = open([
  'exposure',
  'blur',
  'no part',
  'overrun',
  'camera lost',
  'station lost',
  'late',
  'paused',
  'error',
]);
export const finiteOrNull = z.number().nullable();

/** How a model that is installed and proven comes into use. */
export const takesOver = {
  when: z
    .union([z.enum(['now', 'idle', 'shift']), z.iso.datetime({ offset: true })])
    .describe('When it takes over: at once, when no part comes, when shifts change, or at a moment.'),
  shadow: z
    .strictObject({ parts: z.int().min(0).max(1_000_000), minutes: z.int().min(0).max(20_160) })
    .describe(
      'So many parts, or minutes, whichever comes first, it judges beside the model in use before; both 0: none. Absent: as the device is configured.',
    ),
};
