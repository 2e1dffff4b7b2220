import type { ShadowTask } from '../shadow.js';
import type { ToStation } from '../supervision/messages.js';
import type { StationMessage, StationOrder } from '../types.js';
import { dieWithParent } from './parent-death.js';

/**
 * A station's side of the message channel to its agent. The agent alone ends a station: a Ctrl-C in the terminal reaches
 * the whole process group, and a station that obeyed it would leave its part unanswered. SIGUSR2 is meant for the agent.
 */
export class AgentChannel<Start> {
  /** What the agent wants this process to do. */
  readonly started: Promise<Start>;
  /** Settles when the agent asks to stop. */
  readonly stopAsked: Promise<void>;
  #stopping = false;
  #onOrder: (id: number, order: StationOrder) => void = () => {};
  #onSwitch: (folder: string) => void = () => {};
  #onShadow: (task: ShadowTask | null) => void = () => {};

  /** @throws Error when this process was not started by an agent */
  constructor() {
    if (process.send === undefined) throw new Error('a station process is started by `sideglance run`, not by hand');
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2'] as const) process.on(signal, () => {});
    dieWithParent();
    // The agent is gone: whatever is still under way here has nobody left to be told.
    process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'));
    if (!process.connected) process.kill(process.pid, 'SIGKILL');

    let stop: () => void = () => {};
    this.stopAsked = new Promise((done) => {
      stop = done;
    });
    this.started = new Promise((done) => {
      process.on('message', (raw) => {
        const message = raw as ToStation<Start>;
        if (message.type === 'start') done(message.start);
        else if (message.type === 'order') this.#onOrder(message.id, message.order);
        else if (message.type === 'stop') {
          this.#stopping = true;
          stop();
        } else if (message.type === 'switch') this.#onSwitch(message.folder);
        else this.#onShadow(message.task);
      });
    });
  }

  get stopping(): boolean {
    return this.#stopping;
  }

  /** Orders that come before are not answered: the agent sends none to a station that is not ready. */
  onOrder(take: (id: number, order: StationOrder) => void): void {
    this.#onOrder = take;
  }

  /** The agent wants the bundle in a folder to take over. It asks only once the station is ready. */
  onSwitch(act: (folder: string) => void): void {
    this.#onSwitch = act;
  }

  /** The agent wants a bundle to look at parts as well, or none. It asks only once the station is ready. */
  onShadow(act: (task: ShadowTask | null) => void): void {
    this.#onShadow = act;
  }

  /** Settles when the message has been handed to the kernel: awaiting it keeps what is unsent bounded. Never rejects. */
  send(message: StationMessage): Promise<void> {
    return new Promise((done) => {
      // A send fails only when the agent is gone; `disconnect` deals with that.
      process.send?.(message, undefined, undefined, () => done());
    });
  }
}
