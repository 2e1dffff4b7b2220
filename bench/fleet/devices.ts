/**
 * Many devices without cameras in one process: `node devices.js OPTIONS`, with `FleetOptions` as JSON. Each has a connection
 * and an outbox (in memory) of its own, publishes verdicts at a rate and its health as the agent does. Says over IPC, twice a
 * second, where it stands; ends its lines when it is told `stop`, and itself with the channel.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { Publisher } from '../../src/publish/publisher.js';
import type { Attachment } from '../../src/types.js';
import { failedPart } from '../delivery/parts.js';

export interface FleetOptions {
  readonly url: string;
  readonly devices: number;
  readonly partsPerMinute: number;
  /** Every so many parts one fails and brings an anomaly map. */
  readonly partsToAMap: number;
  readonly healthEveryMs: number;
}

export interface FleetReport {
  readonly online: number;
  /** Verdicts. */
  readonly made: number;
  readonly waiting: number;
  readonly rssBytes: number;
  /** No more are made. */
  readonly isStopped: boolean;
}

/** About what the PNG of a map of 32 × 32 cells takes; random, as nothing is to be gained by packing it. */
const MAP_BYTES = 1_000;
const REPORT_MS = 500;
/** Lines do not start together. */
const NAMES = 6;

const options = JSON.parse(process.argv[2] as string) as FleetOptions;
const publishers = Array.from({ length: options.devices }, (_, index) => {
  const name = `device-${String(index).padStart(NAMES, '0')}`;
  return new Publisher({
    device: { site: 'bench', line: `line-${index % 50}`, name },
    agentVersion: 'bench',
    mqtt: { url: options.url, keepaliveSeconds: 15 },
  });
});
const map: Attachment = {
  kind: 'map',
  region: 'frame',
  form: 'png8',
  mediaType: 'image/png',
  bytes: randomBytes(MAP_BYTES),
  scale: { offset: 0, scale: 0.05 },
  grid: { rows: 32, columns: 32, cell: 8, inputWidth: 256, inputHeight: 256 },
  width: 32,
  height: 32,
};
let made = 0;
let isStopped = false;

function report(): void {
  const online = publishers.filter(({ state }) => state.state === 'online').length;
  const waiting = publishers.reduce((sum, publisher) => sum + publisher.counters().waiting.verdict, 0);
  process.send?.({ online, made, waiting, rssBytes: process.memoryUsage.rss(), isStopped } satisfies FleetReport);
}

async function runLine(publisher: Publisher): Promise<void> {
  const periodMs = 60_000 / options.partsPerMinute;
  await wait(Math.random() * periodMs);
  for (let sequence = 0; !isStopped; sequence++) {
    publisher.publishInspection(failedPart('top', sequence), sequence % options.partsToAMap === 0 ? [map] : []);
    made++;
    await wait(periodMs);
  }
}

async function runHealth(publisher: Publisher): Promise<void> {
  await wait(Math.random() * options.healthEveryMs);
  for (let uptimeS = 0; !isStopped; uptimeS++) {
    const agent = { uptimeS, rssBytes: 91_000_000, eventLoopLagMs: 1.2 };
    publisher.publishHealth({
      live: true,
      ready: true,
      reasons: [],
      agent,
      stations: [],
      commands: null,
      sparkplug: null,
    });
    await wait(options.healthEveryMs);
  }
}

process.on('message', (message) => {
  if (message === 'run')
    for (const publisher of publishers) void Promise.all([runLine(publisher), runHealth(publisher)]);
  if (message === 'stop') isStopped = true;
});
process.on('disconnect', () => process.exit(0));
setInterval(report, REPORT_MS);
for (const publisher of publishers) publisher.start();
report();
