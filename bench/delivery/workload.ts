/**
 * Stores and settles messages until it is told to stop, and writes what it does to a file of marks:
 * `node workload.js FOLDER MARKS SYNC SECONDS`. Each mark is one write(2), so that a trace of the system calls has it in
 * its place.
 */
import { openSync, writeSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { openOutbox } from '../../src/publish/outbox/open.js';
import { OUTBOX_DEFAULTS, type SyncMode } from '../../src/publish/outbox/types.js';

/** A line of the file of marks. */
export type Mark =
  | { readonly type: 'open' }
  /** Before it: nothing may rely on it. After `stored`: it was taken in. */
  | { readonly type: 'stored' | 'offered' | 'settled'; readonly identity: string };

const [folder, marks, sync, seconds] = process.argv.slice(2) as [string, string, SyncMode, string];
const file = openSync(marks, 'w');
const mark = (one: Mark) => writeSync(file, `${JSON.stringify(one)}\n`);

const outbox = await openOutbox({ ...OUTBOX_DEFAULTS, replayPerSecond: null, sync, folder });
mark({ type: 'open' });
const endMs = performance.now() + Number(seconds) * 1000;
const inFlight: { readonly id: number; readonly identity: string }[] = [];
while (performance.now() < endMs) {
  for (let count = Math.floor(Math.random() * 3); count > 0; count--) {
    const payload = Buffer.alloc(100 + Math.floor(Math.random() * 4_000));
    const { epoch, stream, seq } = outbox.store({
      station: Math.random() < 0.5 ? 'top' : 'side',
      messageClass: 'verdict',
      topic: 'topic',
      contentType: 'text/plain',
      at: { utc: new Date().toISOString(), monotonicMs: performance.now() },
      write: (delivery) => {
        payload.write(`${delivery.epoch} ${delivery.stream} ${delivery.seq}`);
        return { payload, properties: null };
      },
    });
    mark({ type: 'stored', identity: `${epoch} ${stream} ${seq}` });
  }
  // The broker is away half of the time.
  const isOnline = Math.floor(performance.now() / 700) % 2 === 0;
  for (let offer = isOnline ? outbox.next() : null; offer?.kind === 'message'; offer = outbox.next()) {
    const { epoch, stream, seq } = offer.delivery;
    const identity = `${epoch} ${stream} ${seq}`;
    mark({ type: 'offered', identity });
    inFlight.push({ id: offer.id, identity });
    if (inFlight.length > 5) break;
  }
  while (isOnline && inFlight.length > 0 && Math.random() < 0.7) {
    const { id, identity } = inFlight.shift() as (typeof inFlight)[number];
    mark({ type: 'settled', identity });
    outbox.acknowledge(id);
  }
  await wait(5);
}
// As a power cut ends it: nothing is closed.
process.kill(process.pid, 'SIGKILL');
