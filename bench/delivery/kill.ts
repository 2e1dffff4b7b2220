import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { SyncMode } from '../../src/publish/outbox/types.js';
import { Books, startConsumer } from './books.js';
import { startBroker } from './broker.js';
import { startDevice } from './run-device.js';

export interface KillOptions {
  readonly kills: number;
  readonly sync: SyncMode;
  readonly partsPerSecond: number;
  /** Longest time from the first verdict of a run to its end. */
  readonly liveMs: number;
}

export interface KillResult {
  readonly passed: boolean;
  readonly kills: number;
  readonly sync: SyncMode;
  /** Verdicts that were kept when the device was killed, as far as it had said so. */
  readonly kept: number;
  /** Of those: never delivered. */
  readonly lost: number;
  readonly delivered: number;
  readonly duplicates: number;
  readonly confusions: number;
  readonly epochs: number;
  /** Alarms of the store: each would be a database that was damaged. */
  readonly alarms: readonly string[];
}

/** More parts than a run makes: parts of one run never have the numbers of another one. */
const STRIDE = 1_000_000;
const LIMITS = { startWithinMs: 120_000, drainWithinMs: 240_000 } as const;

/**
 * Kills the device with SIGKILL again and again, at random moments under load, every other time while its broker is
 * away; the next run has the same folder. What was kept has to be delivered in the end, under one identity.
 */
export async function measureKills(options: KillOptions): Promise<KillResult> {
  const { kills, sync, partsPerSecond, liveMs } = options;
  const folder = await mkdtemp(join(tmpdir(), 'sideglance-kill-'));
  const broker = await startBroker();
  const books = new Books(false);
  const consumer = await startConsumer(broker.port, (message) => books.take(message));
  const base = {
    folder: join(folder, 'outbox'),
    stations: ['top', 'side'],
    sync,
    order: 'liveFirst',
    replayPerSecond: null,
  } as const;
  const alarms = new Set<string>();
  const keptOf: number[] = [];
  try {
    for (let run = 0; run < kills; run++) {
      const url = `mqtt://127.0.0.1:${run % 2 === 0 ? broker.port : 1}`;
      const device = startDevice({ ...base, url, partsPerSecond, firstPart: run * STRIDE, parts: STRIDE });
      await device.until('it works', ({ made }) => made > 0, LIMITS.startWithinMs);
      await wait(Math.random() * liveMs);
      device.process.kill('SIGKILL');
      await device.ended;
      keptOf.push(device.report?.kept ?? 0);
      if (device.report?.alarm) alarms.add(device.report.alarm);
    }
    const last = startDevice({
      ...base,
      url: `mqtt://127.0.0.1:${broker.port}`,
      partsPerSecond: 1,
      firstPart: 0,
      parts: 0,
    });
    await last.until('everything is delivered', ({ waiting }) => waiting === 0, LIMITS.drainWithinMs);
    if (last.report?.alarm) alarms.add(last.report.alarm);
    await last.stop();
    const kept = keptOf.reduce((sum, count) => sum + count, 0);
    const lost = keptOf.reduce((sum, count, run) => sum + books.missing(run * STRIDE, count), 0);
    return {
      passed: lost === 0 && books.confusions === 0 && alarms.size === 0,
      kills,
      sync,
      kept,
      lost,
      delivered: books.size,
      duplicates: books.duplicates,
      confusions: books.confusions,
      epochs: books.epochs.size,
      alarms: [...alarms],
    };
  } finally {
    await consumer.close();
    await broker.close();
    await rm(folder, { recursive: true, force: true });
  }
}
