import type { SessionState } from '../publish/session.js';
import type { EdgeNode, EdgeNodeState } from '../publish/sparkplug/edge-node.js';
import type { UpdateReport } from '../publish/update-message.js';
import type { Inspection } from '../types.js';
import type { EventLog } from './log.js';

/** What happens to the agent, as events of the log. */
export class Diary {
  readonly #log: EventLog;
  #hasAlarm = false;

  constructor(log: EventLog) {
    this.#log = log;
  }

  /** Joins what was inspected with what was published. */
  part({ part, verdict, model, timings }: Inspection, seq: number): void {
    if (!this.#log.isOn('debug', 'part.answered')) return;
    const totalMs = Math.round(timings.total);
    this.#log.event('debug', 'part.answered', { ...part, verdict: verdict.result, model, totalMs, seq });
  }

  update({ key, origin, model, version, phase, code, reason }: UpdateReport): void {
    const level = code === null ? 'info' : 'warn';
    this.#log.event(level, 'model.update', { update: key, origin, model, version, phase, code, reason });
  }

  broker(state: SessionState): void {
    if (state.state !== 'offline') this.#log.event('info', 'broker.state', state);
    else {
      const { broker, reason, error, retryInMs } = state;
      this.#log.event('warn', 'broker.state', { state: 'offline', broker, reason, code: error.code, retryInMs });
    }
  }

  /** What is wrong with the store of messages; it stands in `health` as well. Null: nothing. */
  outbox(alarm: string | null): void {
    if (alarm !== null) this.#log.event('error', 'outbox.alarm', { code: 'SG_STORAGE', message: alarm });
    else if (this.#hasAlarm) this.#log.event('info', 'outbox.mended');
    this.#hasAlarm = alarm !== null;
  }

  /** From now on, whatever an edge node says. */
  follow(edgeNode: EdgeNode): void {
    if (edgeNode.alarm !== null) this.#sparkplugAlarm(edgeNode.alarm);
    edgeNode.on('alarm', (alarm) => this.#sparkplugAlarm(alarm));
    edgeNode.on('state', (state) => this.#sparkplug(state));
    edgeNode.on('malformed', (topic, fault) => this.#log.event('warn', 'sparkplug.malformed', { topic, fault }));
  }

  #sparkplugAlarm(alarm: string | null): void {
    if (alarm === null) this.#log.event('info', 'sparkplug.mended');
    else this.#log.event('error', 'sparkplug.alarm', { code: 'SG_STORAGE', message: alarm });
  }

  #sparkplug(state: EdgeNodeState): void {
    if (state.state !== 'offline') this.#log.event('info', 'sparkplug.state', state);
    else {
      const { error, ...rest } = state;
      this.#log.event('warn', 'sparkplug.state', { ...rest, ...(error ? { code: error.code } : {}) });
    }
  }
}
