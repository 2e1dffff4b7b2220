import { z } from 'zod';
import { whole } from './fields.js';

/** The `alarms` group of a station. */
export const AlarmsSchema = z
  .strictObject({
    scoreShift: z
      .union([z.literal('never'), z.number().min(0.5).max(10)])
      .default(1.5)
      .meta({
        description:
          'The shift of the scores of good parts that matters, in their standard deviations: the alarm is made for it, and lets half of it pass. What is normal is learnt from the first 1,000 good parts.',
      }),
    rejectRate: z
      .union([z.literal('auto'), z.literal('never'), z.number().gt(0).max(0.5)])
      .default('auto')
      .meta({
        description:
          'The share of rejected parts that is normal: there is an alarm when about twice as many are rejected. `auto`: it is learnt from the first 1,000 parts.',
      }),
    partsPerFalseAlarm: whole(
      1_000,
      1_000_000_000,
      'At least so many parts lie between two false alarms of a kind, on average, on a line where each part is independent of the last. Ten times as many delay an alarm by an eighth.',
    ).default(100_000_000),
  })
  .meta({
    description:
      'When the scores of good parts, or the share of rejects, are no longer as they were, for each region by itself. Alarms stand in `health`.',
  });
