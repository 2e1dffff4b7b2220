/** A message that somebody sent to the device. Nothing about it is trusted. */
export interface IncomingMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  /** It was kept by the broker, or its sender wanted it to be. */
  readonly retain: boolean;
  /** MQTT 5 §3.3.2.3.5 and §3.3.2.3.6; null where absent. */
  readonly responseTopic: string | null;
  readonly correlation: Uint8Array | null;
  /** The broker drops it after so long (§3.3.2.3.3). */
  readonly hasExpiry: boolean;
}

/** What the session subscribes to, at QoS 1. */
export interface Inbox {
  readonly filters: readonly string[];
  /** Told to the broker where MQTT 5 is spoken: it drops what is larger (§3.1.2.11.4). */
  readonly maxPacketBytes: number;
  /** Messages that the broker may send before they are acknowledged (§3.1.2.11.3). */
  readonly receiveMaximum: number;
  /** Must not throw. */
  receive(message: IncomingMessage): void;
}
