import { crc32 } from './crc32.js';
import type { Held } from './queue.js';
import { footprint, type Gap, type StoredMessage } from './types.js';

/**
 * How a message or a gap record lies on the disk: its length and a CRC-32 of what follows (both u32, little endian),
 * the length of the header (u32), the header (JSON), the payload.
 */
const PREFIX_BYTES = 12;

/** What is remembered of a message beside what is sent. */
export type RecordedMessage = StoredMessage & { readonly bornMs: number };
export type Recorded = RecordedMessage | Gap;

/** A record of anything: the header is JSON. */
export function encodeRecord(header: object, payload: Uint8Array = new Uint8Array(0)): Buffer {
  const text = Buffer.from(JSON.stringify(header));
  const record = Buffer.allocUnsafeSlow(PREFIX_BYTES + text.byteLength + payload.byteLength);
  record.writeUInt32LE(record.byteLength, 0);
  record.writeUInt32LE(text.byteLength, 8);
  record.set(text, PREFIX_BYTES);
  record.set(payload, PREFIX_BYTES + text.byteLength);
  record.writeUInt32LE(crc32(record.subarray(8)), 4);
  return record;
}

export function encodeMessage({ payload, ...header }: RecordedMessage): Buffer {
  return encodeRecord(header, payload);
}

interface DecodedRecord {
  readonly header: object;
  readonly payload: Buffer;
  /** Of the whole record in bytes. */
  readonly length: number;
}

/** The record at the start of `bytes`, or null where there is none that is whole. The payload is not copied. */
export function decodeRecord(bytes: Buffer): DecodedRecord | null {
  if (bytes.byteLength < PREFIX_BYTES) return null;
  const length = bytes.readUInt32LE(0);
  const headerLength = bytes.readUInt32LE(8);
  if (length < PREFIX_BYTES + headerLength || length > bytes.byteLength) return null;
  if (crc32(bytes.subarray(8, length)) !== bytes.readUInt32LE(4)) return null;
  const text = bytes.toString('utf8', PREFIX_BYTES, PREFIX_BYTES + headerLength);
  return { header: JSON.parse(text), payload: bytes.subarray(PREFIX_BYTES + headerLength, length), length };
}

/** The message or gap record that a record is; its CRC vouches that this outbox wrote it. */
export function itemOf({ header, payload }: DecodedRecord): Recorded {
  const item = header as Omit<RecordedMessage, 'payload'> | Gap;
  return item.kind === 'gap' ? item : { ...item, payload };
}

export function heldOf(message: RecordedMessage, isOnDisk: boolean): Held {
  const { id, delivery, at, bornMs, payload } = message;
  return {
    kind: 'message',
    id,
    epoch: delivery.epoch,
    seq: delivery.seq,
    bytes: footprint(message),
    payloadBytes: payload.byteLength,
    at,
    bornMs,
    message: isOnDisk ? null : message,
  };
}
