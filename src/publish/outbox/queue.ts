import type { Timestamp } from '../../types.js';
import { Deque } from './deque.js';
import { DROP_REASONS, type DropReason, type Gap, type MessageClass, type StoredMessage } from './types.js';

/** A message that waits: what order, bounds and gap records need, without its payload where that lies on the disk. */
export interface Held {
  readonly kind: 'message';
  readonly id: number;
  readonly epoch: string;
  readonly seq: number;
  /** Its footprint. */
  readonly bytes: number;
  readonly payloadBytes: number;
  readonly at: Timestamp;
  /** By the outbox's own clock. */
  readonly bornMs: number;
  message: StoredMessage | null;
}

export type Item = Held | Gap;

/** `late` waited for the connection that there is now, `live` came after it; `both` is the one after the other. */
export type Lane = 'late' | 'live' | 'both';

/** A gap record that was made or has grown, and the ids of items that it stands for and whose own is not its. */
export interface GapChange {
  readonly gap: Gap;
  readonly absorbed: readonly number[];
}

/** What waits of one stream and is not in flight, sorted by id. Neighbouring gaps of a lane are always one. */
export class StreamQueue {
  readonly name: string;
  readonly messageClass: MessageClass;
  nextSeq = 0;
  readonly #station: string;
  readonly #lanes = { late: new Deque<Item>(), live: new Deque<Item>() };

  constructor(station: string, messageClass: MessageClass) {
    this.#station = station;
    this.messageClass = messageClass;
    this.name = `${station}/${messageClass}`;
  }

  first(lane: Lane): Item | undefined {
    if (lane !== 'both') return this.#lanes[lane].first();
    return this.#lanes.late.first() ?? this.#lanes.live.first();
  }

  shift(lane: Lane): Item | undefined {
    if (lane !== 'both') return this.#lanes[lane].shift();
    return this.#lanes.late.shift() ?? this.#lanes.live.shift();
  }

  push(item: Item): void {
    this.#lanes.live.push(item);
  }

  pushGap(gap: Gap): GapChange {
    const { live } = this.#lanes;
    live.push(gap);
    return mergeInto(live, live.length - 1, gap);
  }

  /** Everything that waits is late from now on. */
  turnLate(): void {
    const { late, live } = this.#lanes;
    for (let item = live.shift(); item; item = live.shift()) late.push(item);
  }

  /** The first message after the item `afterId` (0: the first of all). */
  firstMessage(afterId: number): Held | null {
    return this.#find(afterId)?.held ?? null;
  }

  /** Drops a message that waits here: a gap record takes its place. */
  drop(id: number, reason: DropReason): GapChange {
    const found = this.#find(id - 1);
    if (found?.held.id !== id) throw new Error(`${this.name} does not hold ${id}`);
    return mergeInto(found.lane, found.index, this.gapOf(found.held, reason));
  }

  /** Whether the last item stands for this message already. */
  hasAnnounced({ epoch, seq }: Held): boolean {
    const last = this.#lanes.live.last();
    return last?.kind === 'gap' && last.epoch === epoch && last.lastSeq >= seq;
  }

  /** Puts back what was in flight, each in its old place; those up to `lateUpTo` are late. */
  putBack(items: readonly Item[], lateUpTo: number): GapChange[] {
    const isLate = ({ id }: Item) => id <= lateUpTo;
    return [
      ...putBack(this.#lanes.late, items.filter(isLate)),
      ...putBack(
        this.#lanes.live,
        items.filter((item) => !isLate(item)),
      ),
    ];
  }

  gapOf(held: Held, reason: DropReason): Gap {
    return {
      kind: 'gap',
      id: held.id,
      station: this.#station,
      epoch: held.epoch,
      stream: this.name,
      firstSeq: held.seq,
      lastSeq: held.seq,
      bytes: held.payloadBytes,
      reasons: { age: 0, bytes: 0, tooLarge: 0, refused: 0, unreadable: 0, [reason]: 1 },
      first: held.at,
      last: held.at,
    };
  }

  #find(afterId: number): { lane: Deque<Item>; index: number; held: Held } | null {
    for (const lane of [this.#lanes.late, this.#lanes.live]) {
      for (let index = afterId === 0 ? 0 : lane.firstIndex(({ id }) => id > afterId); index < lane.length; index++) {
        const item = lane.at(index);
        if (item?.kind === 'message') return { lane, index, held: item };
      }
    }
    return null;
  }
}

function putBack(lane: Deque<Item>, items: readonly Item[]): GapChange[] {
  if (items.length === 0) return [];
  const back = [...items];
  const newest = Math.max(...items.map(({ id }) => id));
  // A gap that took the place of something in flight already waits here, ahead of what was sent after it.
  for (let head = lane.first(); head && head.id < newest; head = lane.first()) {
    back.push(head);
    lane.shift();
  }
  const changes: GapChange[] = [];
  for (const item of back.sort((a, b) => b.id - a.id)) {
    lane.unshift(item);
    if (item.kind !== 'gap') continue;
    const change = mergeInto(lane, 0, item);
    if (change.gap.id !== item.id || change.absorbed.length > 0) changes.push(change);
  }
  return changes;
}

/** Puts a gap in the place of an item, and makes it one with the gaps before and after it where they follow on. */
function mergeInto(lane: Deque<Item>, index: number, gap: Gap): GapChange {
  const before = index > 0 ? merge(lane.at(index - 1), gap) : null;
  const after = merge(before ?? gap, lane.at(index + 1));
  const absorbed = [...(before ? [gap.id] : []), ...(after ? [(lane.at(index + 1) as Gap).id] : [])];
  const whole = after ?? before ?? gap;
  lane.replace(before ? index - 1 : index, 1 + absorbed.length, whole);
  return { gap: whole, absorbed };
}

/** One gap out of two that follow each other; null where they do not. */
function merge(before: Item | undefined, after: Item | undefined): Gap | null {
  if (before?.kind !== 'gap' || after?.kind !== 'gap') return null;
  if (before.epoch !== after.epoch || before.lastSeq + 1 !== after.firstSeq) return null;
  const reasons = { ...before.reasons };
  for (const reason of DROP_REASONS) reasons[reason] += after.reasons[reason];
  return { ...before, lastSeq: after.lastSeq, bytes: before.bytes + after.bytes, reasons, last: after.last };
}
