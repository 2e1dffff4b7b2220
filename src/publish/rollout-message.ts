/**
 * The message that rolls a model out to many devices: the schema that devices check it by, that the command line writes it by, and
 * that `docs/messages/rollout.schema.json` is generated from. Versioned as the other messages are (`messages.ts`).
 */
import { z } from 'zod';
import { ID_PATTERN } from './command-messages.js';
import { name, takesOver } from './message-fields.js';

const MODEL_ID = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
const utc = z.iso.datetime({ offset: true });
const patterns = (what: string) =>
  z
    .array(name.max(400))
    .min(1)
    .max(64)
    .exactOptional()
    .describe(`${what} One of them has to fit; \`*\` stands for any text inside a name. Absent: every one.`);

export const ROLLOUT_STATES = ['running', 'halted', 'withdrawn'] as const;

export const rolloutSchema = z
  .strictObject({
    schema: z.literal('sideglance/rollout/1'),
    id: z
      .string()
      .regex(ID_PATTERN)
      .describe('Names this rollout; never used again for another model, version or file.'),
    model: z.string().regex(MODEL_ID).describe('The id of the model, as in the topic.'),
    version: name.max(64).describe('Its version.'),
    url: z
      .url({ protocol: /^https?$/ })
      .max(1024)
      .describe('Where the bundle (.tar) is fetched from.'),
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .describe('Of the .tar file.'),
    devices: z
      .strictObject({
        sites: patterns('Names of sites.'),
        lines: patterns('Names of lines.'),
        devices: patterns('Devices as `site/line/name`.'),
        percent: z
          .number()
          .min(0)
          .max(100)
          .describe(
            'Of the devices that fit, so many take part: those whose share is below it. The share of a device is the first 4 bytes of the SHA-256 of `<id> <site>/<line>/<name>`, as a number from 0 to 2^32, by 2^32, times 100.',
          ),
      })
      .describe('Who takes part. Raising `percent` brings further devices in, and takes none out.'),
    stations: z
      .array(name.max(64))
      .min(1)
      .max(16)
      .exactOptional()
      .describe('The stations that get it for themselves. Absent: every station with this model.'),
    activate: z
      .strictObject({
        when: takesOver.when.default('now'),
        shadow: takesOver.shadow.exactOptional(),
      })
      .default({ when: 'now' })
      .describe('How it takes over on a device.'),
    spreadSeconds: z
      .int()
      .min(0)
      .max(86_400)
      .describe(
        'Devices begin within so long, each after a time of its own: bytes 5 to 8 of the same SHA-256, by 2^32, times this.',
      ),
    state: z
      .enum(ROLLOUT_STATES)
      .describe(
        '`halted`: devices that have not made it active stop. `withdrawn`: those that have go back and bar it.',
      ),
    issued: utc.describe(
      'When this message was written. One that was written before the last known one is not followed.',
    ),
    expires: utc.describe('No device begins after this time.'),
  })
  .refine(({ issued, expires }) => Date.parse(issued) < Date.parse(expires), {
    message: 'expires before it was issued',
  })
  .describe(
    'A model for many devices. Topic `sideglance/rollout/<model>`, QoS 1, retained: written by operators, read by devices.',
  );

export type RolloutMessage = z.output<typeof rolloutSchema>;
export type RolloutState = RolloutMessage['state'];

export const ROLLOUT_ROOT = 'sideglance/rollout';

/** @param model its id */
export function rolloutTopic(model: string): string {
  return `${ROLLOUT_ROOT}/${model}`;
}
