import { createHash } from 'node:crypto';
import type { SmallerPicture } from '../encode/shrink.js';
import type { Attachment, CameraState, Defect, Inspection, RegionResult, Timestamp, Verdict } from '../types.js';
import { clockSynced, now } from './clock.js';
import type {
  CameraMessage,
  DeliveryIdentity,
  DeviceIdentity,
  GapMessage,
  InspectionMessage,
  PictureProperties,
  StatusMessage,
} from './messages.js';
import { DROP_REASONS, type Gap, type Offer } from './outbox/types.js';
import { encodeJson, JSON_CONTENT, type Packet, packetBytes } from './packet.js';
import type { DeviceTopics } from './topics.js';

const LIMITS = { defectsListed: 50 } as const;

type RegionMessage = InspectionMessage['regions'][number];
export type AttachmentMessage = InspectionMessage['attachments'][number];

/** Infinity and NaN have no JSON; a score that does not exist is null. */
function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

function flatVerdict(verdict: Verdict): Pick<InspectionMessage, 'verdict' | 'reason' | 'detail'> {
  if (verdict.result !== 'invalid') return { verdict: verdict.result, reason: null, detail: null };
  return { verdict: 'invalid', reason: verdict.reason, detail: verdict.detail ?? null };
}

function boxOf({ x, y, width, height }: Defect['box']): Defect['box'] {
  return { x, y, width, height };
}

function regionMessage(result: RegionResult): RegionMessage {
  const { rows, columns, cell, inputWidth, inputHeight } = result.map;
  const { position, context, distortion } = result.parts;
  const strongestFirst = [...result.defects].sort((a, b) => b.peak - a.peak).slice(0, LIMITS.defectsListed);
  return {
    name: result.region.name,
    box: boxOf(result.region),
    ...flatVerdict(result.verdict),
    score: finite(result.score),
    threshold: finite(result.threshold),
    mapThreshold: finite(result.mapThreshold),
    pValue: finite(result.pValue),
    parts: { position: finite(position), context: finite(context), distortion: finite(distortion) },
    defects: strongestFirst.map(({ box, area, peak, kind, shares }) => ({
      box: boxOf(box),
      area,
      peak: finite(peak),
      kind,
      shares: { position: shares.position, context: shares.context, distortion: shares.distortion },
    })),
    defectsOmitted: result.defects.length - strongestFirst.length,
    map: rows > 0 && columns > 0 ? { rows, columns, cell, inputWidth, inputHeight } : null,
  };
}

export function inspectionMessage(
  device: DeviceIdentity,
  inspection: Inspection,
  delivery: DeliveryIdentity,
  attachments: readonly AttachmentMessage[],
  published: Timestamp,
): InspectionMessage {
  const { part, captured, model, provider, ptsNs, timings, skippedFrames } = inspection;
  return {
    schema: 'sideglance/inspection/1',
    device,
    station: part.station,
    part,
    delivery,
    stored: false,
    captured,
    published,
    clockSynced: clockSynced(),
    ...flatVerdict(inspection.verdict),
    model,
    provider,
    ptsNs: ptsNs === null ? null : String(ptsNs),
    frame: { width: inspection.frameWidth, height: inspection.frameHeight },
    regions: inspection.regions.map(regionMessage),
    attachments: [...attachments],
    timings,
    skippedFrames,
    reduced: false,
  };
}

/** How an inspection refers to a picture that is published beside it. */
export function attachmentMessage(
  attachment: Attachment,
  topic: string,
  delivery: DeliveryIdentity,
): AttachmentMessage {
  const { kind, region, form, mediaType, bytes, width, height, scale, grid } = attachment;
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const size = bytes.byteLength;
  return { kind, region, form, topic, delivery, mediaType, bytes: size, sha256, width, height, scale, grid };
}

/** The MQTT 5 user properties of a picture. */
export function pictureProperties(
  device: DeviceIdentity,
  inspection: Inspection,
  attachment: Attachment,
  delivery: DeliveryIdentity,
): Record<string, string> {
  const result = inspection.regions.find(({ region }) => region.name === attachment.region);
  const { rows, columns, cell, inputWidth, inputHeight } = attachment.grid ?? {};
  const properties: PictureUserProperties = {
    schema: attachment.kind === 'map' ? 'sideglance/map/1' : 'sideglance/frame/1',
    site: device.site,
    line: device.line,
    device: device.name,
    station: inspection.part.station,
    epoch: delivery.epoch,
    stream: delivery.stream,
    seq: String(delivery.seq),
    stored: 'false',
    partEpoch: inspection.part.epoch,
    partSequence: String(inspection.part.sequence),
    captured: inspection.captured.utc,
    verdict: inspection.verdict.result,
    width: String(attachment.width),
    height: String(attachment.height),
    form: attachment.form ?? undefined,
    region: attachment.region ?? undefined,
    box: result ? [result.region.x, result.region.y, result.region.width, result.region.height].join(',') : undefined,
    scale: text(attachment.scale?.scale),
    offset: text(attachment.scale?.offset),
    mapThreshold: text(result?.mapThreshold),
    rows: text(rows),
    columns: text(columns),
    cell: text(cell),
    inputWidth: text(inputWidth),
    inputHeight: text(inputHeight),
  };
  return withoutUndefined(properties);
}

function text(value: number | undefined): string | undefined {
  return value === undefined || !Number.isFinite(value) ? undefined : String(value);
}

type PictureUserProperties = {
  [Name in Exclude<keyof PictureProperties, 'originalSha256'>]-?: PictureProperties[Name] | undefined;
};

function withoutUndefined(fields: Record<string, string | undefined>): Record<string, string> {
  const present: Record<string, string> = {};
  for (const [key, value] of Object.entries(fields)) if (value !== undefined) present[key] = value;
  return present;
}

export function statusMessage(
  device: DeviceIdentity,
  agent: string,
  state: StatusMessage['state'],
  reason: StatusMessage['reason'],
): StatusMessage {
  return { schema: 'sideglance/status/1', device, state, reason, agent, at: now(), clockSynced: clockSynced() };
}

/** What a station reports about its camera. */
export interface CameraEvent {
  readonly state: CameraState;
  readonly reason: string | null;
  readonly at: Timestamp;
}

export function cameraMessage(
  device: DeviceIdentity,
  station: string,
  event: CameraEvent,
  outages: number,
): CameraMessage {
  return {
    schema: 'sideglance/camera/1',
    device,
    station,
    state: event.state,
    reason: event.reason,
    since: event.at,
    outages,
    published: now(),
    clockSynced: clockSynced(),
  };
}

export function gapMessage(device: DeviceIdentity, gap: Gap): GapMessage {
  const { station, epoch, stream, firstSeq, lastSeq, bytes, reasons, first, last } = gap;
  return {
    schema: 'sideglance/gap/1',
    device,
    station,
    epoch,
    stream,
    firstSeq,
    lastSeq,
    messages: DROP_REASONS.reduce((total, reason) => total + reasons[reason], 0),
    bytes,
    reasons,
    first,
    last,
    published: now(),
    clockSynced: clockSynced(),
  };
}

/** A picture that was made smaller, as a packet; its properties say so. */
export function smallerPacket(packet: Packet, smaller: SmallerPicture): Packet {
  const { bytes, width, height, pooled, originalSha256 } = smaller;
  const properties = { ...packet.properties, width: String(width), height: String(height), originalSha256 };
  const { rows, columns, cell } = packet.properties ?? {};
  const grid =
    pooled === null || rows === undefined || columns === undefined || cell === undefined
      ? {}
      : {
          rows: String(Math.ceil(Number(rows) / pooled)),
          columns: String(Math.ceil(Number(columns) / pooled)),
          cell: String(Number(cell) * pooled),
        };
  return { ...packet, payload: bytes, properties: { ...properties, ...grid } };
}

/** The packet for what the outbox offers; a verdict is shortened until it fits, as far as that goes. */
export function offerPacket(
  device: DeviceIdentity,
  topics: DeviceTopics,
  offer: Offer,
  stored: boolean,
  maxBytes: number,
): Packet {
  if (offer.kind === 'gap') {
    const payload = encodeJson(gapMessage(device, offer));
    return {
      topic: topics.station(offer.station).gap,
      payload,
      contentType: JSON_CONTENT,
      retain: false,
      properties: null,
    };
  }
  const { topic, contentType, payload, properties } = offer;
  const packet = { topic, contentType, retain: false, payload, properties };
  if (offer.messageClass !== 'verdict') {
    return stored && properties ? { ...packet, properties: { ...properties, stored: 'true' } } : packet;
  }
  const whole = stored ? { ...packet, payload: markStored(payload) } : packet;
  if (packetBytes(whole) <= maxBytes) return whole;
  let shortened = whole;
  for (const message of shorterAndShorter(JSON.parse(Buffer.from(whole.payload).toString()))) {
    shortened = { ...packet, payload: encodeJson(message) };
    if (packetBytes(shortened) <= maxBytes) break;
  }
  return shortened;
}

const NOT_STORED = Buffer.from('"stored":false');
const STORED = Buffer.from('"stored":true');

/**
 * A verdict that comes late says so. After an outage this is done for each of many, and reading them costs a tenth of all
 * that is done for them. Quotes within a text are escaped in JSON, so these bytes are the field and nothing else.
 */
function markStored({ buffer, byteOffset, byteLength }: Uint8Array): Uint8Array {
  const payload = Buffer.from(buffer, byteOffset, byteLength);
  const at = payload.indexOf(NOT_STORED);
  if (at < 0) return payload;
  return Buffer.concat([payload.subarray(0, at), STORED, payload.subarray(at + NOT_STORED.byteLength)]);
}

function* shorterAndShorter(whole: InspectionMessage): Generator<InspectionMessage> {
  const regions = whole.regions.map((region) => ({
    ...region,
    defects: [],
    defectsOmitted: region.defectsOmitted + region.defects.length,
  }));
  yield { ...whole, regions, reduced: true };
  yield { ...whole, regions: [], attachments: [], detail: null, reduced: true };
}
