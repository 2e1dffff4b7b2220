/** Where the broker is and how to speak to it. Files are paths; they are read again at every connection. */
export interface MqttOptions {
  /** `mqtt://host:1883`, `mqtts://host:8883`, `ws://…` or `wss://…`. */
  readonly url: string;
  /** Brokers that stand in for it, the preferred first; with the same user, password and TLS files. */
  readonly fallbackUrls?: readonly string[] | undefined;
  /** On a broker that stands in, a preferred one is tried again after so long; every failure doubles it, up to 8 times. */
  readonly returnAfterSeconds?: number | undefined;
  /** 5 (the default) falls back to 3.1.1 where the broker does not speak it; 4 is MQTT 3.1.1 from the start. */
  readonly protocolVersion?: 5 | 4 | undefined;
  /** `sideglance-<site>-<line>-<name>` when absent. */
  readonly clientId?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly tls?: MqttTls | undefined;
  /** A broker that is silent for 1.5 times as long counts as lost. */
  readonly keepaliveSeconds?: number | undefined;
  readonly session?: SessionOptions | undefined;
}

/** What the broker keeps of us (MQTT 5 §3.1.2.4, §3.1.2.11.2, §3.1.3.2.2). */
export interface SessionOptions {
  /** It forgets at each connection what an earlier one has left. */
  readonly cleanStart: boolean;
  /** How long it keeps the session after a connection; MQTT 3.1.1 keeps it for as long as the broker likes. */
  readonly expirySeconds: number;
  /** The last will comes so long after the connection has gone, or when the session ends, if that is sooner. */
  readonly willDelaySeconds: number;
}

export const SESSION_DEFAULTS: SessionOptions = { cleanStart: true, expirySeconds: 0, willDelaySeconds: 0 };

/** PEM files for `mqtts:` and `wss:`. */
export interface MqttTls {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** The name that the broker's certificate must carry, where it is not the host of the URL. */
  readonly serverName?: string | undefined;
}

export interface SessionLimits {
  readonly connectTimeoutMs: number;
  /** First wait after a lost connection; doubles up to `backoffMaxMs`, each time between half and all of it. */
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
  /** First wait after a fault that time alone does not mend: a wrong password, a certificate, an access rule. */
  readonly slowRetryMs: number;
  /** A connection that lasted as long counts as good: the back-off starts anew after it. */
  readonly stableAfterMs: number;
  /** Messages under way and bytes under way; one message always may be. */
  readonly windowMessages: number;
  readonly windowBytes: number;
  /** Nothing acknowledged for as long while messages are under way: the connection is given up. */
  readonly acknowledgeTimeoutMs: number;
  /** How often the TLS files are looked at for changes. */
  readonly certificateCheckMs: number;
  /** How long a change of broker waits for what is under way on the old connection; then it counts as lost. */
  readonly handOverMs: number;
  /** How long a stop waits for what is in the store, and then for the farewell. */
  readonly drainMs: number;
  readonly farewellMs: number;
}

export const SESSION_LIMITS: SessionLimits = {
  connectTimeoutMs: 10_000,
  backoffMinMs: 500,
  backoffMaxMs: 30_000,
  slowRetryMs: 15_000,
  stableAfterMs: 10_000,
  windowMessages: 20,
  windowBytes: 512 * 1024,
  acknowledgeTimeoutMs: 30_000,
  certificateCheckMs: 30_000,
  handOverMs: 5_000,
  drainMs: 1_000,
  farewellMs: 500,
};

export const KEEPALIVE_SECONDS = 15;
export const RETURN_AFTER_SECONDS = 300;
