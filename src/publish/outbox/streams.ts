import { type Held, type Item, type Lane, StreamQueue } from './queue.js';
import { MESSAGE_CLASSES, type MessageClass } from './types.js';

/** Every stream there is, by its class and station. */
export class Streams {
  readonly #queues: Record<MessageClass, Map<string, StreamQueue>> = {
    verdict: new Map(),
    map: new Map(),
    frame: new Map(),
  };

  queue(station: string, messageClass: MessageClass): StreamQueue {
    const queues = this.#queues[messageClass];
    let queue = queues.get(station);
    if (!queue) {
      queue = new StreamQueue(station, messageClass);
      queues.set(station, queue);
    }
    return queue;
  }

  *[Symbol.iterator](): Generator<StreamQueue> {
    for (const messageClass of MESSAGE_CLASSES) yield* this.#queues[messageClass].values();
  }

  /** What waits longest in a lane of a class, of the stations that are wanted. */
  oldest(
    of: MessageClass,
    lane: Lane,
    isWanted: (station: string) => boolean,
  ): { readonly queue: StreamQueue; readonly item: Item } | null {
    let oldest: { readonly queue: StreamQueue; readonly item: Item } | null = null;
    for (const [station, queue] of this.#queues[of]) {
      if (!isWanted(station)) continue;
      const item = queue.first(lane);
      if (item && (oldest === null || item.id < oldest.item.id)) oldest = { queue, item };
    }
    return oldest;
  }

  /** The message that waits longest in a class, of those after an id. */
  oldestMessage(of: MessageClass, afterId: number): { readonly queue: StreamQueue; readonly held: Held } | null {
    let oldest: { readonly queue: StreamQueue; readonly held: Held } | null = null;
    for (const queue of this.#queues[of].values()) {
      const held = queue.firstMessage(afterId);
      if (held && (oldest === null || held.id < oldest.held.id)) oldest = { queue, held };
    }
    return oldest;
  }
}

/** Of `<station>/<class>`. */
export function splitStream(stream: string): [station: string, messageClass: MessageClass] {
  const at = stream.lastIndexOf('/');
  return [stream.slice(0, at), stream.slice(at + 1) as MessageClass];
}
