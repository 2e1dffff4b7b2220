import { z } from 'zod';
import { whole } from './fields.js';

/** When models take over, and what they have to do beside the one in use before and after. */

const SHIFT = /^(?:[01]\d|2[0-3]):[0-5]\d$/;

const ShadowSchema = z
  .strictObject({
    parts: whole(
      0,
      1_000_000,
      'So many parts a new model judges beside the one in use before it takes over. 0: not ended by that; where `minutes` is 0 as well, it takes over without.',
    ).default(0),
    minutes: whole(0, 20_160, 'The same in minutes; whichever comes first ends it. 0: not ended by that.').default(0),
    leastAgreement: z.number().min(0).max(1).default(0.95).meta({
      description: 'With `promote: auto`: the share of these parts that both models have to pass or reject alike.',
    }),
    promote: z.enum(['auto', 'command']).default('auto').meta({
      description:
        'What follows: `auto`, it takes over where the two agree, and is not used otherwise; `command`, it waits for `sideglance model activate`.',
    }),
  })
  .meta({ description: 'A new model looks at the parts beside the one in use before it takes over.' });

export const modelPlans = {
  shifts: z
    .array(z.string().regex(SHIFT, "must be a time such as '06:00'"))
    .default([])
    .meta({ description: 'When shifts change, in local time: what `sideglance model install --at shift` means.' }),
  idleSeconds: whole(
    1,
    86_400,
    'A station is idle after so many seconds without a part: what `sideglance model install --at idle` means.',
  ).default(60),
  shadow: ShadowSchema.prefault({}),
  probationCompare: z.boolean().default(false).meta({
    description:
      'Whether the last good model goes on looking at the parts while a new one is on probation: where the two differ too often, the last good one is active again. Costs the time of two models.',
  }),
  toleratedDisagreement: z.number().min(0.0001).max(0.5).default(0.02).meta({
    description:
      'With `probationCompare`: the share of parts that the new model may reject although the last good one passes them, and the share that it may pass although that one rejects them.',
  }),
};
