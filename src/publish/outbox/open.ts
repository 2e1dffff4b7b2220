import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { reasonOf, SideglanceError } from '../../errors.js';
import { FileLock } from '../../native/file-lock.js';
import { checkDatabase } from './check.js';
import { Database } from './database.js';
import type { OutboxState } from './database-file.js';
import { Journal, type Replay } from './journal.js';
import type { Standing } from './keeper.js';
import { Outbox } from './outbox.js';
import { decodeRecord, itemOf } from './record.js';
import type { RestoredItem } from './restored.js';
import type { OutboxSettings } from './types.js';

/** LMDB writes pages anew before it gives the old ones up, and a record may fill half a page only. */
const MAP_PER_BYTE = 4;
const MIN_MAP_BYTES = 64 * 1024 * 1024;

export interface OutboxOptions extends OutboxSettings {
  readonly folder: string;
  /** The group of the configuration that says so, for error texts. */
  readonly setting?: string;
  /** Another one than the last time means that the system was down in between; null where nobody knows. */
  readonly bootId?: string | null;
}

/**
 * Opens the outbox in a folder, where the last run has left off. What is damaged is set aside. Where the folder cannot
 * be used, the outbox is one in memory with an alarm: a line goes on without a disk. With `sync: every` it may not.
 *
 * @throws SideglanceError SG_STORAGE_IN_USE where another process uses the folder, SG_STORAGE where `sync: every` cannot be kept
 */
export async function openOutbox(options: OutboxOptions): Promise<Outbox> {
  const { folder, bootId = readBootId(), setting = 'mqtt.outbox', ...settings } = options;
  let why: string;
  let cause: unknown;
  try {
    const outbox = await openIn(folder, settings, bootId, setting);
    if (outbox) return outbox;
    why = 'its disk takes nothing';
  } catch (thrown) {
    if (thrown instanceof SideglanceError && thrown.code === 'SG_STORAGE_IN_USE') throw thrown;
    cause = thrown;
    why = reasonOf(thrown);
  }
  const advice = `mend it, or set ${setting}.folder to one that this account may write to`;
  if (settings.sync === 'every') {
    const message = `${folder} cannot be used (${why}), and ${setting}.sync: every asks for it: ${advice}`;
    throw new SideglanceError('SG_STORAGE', message, { cause });
  }
  return new Outbox(settings, [`${folder} cannot be used (${why}), so messages wait in memory: ${advice}`]);
}

async function openIn(
  folder: string,
  settings: OutboxSettings,
  bootId: string | null,
  setting: string,
): Promise<Outbox | null> {
  mkdirSync(folder, { recursive: true, mode: 0o750 });
  const lock = FileLock.tryTake(join(folder, 'lock'));
  if (!lock) {
    throw new SideglanceError(
      'SG_STORAGE_IN_USE',
      `another process uses the outbox in ${folder}: stop that one, or set ${setting}.folder to another folder`,
    );
  }
  try {
    return await restore(folder, settings, bootId, () => lock.release());
  } catch (thrown) {
    lock.release();
    throw thrown;
  }
}

async function restore(folder: string, settings: OutboxSettings, bootId: string | null, unlock: () => void) {
  const path = join(folder, 'messages.mdb');
  const mapBytes = Math.max(MIN_MAP_BYTES, settings.maxBytes * MAP_PER_BYTE);
  const notices: string[] = [];
  let damaged: readonly number[] = [];
  if (existsSync(path)) {
    const checked = await checkDatabase(path, mapBytes);
    if (checked.fault !== null) notices.push(setAside(folder, path, checked.fault));
    damaged = checked.damaged;
    if (damaged.length > 0) notices.push(`${damaged.length} messages in ${path} were damaged and are gone`);
  }
  const database = await Database.open({ path, mapBytes });
  const { journal, replay } = Journal.open(folder);
  const state = database.state();
  const keptUpTo = state?.lastId ?? 0;
  return Outbox.restore(settings, {
    keeper: { folder, database, journal, sync: settings.sync, bootId, keptUpTo, unlock },
    standing: standingOf(state, replay, bootId),
    items: itemsOf(database, new Set(damaged), replay, keptUpTo),
    damaged,
    notices,
  });
}

/** One of them is kept, for whoever wants to know what happened. */
function setAside(folder: string, path: string, why: string): string {
  const aside = join(folder, 'damaged.mdb');
  rmSync(aside, { force: true });
  renameSync(path, aside);
  rmSync(`${path}-lock`, { force: true });
  return `the outbox was damaged (${why}) and has been begun anew; the damaged file is ${aside}, what waited in it is gone`;
}

/**
 * Where the last run has left off. Its epoch goes on where every identity that it gave out is known: not in a new
 * database, and not after the system was down, when the journal may lack what was given out just before.
 */
function standingOf(state: OutboxState | null, { watermark, records }: Replay, bootId: string | null): Standing {
  const lastId = Math.max(state?.lastId ?? 0, watermark?.lastId ?? 0);
  const ageMs = Math.max(state?.ageMs ?? 0, watermark?.ageMs ?? 0);
  if (!state || !knowsAll(state, bootId)) return { epoch: randomUUID(), lastId, seqs: {}, ageMs };
  const { epoch } = state;
  const seqs = { ...state.seqs };
  const known = (stream: string, nextSeq: number) => {
    seqs[stream] = Math.max(seqs[stream] ?? 0, nextSeq);
  };
  if (watermark?.epoch === epoch) {
    for (const [stream, nextSeq] of Object.entries(watermark.seqs)) known(stream, nextSeq);
  }
  for (const record of records) {
    const last = record.kind === 'gap' ? { ...record, seq: record.lastSeq } : record.delivery;
    if (last.epoch === epoch) known(last.stream, last.seq + 1);
  }
  return { epoch, lastId, seqs, ageMs };
}

function knowsAll({ isClosed, sync, bootId: then }: OutboxState, bootId: string | null): boolean {
  return isClosed || sync === 'every' || (then !== null && then === bootId);
}

/** What waited at the end of the last run, by id; where both know an item, the journal is newer. */
function* itemsOf(
  database: Database,
  damaged: ReadonlySet<number>,
  { records }: Replay,
  keptUpTo: number,
): Generator<RestoredItem> {
  const recorded = records.filter(({ id, kind }) => kind === 'gap' || id > keptUpTo);
  let at = 0;
  const recordedBefore = function* (id: number): Generator<RestoredItem> {
    for (let item = recorded[at]; item && item.id < id; item = recorded[at]) {
      at++;
      yield { item, isInDatabase: false };
    }
  };
  for (const { id, record } of database.records()) {
    yield* recordedBefore(id);
    const decoded = damaged.has(id) || recorded[at]?.id === id ? null : decodeRecord(record);
    if (decoded) yield { item: itemOf(decoded), isInDatabase: true };
  }
  yield* recordedBefore(Number.POSITIVE_INFINITY);
}

function readBootId(): string | null {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return null;
  }
}
