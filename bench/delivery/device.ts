/**
 * The agent without cameras, in a process of its own: `node device.js OPTIONS`, with `DeviceOptions` as JSON. It
 * publishes verdicts at a rate, and says on standard output, a JSON object a line, what it has made and what is kept.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { openOutbox } from '../../src/publish/outbox/open.js';
import { OUTBOX_DEFAULTS, type OutboxSettings } from '../../src/publish/outbox/types.js';
import { Publisher } from '../../src/publish/publisher.js';
import { DEVICE, failedPart } from './parts.js';

export interface DeviceOptions extends Pick<OutboxSettings, 'sync' | 'order' | 'replayPerSecond'> {
  readonly url: string;
  readonly folder: string;
  readonly stations: readonly string[];
  readonly partsPerSecond: number;
  /** The stations make them in turn. */
  readonly firstPart: number;
  readonly parts: number;
}

/** Parts are counted from `firstPart` on. */
export interface DeviceReport {
  /** Handed to the outbox. */
  readonly made: number;
  /** As safe as `sync` says: this is what a station could be told. */
  readonly kept: number;
  readonly waiting: number;
  readonly alarm: string | null;
  readonly bytesPerMessage: number | null;
  readonly longestSyncMs: number;
}

const TICK_MS = 5;
const REPORT_MS = 50;

const options = JSON.parse(process.argv[2] as string) as DeviceOptions;
const { url, folder, stations, partsPerSecond, firstPart, parts, sync, order, replayPerSecond } = options;
const outbox = await openOutbox({ ...OUTBOX_DEFAULTS, sync, order, replayPerSecond, folder });
const publisher = new Publisher({
  device: DEVICE,
  agentVersion: 'bench',
  mqtt: { url, keepaliveSeconds: 2 },
  outbox,
  // Outages are short here, so are the waits between attempts.
  limits: {
    connectTimeoutMs: 1_000,
    backoffMinMs: 50,
    backoffMaxMs: 500,
    slowRetryMs: 250,
    acknowledgeTimeoutMs: 3_000,
  },
});
publisher.start();

let made = 0;
let reportedMs = 0;
function report(): void {
  reportedMs = performance.now();
  const { waiting, storage } = outbox.counters();
  const { alarm, bytesPerMessage, longestSyncMs, unsynced } = storage;
  // With `every` nothing leaves that is not on the disk, so what is not there yet is what came last.
  const kept = sync === 'every' ? made - unsynced : made;
  const said: DeviceReport = { made, kept, waiting: waiting.verdict, alarm, bytesPerMessage, longestSyncMs };
  process.stdout.write(`${JSON.stringify(said)}\n`);
}

process.on('SIGTERM', async () => {
  await publisher.stop();
  process.exit(0);
});
report();
const begunMs = performance.now();
while (made < parts) {
  const due = Math.min(parts, Math.floor(((performance.now() - begunMs) / 1000) * partsPerSecond) + 1);
  const before = made;
  for (; made < due; made++) {
    publisher.publishInspection(failedPart(stations[made % stations.length] as string, firstPart + made), []);
  }
  // What it says costs time that what is measured would have.
  if (made > before || performance.now() > reportedMs + REPORT_MS) report();
  await wait(TICK_MS);
}
for (;;) {
  report();
  await wait(REPORT_MS);
}
