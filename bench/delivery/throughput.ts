import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SyncMode } from '../../src/publish/outbox/types.js';
import { startConsumer } from './books.js';
import { startBroker } from './broker.js';
import type { DeviceReport } from './device.js';
import { mountDisk } from './disk.js';
import { type Device, startDevice } from './run-device.js';

export interface ThroughputOptions {
  readonly sync: SyncMode;
  /** Verdicts for each of the two rates. */
  readonly verdicts: number;
  /** For how long 30 verdicts a second are watched. */
  readonly seconds: number;
}

export interface ThroughputResult {
  readonly passed: boolean;
  readonly sync: SyncMode;
  /** Stored and delivered as fast as they are made, and delivered after an outage in which they waited on the disk. */
  readonly deliveredPerSecond: number;
  readonly drainedPerSecond: number;
  /**
   * From the call that publishes to the consumer, at 30 a second, through the broker; without the first 5 s, in which the
   * connection is made and code is compiled.
   */
  readonly latencyMs: { readonly p50: number; readonly p99: number; readonly max: number };
  /** At 30 a second, while the broker is there and while it is away. */
  readonly wear: { readonly online: Wear; readonly offline: Wear };
  readonly longestSyncMs: number;
}

export interface Wear {
  /** What the outbox itself counts: pages of the database. */
  readonly bytesPerMessage: number | null;
  /** What the disk counts, with the journal and the file system; null where no disk could be mounted to count. */
  readonly diskBytesPerMessage: number | null;
}

const WANTED = { deliveredPerSecond: 2_000, drainedPerSecond: 5_000, latencyMs: 20 } as const;
const LIMITS = { startWithinMs: 120_000, withinMs: 240_000 } as const;
const STEADY_PER_SECOND = 30;
const WARM_UP_S = 5;

/** How fast verdicts come through, and what a verdict costs. */
export async function measureThroughput({ sync, verdicts, seconds }: ThroughputOptions): Promise<ThroughputResult> {
  const folder = await mkdtemp(join(tmpdir(), 'sideglance-throughput-'));
  const broker = await startBroker();
  const arrivals: { atMs: number; readonly latencyMs: number }[] = [];
  const consumer = await startConsumer(broker.port, ({ published }) => {
    const atMs = Number(process.hrtime.bigint() / 1000n) / 1000;
    arrivals.push({ atMs, latencyMs: atMs - published.monotonicMs });
  });
  const url = `mqtt://127.0.0.1:${broker.port}`;
  const disk = mountDisk();
  const parts = seconds * STEADY_PER_SECOND;
  const devices: Device[] = [];
  const start = (name: string, parts: number, partsPerSecond: number, at = url) => {
    const device = startDevice({
      url: at,
      folder: join(disk?.folder ?? folder, name),
      stations: ['top', 'side'],
      sync,
      order: 'liveFirst',
      replayPerSecond: null,
      firstPart: 0,
      parts,
      partsPerSecond,
    });
    devices.push(device);
    return device;
  };
  /** Verdicts a second, from the first arrival to the last. */
  const rate = async (device: Device, count: number): Promise<number> => {
    const isDone = ({ made, waiting }: DeviceReport) => made === count && waiting === 0;
    await device.until('everything is delivered', isDone, LIMITS.withinMs);
    await stopWell(device);
    const tookMs = (arrivals.at(-1)?.atMs ?? 0) - (arrivals[0]?.atMs ?? 0);
    return Math.round((arrivals.length - 1) / (tookMs / 1000));
  };
  /** Lets a device work until so many verdicts wait, and stops it. */
  const wearOf = async (device: Device, count: number, left: number): Promise<Wear> => {
    await device.until('it works', ({ made }) => made > 0, LIMITS.startWithinMs);
    const before = disk?.writtenBytes() ?? 0;
    await device.until('all are made', ({ made, waiting }) => made === count && waiting <= left, LIMITS.withinMs);
    const bytesPerMessage = device.report?.bytesPerMessage ?? null;
    const diskBytesPerMessage = disk ? Math.round((disk.writtenBytes() - before) / count) : null;
    await stopWell(device);
    return { bytesPerMessage, diskBytesPerMessage };
  };
  try {
    const deliveredPerSecond = await rate(start('fast', verdicts, 1e6), verdicts);

    arrivals.length = 0;
    const filling = start('waiting', verdicts, 1e6, 'mqtt://127.0.0.1:1');
    await filling.until('all are made', ({ made }) => made === verdicts, LIMITS.withinMs);
    await stopWell(filling);
    const drainedPerSecond = await rate(start('waiting', 0, 1), 0);

    arrivals.length = 0;
    const warmUpParts = WARM_UP_S * STEADY_PER_SECOND;
    const online = await wearOf(start('steady', warmUpParts + parts, STEADY_PER_SECOND), warmUpParts + parts, 0);
    const warmAtMs = (arrivals[0]?.atMs ?? 0) + WARM_UP_S * 1000;
    const warm = arrivals.filter(({ atMs }) => atMs > warmAtMs);
    const latencies = warm.map(({ latencyMs }) => latencyMs).sort((a, b) => a - b);
    const at = (share: number) => Math.round((latencies[Math.ceil(share * latencies.length) - 1] ?? 0) * 100) / 100;
    const offline = await wearOf(start('away', parts, STEADY_PER_SECOND, 'mqtt://127.0.0.1:1'), parts, parts);

    const latencyMs = { p50: at(0.5), p99: at(0.99), max: at(1) };
    const passed =
      deliveredPerSecond >= WANTED.deliveredPerSecond &&
      drainedPerSecond >= WANTED.drainedPerSecond &&
      latencyMs.p99 <= WANTED.latencyMs;
    const longestSyncMs = Math.max(...devices.map(({ report }) => report?.longestSyncMs ?? 0));
    return { passed, sync, deliveredPerSecond, drainedPerSecond, latencyMs, wear: { online, offline }, longestSyncMs };
  } finally {
    for (const { process, ended } of devices) {
      process.kill('SIGKILL');
      await ended;
    }
    await consumer.close();
    await broker.close();
    disk?.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** What is measured is the disk, not the memory that takes its place where something is wrong with it. */
async function stopWell(device: Device): Promise<void> {
  const alarm = device.report?.alarm ?? null;
  if (alarm !== null) throw new Error(`the store of a device was not well: ${alarm}`);
  await device.stop();
}
