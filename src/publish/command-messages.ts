/**
 * Commands, their answers, and the audit of them: the schemas that commands are checked by, and that the JSON Schemas in
 * `docs/messages/` are generated from. Versioned as the other messages are (`messages.ts`).
 */
import { z } from 'zod';
import { COMMAND_NAMES, type CommandName } from '../config/commands.js';
import { ERROR_CODES, type ErrorCode } from '../errors.js';
import { healthSchema } from './health-message.js';
import {
  clockSynced,
  count,
  device,
  invalidReason,
  name,
  open,
  part,
  result,
  takesOver,
  timestamp,
} from './message-fields.js';

/** Visible ASCII: it is written to logs, and compared. */
export const ID_PATTERN = /^[\x21-\x7e]{1,64}$/;

const utc = z.iso.datetime({ offset: true });

/** What every command may carry. */
export const envelope = {
  id: z
    .string()
    .regex(ID_PATTERN)
    .exactOptional()
    .describe(
      'Names this command. Absent: the correlation data of MQTT 5 does. The same id again is the same command again.',
    ),
  station: name
    .max(64)
    .exactOptional()
    .describe('For commands to a station that are sent to the device. Absent: its only station.'),
  respondTo: z
    .string()
    .min(1)
    .max(256)
    .exactOptional()
    .describe(
      'Where the answer is to go, for MQTT 3.1.1; in MQTT 5 the response topic counts. Absent: the topic `answer`.',
    ),
  expires: utc.exactOptional().describe('Not to be carried out after this time.'),
  sent: utc.exactOptional().describe('When it was sent: refused when that is longer ago than commands.maxAgeSeconds.'),
};

const command = <Shape extends z.ZodRawShape>(shape: Shape, description: string) =>
  z.strictObject({ ...envelope, ...shape }).describe(description);

const nothing = {};
const falseRejectRate = z.number().gt(0).max(0.5).describe('Share of good parts that may be rejected.');
const modelId = name.max(64).describe('The id of the model.');
const modelVersion = name.max(64).describe('Its version.');
const modelStations = z
  .array(name.max(64))
  .min(1)
  .max(16)
  .exactOptional()
  .describe('Absent: every station with this model.');

/** By the name of the command. */
export const COMMAND_SCHEMAS = {
  trigger: command(nothing, 'Makes the next frame a part. Answered when the part is.'),
  snapshot: command(nothing, 'Publishes the newest frame on `<station>/snapshot`.'),
  threshold: command(
    {
      score: z.number().min(0).max(1e6).exactOptional().describe('The score from which a region fails.'),
      factor: z.number().min(0.1).max(10).exactOptional().describe('Times the score that holds now.'),
      falseRejectRate: falseRejectRate.exactOptional(),
      reset: z.literal(true).exactOptional().describe('As the configuration says.'),
    },
    'Changes the threshold of a station. Exactly one of `score`, `factor`, `falseRejectRate` and `reset`.',
  ).refine((wanted) => ['score', 'factor', 'falseRejectRate', 'reset'].filter((key) => key in wanted).length === 1, {
    message: 'needs exactly one of score, factor, falseRejectRate and reset',
  }),
  calibrate: command(
    {
      parts: z
        .int()
        .min(20)
        .max(10_000)
        .default(100)
        .describe('How many parts are taken, all of which have to be good.'),
      falseRejectRate: falseRejectRate.default(0.005),
      withinSeconds: z.int().min(10).max(3600).default(600).describe('How long it may take until they have come.'),
    },
    'Takes the threshold from the scores of the next parts. Answered when it holds; until then the one before does.',
  ),
  camera: command(
    {
      exposureMicroseconds: z.number().positive().max(60_000_000).exactOptional(),
      gainDb: z.number().min(0).max(100).exactOptional(),
      reset: z.literal(true).exactOptional().describe('As the configuration says.'),
    },
    'Changes exposure and gain of a camera that has them (`type: gige`). Either `reset` or one or both of the others.',
  ).refine((wanted) => ('exposureMicroseconds' in wanted || 'gainDb' in wanted) !== 'reset' in wanted, {
    message: 'needs exposureMicroseconds, gainDb or both, or reset alone',
  }),
  pause: command(nothing, 'Answers every part of a station `invalid: paused` from now on, also after a restart.'),
  resume: command(nothing, 'Inspects again.'),
  restart: command(nothing, 'Ends the process of a station after its part and starts it anew.'),
  report: command(nothing, 'Tells how the device is doing.'),
  'model.install': command(
    {
      url: z.string().min(1).max(1024).describe('Where the bundle (.tar) is fetched from.'),
      sha256: z
        .string()
        .regex(/^[0-9a-f]{64}$/)
        .describe('Of the .tar file.'),
      activate: z
        .boolean()
        .default(false)
        .describe('Use it when it has proven itself; at once, unless `when` or `shadow` say otherwise.'),
      stations: modelStations,
      when: takesOver.when.exactOptional(),
      shadow: takesOver.shadow.exactOptional(),
    },
    'Fetches a model bundle, verifies and proves it.',
  ).refine(({ activate, stations, when, shadow }) => activate || (stations ?? when ?? shadow) === undefined, {
    message: 'stations, when and shadow are for a model that is to be used: say `"activate": true`',
  }),
  'model.activate': command(
    {
      model: modelId,
      version: modelVersion,
      stations: modelStations,
      when: takesOver.when.exactOptional(),
      shadow: takesOver.shadow
        .exactOptional()
        .describe('So many parts, or minutes, it judges beside the model in use before. Absent: none.'),
    },
    'Uses an installed model.',
  ),
  'model.rollback': command(
    {
      model: modelId.exactOptional().describe('Absent: the one that these stations run.'),
      stations: modelStations,
    },
    'Uses the last good model again.',
  ),
  'model.confirm': command(
    { model: modelId, version: modelVersion },
    'Says that a model which is in use on probation is good.',
  ),
} as const satisfies Record<CommandName, z.ZodType>;

export type CommandOf<Name extends CommandName> = z.output<(typeof COMMAND_SCHEMAS)[Name]>;

const score = z.number();
const settled = z
  .enum(['now', 'at the next start'])
  .describe('`at the next start`: the station does not run; it starts with this.');
const modelState = z.object({
  model: modelId,
  version: modelVersion,
  state: z.enum(['installed', 'active', 'confirmed', 'rolled back']),
  planned: z.boolean().describe('It takes over later, or after a shadow: `update` tells what becomes of it.'),
  stations: z.array(name).describe('That it concerns.'),
});

/** What a command that was carried out answers, by its name. */
export const RESULT_SCHEMAS = {
  trigger: z
    .object({ part, verdict: result, reason: invalidReason.nullable() })
    .describe('The part that it made; more about it stands in its inspection.'),
  snapshot: z.object({
    topic: name,
    bytes: count,
    sha256: z.string(),
    width: count,
    height: count,
    captured: timestamp,
  }),
  threshold: z.object({
    score: score.nullable().describe('That holds now; null: at the next start.'),
    applied: settled,
  }),
  calibrate: z.object({
    score,
    before: score.nullable(),
    parts: count,
    regions: count.describe('Scores that it was taken from.'),
    extrapolated: z.boolean().describe('So few scores that the rate is an estimate.'),
    applied: settled,
  }),
  camera: z.object({
    exposureMicroseconds: z.number().nullable().describe('Null: as the camera is set.'),
    gainDb: z.number().nullable(),
    applied: settled,
  }),
  pause: z.object({ paused: z.boolean(), applied: settled }),
  resume: z.object({ paused: z.boolean(), applied: settled }),
  restart: z.object({ restarts: count.describe('Since the agent started.') }),
  report: z.object({ health: healthSchema }),
  'model.install': modelState,
  'model.activate': modelState,
  'model.rollback': modelState,
  'model.confirm': modelState,
} as const satisfies Record<CommandName, z.ZodType>;

export type ResultOf<Name extends CommandName> = z.output<(typeof RESULT_SCHEMAS)[Name]>;

const commandName = z.string().describe('The command, as its topic names it; at most 64 characters of it.');
const station = z.string().nullable().describe('Null: the device.');
const id = z.string().nullable().describe('As the command had it; correlation data that is no visible ASCII in hex.');
const code = open(Object.keys(ERROR_CODES) as [ErrorCode, ...ErrorCode[]])
  .nullable()
  .describe('Why it was not carried out; null where it was.');

export const answerSchema = z
  .object({
    schema: z.literal('sideglance/answer/1'),
    device,
    command: commandName,
    station,
    id,
    outcome: z
      .enum(['done', 'refused', 'failed'])
      .describe('`refused`: nothing was begun. `failed`: it was tried; what it had changed was taken back.'),
    code,
    message: z.string().nullable().describe('What happened and what to do, in words.'),
    result: z
      .record(z.string(), z.unknown())
      .nullable()
      .describe('As `result-<command>.schema.json` says; null where it was not carried out.'),
    received: timestamp,
    answered: timestamp,
    clockSynced,
  })
  .describe('The answer to a command. Its response topic, or topic `answer`; QoS 1, not retained.');

export const auditSchema = z
  .object({
    schema: z.literal('sideglance/audit/1'),
    device,
    event: open(['begun', 'done', 'refused', 'failed', 'repeated', 'ignored']).describe(
      '`begun` stands before the work, and its outcome follows. `repeated`: the answer was sent again. `ignored`: so many were too many.',
    ),
    command: commandName,
    station,
    id,
    origin: open(['mqtt', 'sparkplug']).describe('`sparkplug`: a host has written a metric of the station.'),
    topic: z
      .string()
      .describe('Where it came from, or, from Sparkplug, where it would have; at most 256 characters of it.'),
    respondTo: z.string().nullable(),
    request: z
      .record(z.string(), z.unknown())
      .nullable()
      .describe('What was asked for; null where it was not understood.'),
    code,
    message: z.string().nullable(),
    commands: count.describe('How many this stands for: 1, except for `ignored`.'),
    at: timestamp,
    clockSynced,
  })
  .describe(
    'What was done about a command. Topic `audit`, QoS 1, not retained; the same lines are kept on the device.',
  );

export const snapshotSchema = z
  .object({
    schema: z.literal('sideglance/snapshot/1'),
    site: name,
    line: name,
    device: name,
    station: name,
    command: z.string().describe('The id of the command that asked for it.'),
    captured: z.iso.datetime({ precision: 3 }),
    width: z.string(),
    height: z.string(),
  })
  .describe(
    'The MQTT 5 user properties of a snapshot (`<station>/snapshot`, image/jpeg). The payload is the picture file.',
  );

export type AnswerMessage = z.infer<typeof answerSchema>;
export type AuditMessage = z.infer<typeof auditSchema>;
export type SnapshotProperties = z.infer<typeof snapshotSchema>;

export type CommandMessageName = 'answer' | 'audit' | 'snapshot' | `command-${CommandName}` | `result-${CommandName}`;

/**
 * By the name of the file in `docs/messages/`. A command is written as its sender writes it, and lets no unknown field
 * pass.
 */
export const COMMAND_MESSAGE_SCHEMAS = {
  answer: answerSchema,
  audit: auditSchema,
  snapshot: snapshotSchema,
  ...Object.fromEntries(COMMAND_NAMES.map((command) => [`command-${command}`, COMMAND_SCHEMAS[command]])),
  ...Object.fromEntries(COMMAND_NAMES.map((command) => [`result-${command}`, RESULT_SCHEMAS[command]])),
} as unknown as Readonly<Record<CommandMessageName, z.ZodObject>>;
