/**
 * Every message that sideglance publishes, as versioned schemas. They are the one source: the TypeScript types, the
 * JSON Schemas in `docs/messages/`, `docs/asyncapi.yaml` and the tests all come from here.
 * Within a version a field may be added, and a value of an `open` list; a field that changes its meaning or goes away
 * makes a new version. Tests hold that against `docs/messages/published/`.
 */
import { z } from 'zod';
import { DEFECT_KINDS, KIND_MEANINGS } from '../kinds.js';
import { MAP_FORMS } from '../map-forms.js';

/** Values that may become more within a version: the published schema names them as examples only. */
const open = <const Values extends readonly [string, ...string[]]>(values: Values) =>
  z.enum(values).meta({ open: true });

const count = z.int().nonnegative();
const name = z.string().min(1);

const timestamp = z
  .object({
    utc: z.iso.datetime({ precision: 3 }).describe('ISO 8601, UTC, milliseconds. Only as good as clockSynced says.'),
    monotonicMs: z.number().describe("Milliseconds of the device's monotonic clock; comparable within one boot only."),
  })
  .describe('Wall clock and monotonic clock, read together.');

const clockSynced = z
  .boolean()
  .describe('Whether the wall clock was synchronised when the message was made. False is normal just after boot.');

const device = z
  .object({ site: name, line: name, name })
  .describe('Who speaks: the same names as in the topic `sideglance/<site>/<line>/<name>/…`.');

const delivery = z
  .object({
    epoch: name.describe('Changes whenever the message store starts anew; seq then begins at 0 again.'),
    stream: name.describe('`<station>/<class>` with class verdict, map or frame.'),
    seq: count.describe('Counts without holes within one epoch and stream; a hole is announced by a gap record.'),
  })
  .describe('Identity of the message. The same identity seen twice is the same message delivered twice.');

const stored = z
  .boolean()
  .describe(
    'True when the message could not be sent at once and came later, out of the store; its times are the first.',
  );

const part = z
  .object({ station: name, epoch: name, sequence: count })
  .describe('Identity of the inspected part: unique for a device, never used twice.');

const box = z
  .object({ x: z.number(), y: z.number(), width: z.number(), height: z.number() })
  .describe('In frame pixels, from the top left corner.');

const result = z.enum(['pass', 'fail', 'invalid']);
const invalidReason = open(['exposure', 'blur', 'no part', 'overrun', 'camera lost', 'station lost', 'late', 'error']);
const verdict = {
  verdict: result.describe('Treat `invalid` as reject: the part could not be judged.'),
  reason: invalidReason.nullable().describe('Why the verdict is `invalid`; null otherwise.'),
  detail: z.string().nullable().describe('The reason in words, where there is more to say.'),
};

const finiteOrNull = z.number().nullable();

const mapGeometry = z
  .object({
    rows: count,
    columns: count,
    cell: z.number().describe('Edge of one grid cell in pixels of the model input.'),
    inputWidth: count,
    inputHeight: count,
  })
  .describe(
    'Cell (r, c) stands for the square of cell × cell model input pixels at (c × cell, r × cell). The last row and column may reach beyond the input, or leave up to half a cell of it out.',
  );

const valueScale = z
  .object({ offset: z.number(), scale: z.number() })
  .describe('What is stored as v, in a PNG the grey value, stands for the value offset + v × scale of the map.');

const byKind = <Value extends z.ZodType>(value: Value) =>
  z.object({
    position: value.describe(`The place ${KIND_MEANINGS.position}: good parts look different in this position.`),
    context: value.describe(`The place ${KIND_MEANINGS.context}: they suggest something else.`),
    distortion: value.describe(`The place ${KIND_MEANINGS.distortion}.`),
  });

const defect = z.object({
  box,
  area: z.number().describe('In frame pixels².'),
  peak: finiteOrNull.describe('Highest value of the map inside.'),
  kind: open(DEFECT_KINDS).describe('The evidence with the largest share.'),
  shares: byKind(z.number().min(0).max(1)).describe('Why: the share of each kind of evidence; 1 in sum.'),
});

const region = z.object({
  name,
  box,
  ...verdict,
  score: finiteOrNull.describe('The higher the stranger; comparable within one model only. Null: there is none.'),
  threshold: finiteOrNull.describe('The region fails from this score on.'),
  mapThreshold: finiteOrNull.describe(
    'Places of the map above it belong to a defect. Map and score have scales of their own.',
  ),
  pValue: finiteOrNull.describe('Share of good parts that would score at least as high.'),
  parts: byKind(finiteOrNull).describe(
    'What each kind of evidence contributes to the map at its hottest place; near 0 on good parts.',
  ),
  defects: z.array(defect).describe('Strongest first.'),
  defectsOmitted: count.describe('Defects that were found and are not listed.'),
  map: mapGeometry.nullable(),
});

const attachment = z.object({
  kind: open(['map', 'frame']),
  region: name.nullable().describe('Null for a picture of the whole frame.'),
  form: open(MAP_FORMS).nullable().describe('How a map is encoded; null for a frame.'),
  topic: name,
  delivery,
  mediaType: open(['image/png', 'image/jpeg', 'application/vnd.sideglance.map']),
  bytes: count,
  sha256: z
    .string()
    .describe('Of the payload, in hex: pairs a picture with its inspection where MQTT 5 is not spoken.'),
  width: count,
  height: count,
  scale: valueScale.nullable().describe('For maps that can be read back; null for overlays and frames.'),
  grid: mapGeometry
    .nullable()
    .describe('For the same: the grid as it is encoded, which may be coarser than the region’s.'),
});

const timings = z
  .object({
    capture: z.number(),
    crop: z.number(),
    network: z.number(),
    postprocess: z.number(),
    encode: z.number(),
    total: z.number(),
  })
  .describe('Milliseconds spent in each stage.');

export const inspectionSchema = z
  .object({
    schema: z.literal('sideglance/inspection/1'),
    device,
    station: name,
    part,
    delivery,
    stored,
    captured: timestamp,
    published: timestamp,
    clockSynced,
    ...verdict,
    model: z.string().nullable().describe('`<id>@<version>` of the model bundle.'),
    provider: z.string().nullable().describe('The execution provider that ran the model.'),
    ptsNs: z.string().nullable().describe('Presentation time stamp of the frame in nanoseconds, in decimal.'),
    frame: z.object({ width: count, height: count }),
    regions: z.array(region),
    attachments: z.array(attachment).describe('The pictures that belong to this part, published beside this message.'),
    timings,
    skippedFrames: count.describe('Frames since the last inspected one that nobody looked at.'),
    reduced: z
      .boolean()
      .describe('True when lists were left out because the broker takes no packet as large as the whole message.'),
  })
  .describe('The verdict on one part. Topic `<station>/inspection`, QoS 1, not retained.');

export const pictureSchema = z
  .object({
    schema: z.enum(['sideglance/map/1', 'sideglance/frame/1']),
    site: name,
    line: name,
    device: name,
    station: name,
    epoch: name.describe('Delivery identity of this picture, as `delivery` in an inspection.'),
    stream: name,
    seq: z.string().regex(/^\d+$/),
    stored: z.enum(['true', 'false']),
    partEpoch: name.describe('With partSequence and station: the `part` of the inspection it belongs to.'),
    partSequence: z.string().regex(/^\d+$/),
    captured: z.iso.datetime({ precision: 3 }),
    verdict: result.describe("The part's verdict."),
    width: z.string().describe('Of the picture, in pixels.'),
    height: z.string(),
    form: open(MAP_FORMS).optional().describe('For maps: how they are encoded.'),
    region: name.optional().describe('Absent for a picture of the whole frame.'),
    box: z.string().optional().describe('`x,y,width,height` of the region in frame pixels.'),
    scale: z
      .string()
      .optional()
      .describe(
        'For maps that can be read back: what is stored as v stands for the value offset + v × scale of the map.',
      ),
    offset: z.string().optional(),
    mapThreshold: z.string().optional().describe('Places of the map above it belong to a defect.'),
    rows: z.string().optional().describe('For the same maps: the grid as it is encoded.'),
    columns: z.string().optional(),
    cell: z.string().optional(),
    inputWidth: z.string().optional(),
    inputHeight: z.string().optional(),
    originalSha256: z
      .string()
      .optional()
      .describe(
        'Where the broker takes no packet as large as the picture, and it was made smaller: SHA-256 of the picture that the inspection lists. Width, height, rows, columns and cell are those of the smaller one.',
      ),
  })
  .describe(
    'The MQTT 5 user properties of an anomaly map (`<station>/map`) or a frame (`<station>/frame`, image/jpeg). ' +
      'The payload is the picture file itself; the content type says of which kind.',
  );

export const statusSchema = z
  .object({
    schema: z.literal('sideglance/status/1'),
    device,
    state: z.enum(['online', 'offline']),
    reason: open(['stopped', 'connection lost', 'moved'])
      .nullable()
      .describe(
        'Of offline: a clean stop, the last will that the broker publishes when the device is gone, or the device has gone over to a broker that it prefers.',
      ),
    agent: z.string().describe('Version of the agent.'),
    at: timestamp.describe('When this was written; for `connection lost` that is when the lost connection was opened.'),
    clockSynced,
  })
  .describe('Whether the device is there. Topic `status`, QoS 1, retained.');

export const cameraSchema = z
  .object({
    schema: z.literal('sideglance/camera/1'),
    device,
    station: name,
    state: open(['opening', 'running', 'silent', 'lost', 'ended']),
    reason: z.string().nullable().describe('What happened, in words; null when all is well.'),
    since: timestamp,
    outages: count.describe('How often a running camera went silent or lost since the agent started.'),
    published: timestamp,
    clockSynced,
  })
  .describe('State of the camera of one station. Topic `<station>/camera`, QoS 1, retained, latest value.');

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
  refused: z
    .object({ model: name, code: name, reason: z.string(), at: timestamp })
    .nullable()
    .describe('The bundle that was to be run last, where the station does not run it: why. Null when all is well.'),
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

const healthReason = z
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
  })
  .describe('How the device is doing. Topic `health`, QoS 1, retained, latest value.');

export const gapSchema = z
  .object({
    schema: z.literal('sideglance/gap/1'),
    device,
    station: name,
    epoch: name,
    stream: name,
    firstSeq: count,
    lastSeq: count.describe('Every seq from firstSeq to lastSeq, both included, was dropped and will not come.'),
    messages: count,
    bytes: count,
    reasons: z
      .object({ age: count, bytes: count, tooLarge: count, refused: count, unreadable: count })
      .describe(
        'Messages dropped because they were too old, for room, too large for the broker, refused by it, or damaged on the disk.',
      ),
    first: timestamp.describe('When the first of them was made.'),
    last: timestamp,
    published: timestamp,
    clockSynced,
  })
  .describe(
    'Announces messages that were dropped by policy, in their place. Topic `<station>/gap`, QoS 1, not retained.',
  );

/** By the name of the file in `docs/messages/`. */
export const MESSAGE_SCHEMAS = {
  inspection: inspectionSchema,
  picture: pictureSchema,
  status: statusSchema,
  camera: cameraSchema,
  model: modelSchema,
  health: healthSchema,
  gap: gapSchema,
} as const;

export type MessageName = keyof typeof MESSAGE_SCHEMAS;
export type InspectionMessage = z.infer<typeof inspectionSchema>;
export type PictureProperties = z.infer<typeof pictureSchema>;
export type StatusMessage = z.infer<typeof statusSchema>;
export type CameraMessage = z.infer<typeof cameraSchema>;
export type ModelMessage = z.infer<typeof modelSchema>;
export type HealthMessage = z.infer<typeof healthSchema>;
export type HealthReason = z.infer<typeof healthReason>;
export type GapMessage = z.infer<typeof gapSchema>;
export type DeviceIdentity = z.infer<typeof device>;
export type DeliveryIdentity = z.infer<typeof delivery>;
