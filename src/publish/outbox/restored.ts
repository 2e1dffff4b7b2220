import type { Keeper, KeeperParts, Standing } from './keeper.js';
import { encodeMessage, heldOf, type Recorded } from './record.js';
import { type Streams, splitStream } from './streams.js';
import type { Tally } from './tally.js';

export interface RestoredItem {
  readonly item: Recorded;
  /** If not, only the journal has it. */
  readonly isInDatabase: boolean;
}

/** Where the last run has left off, and where this one keeps its messages. */
export interface Restored {
  readonly keeper: KeeperParts;
  readonly standing: Standing;
  /** In the order of their ids. */
  readonly items: Iterable<RestoredItem>;
  /** Ids in the database that are of no use. */
  readonly damaged: readonly number[];
  /** What somebody should know about the start. */
  readonly notices: readonly string[];
}

/**
 * Puts what the last run has left into the streams.
 * @returns the highest id among it; 0: there was nothing
 */
export function adoptItems(items: Restored['items'], streams: Streams, tally: Tally, keeper: Keeper): number {
  let lastId = 0;
  for (const { item, isInDatabase } of items) {
    lastId = Math.max(lastId, item.id);
    const [station, messageClass] = splitStream(item.kind === 'gap' ? item.stream : item.delivery.stream);
    const queue = streams.queue(station, messageClass);
    if (item.kind === 'gap') {
      if (!isInDatabase) keeper.keepGap(item);
      queue.push(item);
      continue;
    }
    const held = heldOf(item, isInDatabase);
    if (queue.hasAnnounced(held)) {
      // The process ended between the two: the record of the gap was written, the message not removed.
      keeper.forget(held.id);
      continue;
    }
    if (!isInDatabase) keeper.adopt(held, encodeMessage(item));
    queue.push(held);
    tally.arrives(messageClass, held.bytes);
  }
  return lastId;
}
