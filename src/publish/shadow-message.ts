import { z } from 'zod';
import { agreementOf, type ShadowState } from '../shadow.js';
import { count, name, open } from './message-fields.js';

/** A model that looks at parts beside the one in use, as `model` and `health` show it. */

const pairedOutcomes = z
  .object({ bothPass: count, bothReject: count, onlyCurrentRejects: count, onlyShadowRejects: count })
  .describe('How often each came out; what is invalid is rejected.');

const scoreSpread = z
  .object({ mean: z.number(), deviation: z.number() })
  .nullable()
  .describe('Of score / threshold: what is above 1 fails. Null before there is a score.');

export const shadowSchema = z
  .object({
    model: name,
    purpose: open(['promotion', 'probation']).describe(
      '`promotion`: whether it may take over. `probation`: it ran before, and shows what has changed.',
    ),
    wanted: z
      .object({ parts: count.nullable(), minutes: z.number().nullable() })
      .describe('When it ends: whichever comes first; null: not by that.'),
    isOver: z.boolean(),
    compared: count.describe('Parts that both models have looked at.'),
    unseen: count.describe('Parts that came while it was busy with another.'),
    failed: count.describe('Of those compared: parts that it failed at, which counts as rejecting them.'),
    outcomes: pairedOutcomes,
    agreement: z.number().nullable().describe('Share of the compared parts that both treated alike.'),
    regions: z.array(z.object({ name, outcomes: pairedOutcomes, current: scoreSpread, shadow: scoreSpread })),
    judgeMs: z
      .object({ current: z.number(), shadow: z.number() })
      .describe('Milliseconds for a part, on average. Where both run at once, each takes longer than alone.'),
  })
  .nullable()
  .describe(
    'The model that looks at the parts beside the one in use and decides about none, or what the last one has found since this one runs; null: none.',
  );

/** @param shadow of a station, as its process reports it */
export function publishedShadow(shadow: ShadowState | null): z.infer<typeof shadowSchema> {
  if (shadow === null) return null;
  const { regions, ...rest } = shadow;
  return { ...rest, agreement: agreementOf(shadow), regions: [...regions] };
}
