import { z } from 'zod';
import { name, text, whole } from './fields.js';

/** The `commands` group: what may be asked of the device over MQTT. */

/** Commands to one station. */
export const STATION_COMMANDS = [
  'trigger',
  'snapshot',
  'threshold',
  'calibrate',
  'camera',
  'pause',
  'resume',
  'restart',
] as const;
/** Commands to the device as a whole. */
export const DEVICE_COMMANDS = [
  'report',
  'model.install',
  'model.activate',
  'model.rollback',
  'model.confirm',
] as const;
export const COMMAND_NAMES = [...STATION_COMMANDS, ...DEVICE_COMMANDS] as const;

export type StationCommandName = (typeof STATION_COMMANDS)[number];
export type DeviceCommandName = (typeof DEVICE_COMMANDS)[number];
export type CommandName = (typeof COMMAND_NAMES)[number];

const ofStations = (description: string) =>
  z
    .union([z.enum(['never', 'always']), z.array(name('A station.')).min(1).max(16)])
    .default('never')
    .meta({ description: `${description} \`never\`, \`always\`, or the stations for which it is allowed.` });
const ofDevice = (description: string) =>
  z
    .enum(['never', 'always'])
    .default('never')
    .meta({ description: `${description} \`never\` or \`always\`.` });

const AllowSchema = z
  .strictObject({
    trigger: ofStations('Make the next frame a part.'),
    snapshot: ofStations('Publish the newest frame.'),
    threshold: ofStations('Change the threshold.'),
    calibrate: ofStations('Take the threshold from the next parts, which are known to be good.'),
    camera: ofStations('Change exposure and gain.'),
    pause: ofStations('Answer every part `invalid: paused`.'),
    resume: ofStations('Inspect again.'),
    restart: ofStations('End the station’s process and start it anew.'),
    report: ofDevice('Tell how the device is doing.'),
    'model.install': ofDevice('Install a model bundle.'),
    'model.activate': ofDevice('Use an installed model.'),
    'model.rollback': ofDevice('Use the last good model again.'),
    'model.confirm': ofDevice('Say that the model in use is good.'),
    'model.rollout': ofDevice('Follow what is rolled out to many devices (docs/fleet.md).'),
  })
  .meta({
    description:
      'The commands that are carried out. Who may send them is for the access rules of the broker to say: docs/commands.md.',
  });

export const CommandsSchema = z
  .strictObject({
    enabled: z
      .boolean()
      .default(false)
      .meta({ description: 'Whether commands are listened to at all. Without it nothing is subscribed to.' }),
    allow: AllowSchema.prefault({}),
    folder: text(
      'Where the audit log and changed settings are kept, relative to this file. Absent: `commands` in the folder that systemd gives the service (`StateDirectory=`), else `var/commands` beside this file.',
    ).exactOptional(),
    maxAgeSeconds: whole(
      1,
      86_400,
      'A command that says when it was sent (`sent`) is refused when it is older.',
    ).default(60),
    mustExpire: z.boolean().default(false).meta({
      description:
        'Refuse commands that do not say until when they hold (`expires`, `sent`, or the message expiry of MQTT 5). For brokers that keep the session of a device that is away.',
    }),
    perMinute: whole(
      1,
      6000,
      'Of each command, so many are looked at in a minute; triggers have a limit of their own.',
    ).default(60),
    triggersPerMinute: whole(1, 60_000, 'Triggers that are looked at in a minute.').default(1200),
    respondTo: z.array(text('A topic; all below it are meant, too.')).max(16).default([]).meta({
      description:
        'Topics, each with all below it, that answers may be sent to beside the device’s own `answer` and all below that.',
    }),
  })
  .meta({ description: 'Commands over MQTT.' });

export type WrittenCommands = z.output<typeof CommandsSchema>;
/** `folder` is there, and absolute. */
export type CommandsConfig = Omit<WrittenCommands, 'folder'> & { readonly folder: string };
