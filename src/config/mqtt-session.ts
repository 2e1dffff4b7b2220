import { z } from 'zod';
import { whole } from './fields.js';

/** A year; MQTT 5 itself ends at 136. */
const MOST_SECONDS = 31_536_000;

export const MqttSessionSchema = z
  .strictObject({
    cleanStart: z.boolean().default(true).meta({
      description:
        'The broker forgets at each connection what an earlier one has left. `false` with `expirySeconds`: it keeps commands that come while the device is away. MQTT 3.1.1 knows this key alone, as clean session.',
    }),
    expirySeconds: whole(0, MOST_SECONDS, 'How long the broker keeps the session after a connection (MQTT 5).').default(
      0,
    ),
    willDelaySeconds: whole(
      0,
      MOST_SECONDS,
      '`offline: connection lost` is published only after so long without a connection (MQTT 5). Needs `cleanStart: false` and `expirySeconds` at least as long, for a will comes no later than the end of the session.',
    ).default(0),
  })
  .meta({ description: 'What the broker keeps of this device between two connections.' });
