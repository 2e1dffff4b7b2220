import type { GapMessage, InspectionMessage } from '../../src/publish/messages.js';

/** Of one station, or one quarter of a run. */
export interface Verdicts {
  pass: number;
  fail: number;
  invalid: number;
}

/**
 * What a subscriber had, and what never came. A verdict is lost where its number is missing in its stream, where the device
 * announced that it dropped it, or where a station's parts have a hole: a part without an answer.
 */
export class VerdictBooks {
  readonly #streams = new Map<string, Set<number>>();
  readonly #parts = new Map<string, Set<number>>();
  readonly #stations = new Map<string, Verdicts>();
  readonly #latencies = new Map<string, { atMs: number; latencyMs: number }[]>();
  announcedAsGone = 0;
  duplicates = 0;
  stored = 0;

  /**
   * @param nowMs on the clock of `captured.monotonicMs`
   * @param isTimed whether its latency says something of the daemon: nothing was in its way
   */
  take({ delivery, part, verdict, stored, captured }: InspectionMessage, nowMs: number, isTimed: boolean): void {
    const { epoch, stream, seq } = delivery;
    if (!add(this.#streams, `${epoch} ${stream}`, seq)) {
      this.duplicates++;
      return;
    }
    add(this.#parts, `${part.station} ${part.epoch}`, part.sequence);
    const counts = this.#stations.get(part.station) ?? { pass: 0, fail: 0, invalid: 0 };
    counts[verdict]++;
    this.#stations.set(part.station, counts);
    if (stored) this.stored++;
    else if (isTimed && verdict !== 'invalid') {
      const list = this.#latencies.get(part.station) ?? [];
      list.push({ atMs: nowMs, latencyMs: nowMs - captured.monotonicMs });
      this.#latencies.set(part.station, list);
    }
  }

  takeGap({ messages, stream }: GapMessage): void {
    if (stream.endsWith('/verdict')) this.announcedAsGone += messages;
  }

  get stations(): Readonly<Record<string, Verdicts>> {
    return Object.fromEntries(this.#stations);
  }

  /** Verdicts of a station so far, without duplicates. */
  countOf(station: string): number {
    const { pass, fail, invalid } = this.#stations.get(station) ?? { pass: 0, fail: 0, invalid: 0 };
    return pass + fail + invalid;
  }

  /** Numbers that are missing between the first and the last that came. */
  get holes(): { readonly inStreams: number; readonly inParts: number } {
    return { inStreams: holesOf(this.#streams), inParts: holesOf(this.#parts) };
  }

  /** From the time stamp of its frame until its verdict was here, in milliseconds; of timed verdicts between two times. */
  latencies(station: string, fromMs: number, toMs: number): number[] {
    const list = this.#latencies.get(station) ?? [];
    return list.filter(({ atMs }) => atMs >= fromMs && atMs < toMs).map(({ latencyMs }) => latencyMs);
  }
}

/** @returns false where it was there already */
function add(sets: Map<string, Set<number>>, key: string, number: number): boolean {
  const set = sets.get(key) ?? new Set();
  sets.set(key, set);
  if (set.has(number)) return false;
  set.add(number);
  return true;
}

/** Streams and parts begin at 0. */
function holesOf(sets: ReadonlyMap<string, ReadonlySet<number>>): number {
  let holes = 0;
  for (const set of sets.values()) {
    let last = -1;
    for (const number of set) if (number > last) last = number;
    holes += last + 1 - set.size;
  }
  return holes;
}
