import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import type { Outbox } from '../../../src/publish/outbox/outbox.js';
import { MESSAGE_CLASSES, type Offer, OUTBOX_DEFAULTS } from '../../../src/publish/outbox/types.js';
import { dice, openWhenFree } from './support.js';

const base = mkdtempSync(join(tmpdir(), 'sideglance-runs-'));
const opened: Outbox[] = [];
after(async () => {
  for (const outbox of opened) await outbox.close();
  rmSync(base, { recursive: true, force: true });
});

/** Every message ever made, and what a consumer has heard of it. */
class Books {
  readonly made = new Map<string, { readonly token: number; fate: 'delivered' | 'announced' | null }>();

  make(identity: string, token: number): void {
    assert.ok(!this.made.has(identity), `${identity} is given out twice`);
    this.made.set(identity, { token, fate: null });
  }

  settle(offer: Offer): void {
    if (offer.kind === 'gap') {
      for (let seq = offer.firstSeq; seq <= offer.lastSeq; seq++) {
        const message = this.made.get(`${offer.epoch} ${offer.stream} ${seq}`);
        assert.ok(message, 'a gap stands for what never was');
        message.fate ??= 'announced';
      }
      return;
    }
    const { epoch, stream, seq } = offer.delivery;
    const message = this.made.get(`${epoch} ${stream} ${seq}`);
    assert.ok(message, 'what never was is delivered');
    assert.equal(Buffer.from(offer.payload).readUInt32LE(0), message.token, `${stream} ${seq} has another content`);
    message.fate ??= 'delivered';
  }

  lost(): string[] {
    return [...this.made].filter(([, { fate }]) => fate === null).map(([identity]) => identity);
  }
}

for (const [seed, ending] of [
  [1, 'closed'],
  [2, 'killed'],
  [3, 'without power'],
] as const) {
  test(`over runs that end ${ending}, no identity is given out twice and nothing is lost that should not be (seed ${seed})`, async () => {
    const roll = dice(seed);
    const books = new Books();
    let token = 0;
    let folder = join(base, `${seed}-0`);
    for (let run = 0; run < 4; run++) {
      // Small enough for drops to happen.
      const outbox = await openWhenFree({
        ...OUTBOX_DEFAULTS,
        replayPerSecond: null,
        maxBytes: 200_000,
        folder,
        bootId: ending === 'without power' ? `boot ${run}` : 'boot',
      });
      opened.push(outbox);
      assert.equal(outbox.alarm, null);
      const unsafe = new Set<string>();
      const inFlight: Offer[] = [];
      for (let step = 0; step < 400; step++) {
        const action = roll(10);
        if (action < 5) {
          token++;
          const { epoch, stream, seq } = outbox.store({
            station: roll(2) ? 'top' : 'side',
            messageClass: MESSAGE_CLASSES[roll(3)] ?? 'map',
            topic: 'topic',
            contentType: 'text/plain',
            at: { utc: '2025-03-01T06:15:00.250Z', monotonicMs: 1 },
            write: () => {
              const payload = Buffer.alloc(4 + roll(3_000));
              payload.writeUInt32LE(token);
              return { payload, properties: null };
            },
          });
          books.make(`${epoch} ${stream} ${seq}`, token);
          unsafe.add(`${epoch} ${stream} ${seq}`);
          continue;
        }
        if (action < 7) {
          const offer = outbox.next();
          if (offer) inFlight.push(offer);
          continue;
        }
        if (action < 9) {
          const offer = inFlight.shift();
          if (!offer) continue;
          books.settle(offer);
          outbox.acknowledge(offer.id);
          continue;
        }
        const rare = roll(20);
        if (rare === 0) {
          inFlight.length = 0;
          outbox.rewind();
          outbox.turnLate();
        } else if (rare === 1) {
          await wait(roll(150));
          if (outbox.counters().storage.unsynced === 0) unsafe.clear();
        }
      }
      const next = join(base, `${seed}-${run + 1}`);
      if (ending === 'closed') {
        await outbox.close();
        continue;
      }
      cpSync(folder, next, { recursive: true });
      folder = next;
      if (ending === 'without power') {
        // What was never synced is gone, and may be lost.
        for (const journal of ['journal-a', 'journal-b']) writeFileSync(join(folder, journal), '');
        for (const identity of unsafe) {
          const message = books.made.get(identity);
          if (message) message.fate ??= 'announced';
        }
      }
    }
    const last = await openWhenFree({ ...OUTBOX_DEFAULTS, replayPerSecond: null, folder, bootId: 'last' });
    opened.push(last);
    for (let offer = last.next(); offer; offer = last.next()) {
      books.settle(offer);
      last.acknowledge(offer.id);
    }
    assert.deepEqual(books.lost(), []);
    assert.equal(last.counters().waitingBytes, 0);
  });
}
