import type { SyncMode } from './types.js';

/** Where the outbox stands, beside the messages. */
export interface OutboxState {
  readonly version: 1;
  readonly epoch: string;
  /** Of the system, null where it says none: another one means that the system has been down. */
  readonly bootId: string | null;
  /** Whether the outbox was closed, so that this is its last word. */
  readonly isClosed: boolean;
  readonly sync: SyncMode;
  /** Ids only grow. Every message up to this one is in the database or settled. */
  readonly lastId: number;
  /** By stream: the next seq in this epoch. */
  readonly seqs: Readonly<Record<string, number>>;
  /** The outbox's own clock. */
  readonly ageMs: number;
}

/** The key of the state, as JSON; it comes before every id. */
export const STATE_KEY = 0;

/** @param mapBytes addresses set aside for the file; it is never larger */
export function databaseOptions(mapBytes: number) {
  return {
    noSubdir: true,
    encoding: 'binary',
    // A commit returns when it is on the disk, by LMDB's own order of writes and syncs.
    overlappingSync: false,
    mapSize: mapBytes,
    maxDbs: 1,
    trackMetrics: true,
  } as const;
}
