import { z } from 'zod';
import { clockSynced, count, device, finiteOrNull, name, open, timestamp } from './message-fields.js';
import { shadowSchema } from './shadow-message.js';

/** How the device is doing, and what each of its stations runs: `health` and `model`. */

const modelInUse = {
  model: z.string().nullable().describe('`<id>@<version>` of the model bundle, also while an engine is built for it.'),
  provider: z.string().nullable().describe('The execution provider that runs it; null while nothing runs.'),
  precision: z.string().nullable().describe('How finely the network computes: fp32, tf32, fp16 or int8.'),
  skipped: z
    .array(z.object({ provider: name, reason: z.string(), fix: z.string() }))
    .describe('Providers that were to be tried first and do not run it: why, and what would change that.'),
  building: z
    .object({
      provider: name,
      precision: name,
      phase: open(['waiting', 'building']).describe('`waiting`: another process of the device builds first.'),
      elapsedS: z.number(),
    })
    .nullable()
    .describe('An engine that is built before the model, or the one that is to take over, can run; null otherwise.'),
  threshold: finiteOrNull.describe('The score from which a region fails, as it is now; null while nothing runs.'),
  refused: z
    .object({ model: name, code: name, reason: z.string(), at: timestamp })
    .nullable()
    .describe('The bundle that was to be run last, where the station does not run it: why. Null when all is well.'),
  shadow: shadowSchema,
};

export const modelSchema = z
  .object({
    schema: z.literal('sideglance/model/1'),
    device,
    stations: z.array(z.object({ name, ...modelInUse })),
    published: timestamp,
    clockSynced,
  })
  .describe(
    'Which model each station runs or builds an engine for, and on which provider. Topic `model`, QoS 1, retained, latest value.',
  );

const byClass = z.object({ verdict: count, map: count, frame: count });

const alarm = z
  .object({
    alarm: z
      .enum(['score-high', 'score-low', 'reject-rate'])
      .describe('Scores of good parts that moved up or down, or more rejects than is normal.'),
    region: name,
    since: timestamp,
    text: z.string(),
  })
  .describe('Something is no longer as it was when the device learnt what is normal.');

export const healthReason = z
  .object({
    reason: z.enum([
      'station-starting',
      'station-restarting',
      'station-failed',
      'station-stopped',
      'station-stuck',
      'camera-opening',
      'camera-lost',
      'camera-silent',
      'camera-ended',
      'provider-skipped',
      'broker-offline',
      'outbox-alarm',
      'alarm',
    ]),
    station: name.nullable().describe('Null where it concerns the device.'),
    blocks: z.enum(['live', 'ready']).nullable().describe('What is false because of it; null: a warning.'),
    text: z.string(),
  })
  .describe('Why all is not well.');

const storage = z
  .object({
    kind: open(['disk', 'memory']).describe('Where messages wait. In memory they are lost with the process.'),
    folder: z.string().nullable(),
    alarm: z
      .string()
      .nullable()
      .describe('What is wrong with it and what to do, in words: raise an alarm. Null when all is well.'),
    epoch: name.describe('The epoch of messages that are made now.'),
    unsynced: count.describe('Waiting messages that a power cut would take away.'),
    unsyncedMs: z.number().describe('How long the oldest of them has been waiting.'),
    syncs: count.describe('Batches written and synced since the start.'),
    longestSyncMs: z.number(),
    bytesWritten: count.describe('What the batches wrote, in whole pages: wear of the flash.'),
    bytesPerMessage: count.nullable().describe('bytesWritten for each message taken in; null before the first.'),
  })
  .describe('The store in which messages wait for the broker.');

const sparkplug = z
  .object({
    state: open(['stopped', 'connecting', 'waiting', 'online', 'offline']).describe(
      '`waiting`: connected, the primary host is not; what is new waits in the store. `online`: born, so hosts see it.',
    ),
    since: timestamp.describe('Attempts to connect that fail are one time offline.'),
    reason: z.string().nullable().describe('Why it is offline; null otherwise.'),
    broker: z.string().nullable().describe('The broker that is spoken to, or was last.'),
    primaryHost: name.nullable().describe('The host that it waits for; null: none, as it is configured.'),
    bdSeq: count.nullable().describe('The number of this session; null while there is none.'),
    births: count.describe('NBIRTHs since the agent started, those that a host asked for among them.'),
    waiting: count.describe('Samples in the store that are not under way.'),
    dropped: count.describe('Samples dropped by a bound of the store since the start.'),
    alarm: z.string().nullable().describe('What is wrong with the store or the file of bdSeq; null when nothing is.'),
  })
  .nullable()
  .describe('The edge node of Sparkplug B; null where there is none.');

export type SparkplugHealth = NonNullable<z.infer<typeof sparkplug>>;

export const healthSchema = z
  .object({
    schema: z.literal('sideglance/health/1'),
    device,
    published: timestamp,
    clockSynced,
    live: z.boolean().describe('False when only a restart of the daemon helps; then not ready either.'),
    ready: z.boolean().describe('Whether every station can give verdicts now, and they reach the broker.'),
    reasons: z.array(healthReason).describe('Empty when all is well.'),
    agent: z.object({ version: z.string(), uptimeS: z.number(), rssBytes: count, eventLoopLagMs: z.number() }),
    stations: z.array(
      z.object({
        name,
        state: open(['starting', 'running', 'restarting', 'failed', 'stopped']),
        reason: z.string().nullable(),
        camera: z.object({
          state: open(['opening', 'running', 'silent', 'lost', 'ended']).nullable(),
          reason: z.string().nullable(),
        }),
        ...modelInUse,
        settings: z
          .object({
            paused: z.boolean().describe('Every part is answered `invalid: paused`.'),
            falseRejectRate: z.number().nullable().describe('What the threshold is chosen by; null: a score.'),
            score: z.number().nullable().describe('The threshold, where it was given as a score.'),
            exposureMicroseconds: z.number().nullable().describe('Null: as the camera is set.'),
            gainDb: z.number().nullable(),
            byCommand: z
              .array(open(['paused', 'threshold', 'exposureMicroseconds', 'gainDb']))
              .describe('Set by a command; the others are as in the configuration.'),
          })
          .describe('What commands can change, as it is now.'),
        alarms: z.array(alarm).describe('Alarms that are raised now.'),
        restarts: count,
        rssBytes: count.describe('Resident memory of the station process; 0 while there is none.'),
        eventLoopLagMs: z.number(),
        parts: z
          .object({
            accepted: count,
            pass: count,
            fail: count,
            invalid: count,
            late: count.describe('Of the invalid ones: those that had no verdict at their deadline.'),
            lateVerdicts: count.describe('Verdicts that came after their part was answered `late`; none was sent.'),
            lost: count.describe('Of the invalid ones: those that were under way when the station process ended.'),
          })
          .describe('Since the agent started.'),
      }),
    ),
    commands: z
      .object({
        received: count.describe('Messages that came to a command topic, also those that were not looked at.'),
        begun: count,
        done: count,
        failed: count,
        refused: count,
        repeated: count.describe('Answered as they were before.'),
        ignored: count.describe('Too many to be looked at.'),
      })
      .nullable()
      .describe('What became of commands since the agent started; null where they are not listened to.'),
    publishing: z.object({
      protocol: open(['5', '3.1.1']).nullable(),
      broker: z.string().nullable().describe('The broker that is spoken to; null while there is none.'),
      connections: count.describe('Connections to the broker that came up since the agent started.'),
      lastFault: z.string().nullable().describe('Why the broker could not be used the last time.'),
      waiting: byClass.describe('Messages in the store, per class.'),
      waitingBytes: count,
      inFlight: count.describe('Sent and not yet acknowledged.'),
      stored: byClass.describe('Messages taken in since the start.'),
      delivered: byClass.describe('Acknowledged by the broker.'),
      shrunk: count.describe('Pictures that were delivered smaller, because the broker takes no larger packets.'),
      dropped: z.object({
        age: byClass,
        bytes: byClass,
        tooLarge: byClass,
        refused: byClass,
        unreadable: byClass,
      }),
      gapsAnnounced: count.describe('Gap records acknowledged by the broker.'),
      gapsRefused: count,
      storage,
    }),
    sparkplug,
  })
  .describe('How the device is doing. Topic `health`, QoS 1, retained, latest value.');
