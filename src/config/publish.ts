import { z } from 'zod';
import { MAP_FORMS } from '../map-forms.js';
import { whole } from './fields.js';

const occasion = (description: string) => z.enum(['always', 'fail', 'never']).meta({ description });

const MapsSchema = z
  .strictObject({
    when: occasion('`always`, only for parts that `fail`, or `never`.').default('always'),
    aboveScore: z
      .number()
      .min(0)
      .meta({ description: 'Only for regions with a score above it; overlays, for parts with such a region.' })
      .exactOptional(),
    form: z.enum(MAP_FORMS).default('png8').meta({
      description:
        '`png8` and `png16`: grey PNG of one region, 8 or 16 bits. `float16`: its values in binary, see docs/consumers.md. `overlay`: a JPEG for people, of the whole part with its maps over it.',
    }),
    perSecond: z
      .union([z.literal('unlimited'), z.number().gt(0).max(1000)])
      .default('unlimited')
      .meta({
        description:
          'At most so many maps a second on average (0.1: one in ten seconds). Half of what has been saved up is kept for regions that fail.',
      }),
    maxSide: whole(
      8,
      4096,
      'The longer side of what is published, at most. Maps: in cells, of which the highest are kept; absent: as the model has it. Overlays: in pixels of the part; absent: 768.',
    ).exactOptional(),
  })
  .meta({ description: 'Anomaly maps.' });

export const PublishSchema = z
  .strictObject({
    maps: MapsSchema.prefault({}),
    frames: occasion('When whole frames are published (JPEG): `always`, only on `fail`, or `never`.').default('fail'),
  })
  .meta({ description: 'What is published beside the verdict.' });

export type Occasion = 'always' | 'fail' | 'never';
export type PublishConfig = z.output<typeof PublishSchema>;
export type MapsConfig = PublishConfig['maps'];
