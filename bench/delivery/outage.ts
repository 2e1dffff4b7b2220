import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { OutboxSettings } from '../../src/publish/outbox/types.js';
import { Books, type Consumer, startConsumer } from './books.js';
import { type Broker, startBroker } from './broker.js';
import { makeNetwork, type Network } from './network.js';
import { startDevice } from './run-device.js';
import { startWire, type Wire } from './wire.js';

export interface OutageOptions {
  readonly verdicts: number;
  readonly partsPerSecond: number;
  readonly order: OutboxSettings['order'];
  /** Of each outage, and of the time between two. */
  readonly secondsEach: number;
}

export interface OutageResult {
  readonly passed: boolean;
  readonly order: OutboxSettings['order'];
  readonly verdicts: number;
  readonly lost: number;
  /** First arrivals behind a later seq of their stream; with `liveFirst`, of their stream and lane. */
  readonly outOfOrder: number;
  readonly duplicates: number;
  /** Duplicates that their identity did not give away. */
  readonly unrecognised: number;
  readonly outages: Readonly<Record<string, number>>;
  readonly network: 'namespace' | 'loopback';
  readonly seconds: number;
}

const LIMITS = { startWithinMs: 120_000, drainWithinMs: 240_000 } as const;

interface Scene {
  readonly broker: Broker;
  readonly wire: Wire;
  readonly consumer: Consumer;
  readonly network: Network | null;
}

type Outage = (scene: Scene, ms: number) => Promise<void>;

/** The broker comes back while nobody can reach it, so that the consumer is there before the device. */
async function restart({ broker, wire, consumer }: Scene, strangers: boolean): Promise<void> {
  await broker.kill();
  await broker.start(strangers);
  if (!strangers) return;
  await consumer.back();
  wire.set('open');
}

const OUTAGES: Readonly<Record<string, Outage>> = {
  'broker killed': async (scene, ms) => {
    await scene.broker.kill();
    scene.wire.set('refusing');
    await wait(ms);
    await restart(scene, true);
  },
  'cable out': async ({ network, wire }, ms) => {
    if (network) network.setCable(false);
    else wire.set('refusing');
    await wait(ms);
    if (network) network.setCable(true);
    else wire.set('open');
  },
  'half-open': async ({ wire }, ms) => {
    wire.set('frozen');
    await wait(ms);
    wire.set('open');
  },
  slow: async ({ wire }, ms) => {
    wire.set('slow');
    await wait(ms);
    wire.set('open');
  },
  refusing: async ({ wire }, ms) => {
    wire.set('refusing');
    await wait(ms);
    wire.set('open');
  },
  'wrong password': async (scene, ms) => {
    scene.wire.set('refusing');
    await restart(scene, false);
    scene.wire.set('open');
    await wait(ms);
    scene.wire.set('refusing');
    await restart(scene, true);
  },
};

/**
 * Publishes verdicts while the broker goes away in every way there is, in turn, and looks at what a consumer has in the
 * end. What the broker has acknowledged counts as delivered: the consumer subscribes at QoS 0, beside the wire.
 */
export async function measureOutages(options: OutageOptions): Promise<OutageResult> {
  const { verdicts, partsPerSecond, order, secondsEach } = options;
  const begunMs = performance.now();
  const folder = await mkdtemp(join(tmpdir(), 'sideglance-outage-'));
  const network = makeNetwork();
  const broker = await startBroker();
  const wire = await startWire(broker.port, network?.host ?? '127.0.0.1');
  const books = new Books(order === 'strict');
  const consumer = await startConsumer(
    broker.port,
    (message) => books.take(message),
    (gap) => books.takeGap(gap),
  );
  const device = startDevice(
    {
      url: `mqtt://${network?.host ?? '127.0.0.1'}:${wire.port}`,
      folder: join(folder, 'outbox'),
      stations: ['top', 'side', 'end'],
      sync: 'batched',
      order,
      replayPerSecond: null,
      partsPerSecond,
      firstPart: 0,
      parts: verdicts,
    },
    network?.prefix,
  );
  const outages: Record<string, number> = {};
  try {
    await device.until('it works', ({ made }) => made > 0, LIMITS.startWithinMs);
    const kinds = Object.entries(OUTAGES);
    for (let turn = 0; (device.report?.made ?? 0) < verdicts; turn++) {
      await wait(secondsEach * 1000);
      const [name, outage] = kinds[turn % kinds.length] as (typeof kinds)[number];
      await outage({ broker, wire, consumer, network }, secondsEach * 1000);
      outages[name] = (outages[name] ?? 0) + 1;
    }
    await device.until('everything is delivered', ({ waiting }) => waiting === 0, LIMITS.drainWithinMs);
    await device.stop();
    const lost = books.missing(0, verdicts) + books.announcedAsGone;
    const { outOfOrder, duplicates, confusions: unrecognised } = books;
    return {
      passed: lost === 0 && outOfOrder === 0 && unrecognised === 0,
      order,
      verdicts,
      lost,
      outOfOrder,
      duplicates,
      unrecognised,
      outages,
      network: network ? 'namespace' : 'loopback',
      seconds: Math.round((performance.now() - begunMs) / 1000),
    };
  } finally {
    device.process.kill('SIGKILL');
    await device.ended;
    await consumer.close();
    await wire.close();
    await broker.close();
    network?.close();
    await rm(folder, { recursive: true, force: true });
  }
}
