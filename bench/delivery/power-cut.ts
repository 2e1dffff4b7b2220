import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openOutbox } from '../../src/publish/outbox/open.js';
import { OUTBOX_DEFAULTS, type SyncMode } from '../../src/publish/outbox/types.js';
import { AtOnce } from './at-once.js';
import { DiskImage } from './disk-image.js';
import { type FileEvent, readTrace, traceProgram } from './trace.js';
import type { Mark } from './workload.js';

export interface PowerCutOptions {
  readonly points: number;
  readonly sync: SyncMode;
  /** How long the outbox works before the cuts are chosen. */
  readonly seconds: number;
}

export interface PowerCutResult {
  readonly passed: boolean;
  readonly sync: SyncMode;
  readonly points: number;
  /** Stores that did not open as what they are. */
  readonly damaged: number;
  /** Messages that came back with another content, out of order, or that never were. */
  readonly inconsistent: number;
  /** Identities that the next run gave out and that a message with another content may have had. */
  readonly repeated: number;
  readonly stored: number;
  /** Over all points: messages that were neither settled nor there again, and the longest time that one had been stored. */
  readonly lost: number;
  readonly longestLostMs: number;
  readonly promisedMs: number;
  /** The longest that the disk took for a sync while the outbox worked; what is promised is for 100 ms at most. */
  readonly longestSyncMs: number;
}

/** What docs/mqtt.md promises. */
const PROMISED_MS: Record<SyncMode, number> = { batched: 200, every: 0 };
const FILES = ['messages.mdb', 'journal-a', 'journal-b'] as const;
/** Most of the time of a boot is waiting for the processes and threads that it begins. */
const EXAMINED_AT_ONCE = 4;
const WORKLOAD = fileURLToPath(new URL('./workload.js', import.meta.url));

/** What was known when the power went. */
interface Knowledge {
  isOpen: boolean;
  readonly storedAtMs: Map<string, number>;
  readonly offered: Set<string>;
  readonly settled: Set<string>;
}

/**
 * Lets an outbox work under strace, which writes down every write and sync of its files. Then cuts the power at random
 * moments between any two of them: builds the files with what was synced by then, and of the rest nothing (every other
 * point) or any of its sectors; opens them as the next boot would, and looks what is there.
 *
 * It shows that the order of writes and syncs is right for a disk that does what a sync says. It says nothing about
 * disks that do not, nor about the file system: sizes and names of the files are taken for durable.
 */
export async function measurePowerCuts({ points, sync, seconds }: PowerCutOptions): Promise<PowerCutResult> {
  const folder = await mkdtemp(join(tmpdir(), 'sideglance-power-'));
  const outbox = join(folder, 'outbox');
  const marks = join(folder, 'marks');
  const trace = join(folder, 'trace');
  // What the disk holds after a cut is known: that a boot finds it there says the same on any file system.
  const boots = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'sideglance-power-'));
  const result = { damaged: 0, inconsistent: 0, repeated: 0, lost: 0, longestLostMs: 0 };
  try {
    await mkdir(outbox);
    const program = [process.execPath, WORKLOAD, outbox, marks, sync, String(seconds)];
    await traceProgram(program, [...FILES.map((file) => join(outbox, file)), marks], trace);

    const moments = await momentsOf(trace);
    const cuts = Array.from({ length: points }, () => moments.first + Math.floor(Math.random() * moments.count));
    cuts.sort((a, b) => a - b);
    const images = new Map(FILES.map((file) => [file as string, new DiskImage()]));
    const knowledge: Knowledge = { isOpen: false, storedAtMs: new Map(), offered: new Set(), settled: new Set() };
    const syncs = new Syncs();
    const examinations = new AtOnce(EXAMINED_AT_ONCE);
    let at = 0;
    let cut = 0;
    for await (const event of readTrace(trace)) {
      follow(event, images, knowledge);
      syncs.follow(event);
      for (; cut < cuts.length && cuts[cut] === at; cut++) {
        const keeps = cut % 2 === 0 ? null : () => Math.random() < 0.5;
        const next = join(boots, `cut-${cut}`);
        await mkdir(next);
        for (const [name, image] of images) await writeFile(join(next, name), image.afterPowerCut(keeps));
        const known = structuredClone(knowledge);
        await examinations.begin(async () => {
          await examine(next, sync, event.atMs, known, result);
          await rm(next, { recursive: true });
        });
      }
      at++;
    }
    await examinations.end();
    for (const [name, image] of images) {
      if (!image.explains(await readFile(join(outbox, name))))
        throw new Error(`the trace does not explain what is in ${name}`);
    }
    const promisedMs = PROMISED_MS[sync];
    const { longestMs: longestSyncMs } = syncs;
    const { damaged, inconsistent, repeated, longestLostMs } = result;
    const passed = damaged + inconsistent + repeated === 0 && longestLostMs <= promisedMs;
    return { passed, sync, points, stored: knowledge.storedAtMs.size, promisedMs, longestSyncMs, ...result };
  } finally {
    for (const one of [folder, boots]) await rm(one, { recursive: true, force: true });
  }
}

/** How long the disk takes. */
class Syncs {
  readonly #begunMs = new Map<string, number>();
  longestMs = 0;

  follow({ type, key, atMs }: FileEvent): void {
    if (type === 'sync') this.#begunMs.set(key, atMs);
    else if (type === 'synced') this.longestMs = Math.max(this.longestMs, atMs - (this.#begunMs.get(key) ?? atMs));
  }
}

/** The events from the one on with which the outbox says that it is open. */
async function momentsOf(trace: string): Promise<{ readonly first: number; readonly count: number }> {
  let count = 0;
  let first: number | null = null;
  for await (const event of readTrace(trace)) {
    if (event.type === 'write' && basename(event.file) === 'marks') first ??= count;
    count++;
  }
  if (first === null) throw new Error('the trace does not show that the outbox was opened');
  return { first, count: count - first };
}

function follow(event: FileEvent, images: ReadonlyMap<string, DiskImage>, knowledge: Knowledge): void {
  const name = basename(event.file);
  if (name === 'marks') {
    if (event.type === 'write') learn(JSON.parse(event.bytes.toString()) as Mark, event.atMs, knowledge);
    return;
  }
  const image = images.get(name);
  if (!image) return;
  if (event.type === 'write') image.write(event.key, event.offset, event.bytes);
  else if (event.type === 'written') image.written(event.key, event.isSynced);
  else image[event.type](event.key);
}

function learn(mark: Mark, atMs: number, knowledge: Knowledge): void {
  if (mark.type === 'open') knowledge.isOpen = true;
  else if (mark.type === 'stored') knowledge.storedAtMs.set(mark.identity, atMs);
  else knowledge[mark.type].add(mark.identity);
}

type Findings = Pick<PowerCutResult, 'damaged' | 'inconsistent' | 'repeated' | 'lost' | 'longestLostMs'>;

/** Opens the store as the next boot would. */
async function examine(
  folder: string,
  sync: SyncMode,
  cutMs: number,
  { storedAtMs, offered, settled }: Knowledge,
  result: { -readonly [Name in keyof Findings]: Findings[Name] },
): Promise<void> {
  const outbox = await openOutbox({ ...OUTBOX_DEFAULTS, replayPerSecond: null, sync, folder, bootId: 'the next one' });
  try {
    if (outbox.alarm !== null) {
      result.damaged++;
      return;
    }
    const found = new Set<string>();
    const lastSeq = new Map<string, number>();
    for (let offer = outbox.next(); offer; offer = outbox.next()) {
      if (offer.kind === 'gap') {
        result.inconsistent++;
        continue;
      }
      const { epoch, stream, seq } = offer.delivery;
      const identity = `${epoch} ${stream} ${seq}`;
      const isItself = Buffer.from(offer.payload).toString('utf8', 0, identity.length) === identity;
      const isInOrder = seq > (lastSeq.get(stream) ?? -1);
      if (!isItself || !isInOrder) result.inconsistent++;
      lastSeq.set(stream, seq);
      found.add(identity);
    }
    for (const [identity, atMs] of storedAtMs) {
      if (found.has(identity) || settled.has(identity)) continue;
      // With `every` a message counts as stored when it is offered.
      if (sync === 'every' && !offered.has(identity)) continue;
      result.lost++;
      result.longestLostMs = Math.max(result.longestLostMs, cutMs - atMs);
    }
    for (const station of ['top', 'side']) {
      const { epoch, stream, seq } = outbox.store({
        station,
        messageClass: 'verdict',
        topic: 'topic',
        contentType: 'text/plain',
        at: { utc: new Date().toISOString(), monotonicMs: 0 },
        write: () => ({ payload: new Uint8Array(1), properties: null }),
      });
      const identity = `${epoch} ${stream} ${seq}`;
      if (found.has(identity) || (sync === 'every' ? offered : storedAtMs).has(identity)) result.repeated++;
    }
  } finally {
    await outbox.close();
  }
}
