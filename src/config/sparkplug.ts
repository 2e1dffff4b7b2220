import { z } from 'zod';
import { password, passwordFile, text, whole } from './fields.js';

const MIB = 1024 * 1024;

/** Levels of Sparkplug topics may hold anything but these (Sparkplug 3.0 §4.1); `$` and blanks at the ends only ask for trouble. */
const sparkplugId = (description: string) =>
  z
    .string()
    .regex(/^[^+#/$\p{Cc}\s]([^+#/$\p{Cc}]{0,126}[^+#/$\p{Cc}\s])?$/u, 'must be 1 to 128 characters without + # / $')
    .meta({ description });

const StoreSchema = z
  .strictObject({
    folder: text(
      'Where data waits, relative to this file. Absent: `sparkplug` in the folder that systemd gives the service (`StateDirectory=`), else `var/sparkplug` beside this file.',
    ).exactOptional(),
    maxBytes: whole(MIB, 65_536 * MIB, 'Room for data that waits; over it the oldest goes first.').default(128 * MIB),
    maxAgeHours: z
      .number()
      .gt(0)
      .max(87_600)
      .default(168)
      .meta({ description: 'How long data waits before it is dropped, in hours that sideglance runs.' }),
    sync: z.enum(['batched', 'every']).default('batched').meta({ description: 'As in `mqtt.outbox`.' }),
    replayPerSecond: z
      .union([z.literal('unlimited'), z.int().min(1).max(100_000)])
      .default(1000)
      .meta({ description: 'Messages that waited are sent at this rate.' }),
  })
  .meta({ description: 'The store on disk in which data waits while the primary host or the broker is away.' });

export const SparkplugSchema = z
  .strictObject({
    enabled: z.boolean().default(false).meta({ description: 'Whether there is a Sparkplug edge node.' }),
    groupId: sparkplugId('The Sparkplug group. Absent: `<site>-<line>`.').exactOptional(),
    edgeNodeId: sparkplugId(
      'The edge node, unique in its group. Absent: the name of the device. Each station is a device of it.',
    ).exactOptional(),
    primaryHost: sparkplugId(
      'The id of the host application that must be online before anything is sent; meanwhile data waits. Absent: data is sent to whoever listens.',
    ).exactOptional(),
    urls: z
      .array(z.string())
      .min(1)
      .max(8)
      .meta({
        description:
          'Brokers in order of preference: the next one is tried where one, or the primary host at it, is away. Absent: the broker of `mqtt`.',
      })
      .exactOptional(),
    clientId: text('The MQTT client id. Absent: `sideglance-<site>-<line>-<name>-sparkplug`.').exactOptional(),
    username: text('The user name for these brokers. Absent: user and password of `mqtt`.').exactOptional(),
    password,
    passwordFile,
    resendSeconds: whole(
      0,
      3600,
      'What was sent in this time before a birth is sent once more after it, as history: a host that went away is missed only when its broker notices.',
    ).default(60),
    store: StoreSchema.prefault({}),
  })
  .meta({
    description:
      'Sparkplug B 3.0 for SCADA hosts, beside the messages of `mqtt`, on a connection of its own. `tls`, `protocolVersion` and `keepaliveSeconds` are those of `mqtt`.',
  });
