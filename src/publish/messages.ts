/**
 * Every message that sideglance publishes, as versioned schemas. They are the one source: the TypeScript types, the
 * JSON Schemas in `docs/messages/`, `docs/asyncapi.yaml` and the tests all come from here.
 * Within a version a field may be added, and a value of an `open` list; a field that changes its meaning or goes away
 * makes a new version. Tests hold that against `docs/messages/published/`.
 */
import { z } from 'zod';
import { DEFECT_KINDS, KIND_MEANINGS } from '../kinds.js';
import { MAP_FORMS } from '../map-forms.js';
import { type healthReason, healthSchema, modelSchema } from './health-message.js';
import {
  clockSynced,
  count,
  delivery,
  device,
  finiteOrNull,
  invalidReason,
  name,
  open,
  part,
  result,
  stored,
  timestamp,
} from './message-fields.js';
import { updateSchema } from './update-message.js';

const box = z
  .object({ x: z.number(), y: z.number(), width: z.number(), height: z.number() })
  .describe('In frame pixels, from the top left corner.');
const verdict = {
  verdict: result.describe('Treat `invalid` as reject: the part could not be judged.'),
  reason: invalidReason.nullable().describe('Why the verdict is `invalid`; null otherwise.'),
  detail: z.string().nullable().describe('The reason in words, where there is more to say.'),
};

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
  update: updateSchema,
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
