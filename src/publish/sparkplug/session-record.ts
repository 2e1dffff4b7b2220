import type { Timestamp } from '../../types.js';
import { now } from '../clock.js';
import type { SparkplugHealth } from '../health-message.js';
import type { OutboxCounters } from '../outbox/types.js';
import type { EdgeNodeState } from './connector.js';

/** Samples that wait for the host without being under way to it, and samples that were dropped; all are of one class. */
export function storeCounts({ waiting, inFlight, dropped }: OutboxCounters): { waiting: number; dropped: number } {
  return {
    waiting: Math.max(0, waiting.verdict - inFlight),
    dropped: Object.values(dropped).reduce((total, { verdict }) => total + verdict, 0),
  };
}

/** What `health` says about the session of an edge node. */
export class SessionRecord {
  #state: EdgeNodeState = { state: 'stopped' };
  #since: Timestamp = now();
  #births = 0;

  get state(): EdgeNodeState {
    return this.#state;
  }

  follow(state: EdgeNodeState): void {
    // Attempts in vain are one outage.
    const isAway = ({ state: one }: EdgeNodeState) => one === 'connecting' || one === 'offline';
    if (!(isAway(state) && isAway(this.#state))) this.#since = now();
    this.#state = state;
  }

  countBirth(): void {
    this.#births++;
  }

  health(primaryHost: string | null, store: OutboxCounters, alarm: string | null): SparkplugHealth {
    const state = this.#state;
    return {
      state: state.state,
      since: this.#since,
      reason: state.state === 'offline' ? state.reason : null,
      broker: state.state === 'stopped' ? null : state.broker,
      primaryHost,
      bdSeq: state.state === 'online' ? state.bdSeq : null,
      births: this.#births,
      ...storeCounts(store),
      alarm,
    };
  }
}
