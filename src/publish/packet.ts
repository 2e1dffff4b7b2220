/** One PUBLISH at QoS 1. */
export interface Packet {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly contentType: string;
  readonly retain: boolean;
  /** MQTT 5 user properties; 3.1.1 has no place for them. */
  readonly properties: Readonly<Record<string, string>> | null;
  /** Of an answer: what the request had, in MQTT 5. */
  readonly correlation?: Uint8Array | null;
  /** The broker drops it where it has not been delivered by then; MQTT 5. Absent: never. */
  readonly expirySeconds?: number | undefined;
}

export const JSON_CONTENT = 'application/json';

/** A retained JSON value. */
export function retainedJson(topic: string, message: object): Packet {
  return { topic, payload: encodeJson(message), contentType: JSON_CONTENT, retain: true, properties: null };
}

export function encodeJson(message: object): Uint8Array {
  return Buffer.from(JSON.stringify(message));
}

/** Bytes on the wire as MQTT 5 (§3.3), at most: what a broker compares with its maximum packet size. */
export function packetBytes(packet: Packet): number {
  const fixedHeader = 5;
  const packetId = 2;
  const propertyLength = 4;
  const payloadFormat = 2;
  const messageExpiry = 5;
  let bytes = fixedHeader + packetId + propertyLength + payloadFormat + messageExpiry + packet.payload.byteLength;
  bytes += 2 + Buffer.byteLength(packet.topic) + 3 + Buffer.byteLength(packet.contentType);
  if (packet.correlation) bytes += 3 + packet.correlation.byteLength;
  for (const [key, value] of Object.entries(packet.properties ?? {})) {
    bytes += 5 + Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  return bytes;
}
