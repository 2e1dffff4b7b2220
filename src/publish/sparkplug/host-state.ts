/** What a STATE message means for an edge node. `ignored`: malformed, or older than one that has been seen. */
export type HostNews = 'online' | 'offline' | 'ignored';

/** Follows the STATE messages of the primary host on one broker (§5.4). */
export class HostState {
  #latest: number | null = null;

  /**
   * `{"online": true, "timestamp": …}`. A message with a smaller time than the latest one is of an earlier session of the
   * host, and nothing follows from it (tck-id-message-flow-edge-node-birth-publish-phid-wait-timestamp,
   * tck-id-operational-behavior-edge-node-termination-host-offline-timestamp).
   */
  receive(payload: Uint8Array): HostNews {
    const state = parse(payload);
    if (!state || state.timestamp < (this.#latest ?? Number.NEGATIVE_INFINITY)) return 'ignored';
    this.#latest = state.timestamp;
    return state.online ? 'online' : 'offline';
  }
}

function parse(payload: Uint8Array): { readonly online: boolean; readonly timestamp: number } | null {
  try {
    const { online, timestamp } = JSON.parse(Buffer.from(payload).toString()) ?? {};
    return typeof online === 'boolean' && typeof timestamp === 'number' ? { online, timestamp } : null;
  } catch {
    return null;
  }
}
