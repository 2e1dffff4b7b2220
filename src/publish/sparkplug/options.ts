import { type MqttOptions, SESSION_LIMITS } from '../options.js';
import type { Outbox } from '../outbox/outbox.js';
import type { StationCommands } from './commands.js';

export interface EdgeNodeOptions {
  readonly groupId: string;
  readonly edgeNodeId: string;
  /** The host application without which nothing is sent; absent: whoever listens. */
  readonly primaryHost?: string | undefined;
  /** In the order in which they are tried; one after the other where the primary host is not there. */
  readonly brokers: readonly SparkplugBroker[];
  readonly agentVersion: string;
  /** One device for each, with the names of its regions. */
  readonly stations: readonly { readonly name: string; readonly regions: readonly string[] }[];
  /** Absent: a host can read only. */
  readonly commands?: StationCommands | undefined;
  /** Where messages wait for the host. Absent: one in memory. */
  readonly outbox?: Outbox | undefined;
  /** Remembers bdSeq over restarts. Absent: it begins at 0 with each. */
  readonly bdSeqFile?: string | undefined;
  /** What was sent within so many milliseconds before a birth is sent once more after it. */
  readonly resendMs?: number | undefined;
  readonly limits?: Partial<EdgeNodeLimits> | undefined;
}

export type SparkplugBroker = MqttOptions & { readonly clientId: string };

export interface EdgeNodeLimits {
  readonly connectTimeoutMs: number;
  /** First wait after a lost connection; doubles up to `backoffMaxMs`, each time between half and all of it. */
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
  /** First wait after a fault that time alone does not mend. */
  readonly slowRetryMs: number;
  /** A session that lasted as long counts as good: the back-off starts anew after it. */
  readonly stableAfterMs: number;
  /** How long a broker may be without word of the primary host while there are others. */
  readonly hostWaitMs: number;
  /** Messages and bytes that the broker has not confirmed; one message always may be. */
  readonly windowMessages: number;
  readonly windowBytes: number;
  /** How soon after a message the broker is asked whether it has it. */
  readonly confirmAfterMs: number;
  /** Messages that may be sent once more after a birth; the oldest are given up first. */
  readonly resendMessages: number;
  /** How long a stop waits for what can be sent, and then for the farewell. */
  readonly drainMs: number;
  readonly farewellMs: number;
}

export const EDGE_NODE_LIMITS: EdgeNodeLimits = {
  connectTimeoutMs: SESSION_LIMITS.connectTimeoutMs,
  backoffMinMs: SESSION_LIMITS.backoffMinMs,
  backoffMaxMs: SESSION_LIMITS.backoffMaxMs,
  slowRetryMs: SESSION_LIMITS.slowRetryMs,
  stableAfterMs: SESSION_LIMITS.stableAfterMs,
  hostWaitMs: 10_000,
  windowMessages: 64,
  windowBytes: 256 * 1024,
  confirmAfterMs: 100,
  resendMessages: 10_000,
  drainMs: SESSION_LIMITS.drainMs,
  farewellMs: SESSION_LIMITS.farewellMs,
};

export const RESEND_MS = 60_000;
