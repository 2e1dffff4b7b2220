import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { SideglanceError } from '../../../src/errors.js';
import { type OutboxOptions, openOutbox } from '../../../src/publish/outbox/open.js';
import type { Outbox } from '../../../src/publish/outbox/outbox.js';
import { OUTBOX_DEFAULTS } from '../../../src/publish/outbox/types.js';
import { label, openWhenFree, put, takeAll } from './support.js';

const base = mkdtempSync(join(tmpdir(), 'sideglance-outbox-'));
const opened: Outbox[] = [];
after(async () => {
  for (const outbox of opened) await outbox.close();
  rmSync(base, { recursive: true, force: true });
});

const newFolder = () => join(mkdtempSync(join(base, 'case-')), 'outbox');

async function openIn(folder: string, options: Partial<OutboxOptions> = {}): Promise<Outbox> {
  const outbox = await openWhenFree({
    ...OUTBOX_DEFAULTS,
    replayPerSecond: null,
    bootId: 'this boot',
    folder,
    ...options,
  });
  opened.push(outbox);
  return outbox;
}

/** The folder as a process that is killed now leaves it: what it has written, and nothing that it still holds. */
function asKilled(folder: string): string {
  const copy = newFolder();
  cpSync(folder, copy, { recursive: true });
  return copy;
}

/** Waits until everything lies in the database. */
async function synced(outbox: Outbox): Promise<void> {
  await wait(1);
  for (let tries = 0; outbox.counters().storage.unsynced > 0; tries++) {
    assert.ok(tries < 3_000, 'nothing was synced');
    await wait(10);
  }
}

async function untilOfferable(outbox: Outbox) {
  for (let tries = 0; tries < 500; tries++) {
    const offer = outbox.next();
    if (offer) return offer;
    await wait(10);
  }
  throw new Error('nothing is offered');
}

test('what waits at a stop is offered by the next run: same epoch, in its order, with its first time, late', async () => {
  const folder = newFolder();
  const first = await openIn(folder);
  const { epoch } = put(first, 'verdict');
  put(first, 'map');
  put(first, 'verdict');
  await first.close();

  const second = await openIn(folder);
  assert.deepEqual(second.counters().waiting, { verdict: 2, map: 1, frame: 0 });
  const offer = second.next();
  assert.ok(offer?.kind === 'message');
  assert.deepEqual(offer.delivery, { epoch, stream: 'top/verdict', seq: 0 });
  assert.deepEqual([offer.at.utc, offer.properties?.seq], ['2025-03-01T06:15:00.250Z', '0']);
  assert.equal(Buffer.from(offer.payload).toString('utf8', 0, epoch.length), epoch);
  assert.ok(second.isLate(offer));
  second.acknowledge(offer.id);
  assert.deepEqual(put(second, 'verdict'), { epoch, stream: 'top/verdict', seq: 2 });
  assert.deepEqual(takeAll(second), ['top/verdict 2', 'top/verdict 1', 'top/map 0']);
  assert.equal(second.alarm, null);
});

test('what was acknowledged does not come back, nor does its seq', async () => {
  const folder = newFolder();
  const first = await openIn(folder);
  const { epoch } = put(first, 'verdict');
  await synced(first);
  put(first, 'verdict');
  assert.deepEqual(takeAll(first), ['top/verdict 0', 'top/verdict 1']);
  await first.close();
  const second = await openIn(folder);
  assert.deepEqual(put(second, 'verdict'), { epoch, stream: 'top/verdict', seq: 2 });
  assert.deepEqual(takeAll(second), ['top/verdict 2']);
});

test('a process that is killed loses nothing that it had taken in, and its epoch goes on', async () => {
  const folder = newFolder();
  const first = await openIn(folder);
  put(first, 'verdict');
  await synced(first);
  put(first, 'verdict');
  const { epoch } = put(first, 'map');
  const second = await openIn(asKilled(folder));
  assert.deepEqual(put(second, 'verdict'), { epoch, stream: 'top/verdict', seq: 2 });
  assert.deepEqual(takeAll(second), ['top/verdict 2', 'top/verdict 0', 'top/verdict 1', 'top/map 0']);
});

test('killed after everything was acknowledged: its seqs go on, though the database has never heard of them', async () => {
  const folder = newFolder();
  const first = await openIn(folder);
  for (let at = 0; at < 5; at++) {
    put(first, 'verdict');
    takeAll(first);
    await wait(60);
  }
  const { syncs, bytesPerMessage } = first.counters().storage;
  assert.equal(syncs, 1, 'messages that were acknowledged at once must cost no sync');
  assert.ok((bytesPerMessage ?? Number.POSITIVE_INFINITY) < 10_000);
  const second = await openIn(asKilled(folder));
  assert.equal(put(second, 'verdict').seq, 5);
  assert.deepEqual(takeAll(second).slice(0, 1), ['top/verdict 5']);
});

test('after a power cut what was synced is there, and new messages are of a new epoch', async () => {
  const folder = newFolder();
  const first = await openIn(folder);
  const { epoch } = put(first, 'verdict');
  await synced(first);
  const second = await openIn(asKilled(folder), { bootId: 'next boot' });
  const fresh = put(second, 'verdict');
  assert.notEqual(fresh.epoch, epoch);
  assert.equal(fresh.seq, 0);
  const [live, late] = [second.next(), second.next()];
  assert.ok(live?.kind === 'message' && late?.kind === 'message');
  assert.deepEqual([live.delivery.epoch, late.delivery.epoch], [fresh.epoch, epoch]);
});

test('a reboot between two runs changes no epoch when the outbox was closed', async () => {
  const folder = newFolder();
  const first = await openIn(folder);
  const { epoch } = put(first, 'verdict');
  await first.close();
  const second = await openIn(folder, { bootId: 'next boot' });
  assert.deepEqual(put(second, 'verdict'), { epoch, stream: 'top/verdict', seq: 1 });
});

test('sync: every offers nothing before it lies on the disk, and so needs no new epoch after a power cut', async () => {
  const folder = newFolder();
  const first = await openIn(folder, { sync: 'every' });
  const { epoch } = put(first, 'verdict');
  assert.equal(first.next(), null);
  const offer = await untilOfferable(first);
  assert.equal(label(offer), 'top/verdict 0');
  const second = await openIn(asKilled(folder), { sync: 'every', bootId: 'next boot' });
  assert.deepEqual(put(second, 'verdict'), { epoch, stream: 'top/verdict', seq: 1 });
  assert.equal(label(second.next()), 'top/verdict 0');
});

test('gap records outlive a stop and a kill, and are one where they follow each other', async () => {
  const folder = newFolder();
  const first = await openIn(folder, { maxBytes: 10_000 });
  for (let at = 0; at < 10; at++) put(first, 'verdict');
  const killed = await openIn(asKilled(folder), { maxBytes: 10_000 });
  assert.deepEqual(takeAll(killed)[0], 'top/verdict gap 0-5');
  await synced(first);
  put(first, 'verdict');
  await first.close();
  const second = await openIn(folder, { maxBytes: 10_000 });
  assert.deepEqual(takeAll(second), ['top/verdict gap 0-6', ...[7, 8, 9, 10].map((seq) => `top/verdict ${seq}`)]);
});

test('age counts while an outbox is open, whatever the clocks of two boots say', async () => {
  const folder = newFolder();
  const maxAgeMs = { verdict: 1e9, map: 300, frame: 1e9 };
  const first = await openIn(folder, { maxAgeMs });
  put(first, 'map');
  await wait(200);
  await first.close();
  const second = await openIn(folder, { maxAgeMs, bootId: 'next boot' });
  put(second, 'map');
  assert.equal(second.counters().dropped.age.map, 0);
  for (let tries = 0; second.counters().dropped.age.map === 0 && tries < 100; tries++) {
    await wait(10);
    put(second, 'verdict');
  }
  assert.match(takeAll(second).find((text) => text.includes('gap')) ?? '', /^top\/map gap 0-0$/);
});

const damages: readonly [what: string, damage: (file: string) => void][] = [
  ['cut in half', (file) => truncateSync(file, readFileSync(file).byteLength >> 1)],
  ['empty', (file) => truncateSync(file, 0)],
  ['full of zeros', (file) => writeFileSync(file, Buffer.alloc(readFileSync(file).byteLength))],
  ['full of something else', (file) => writeFileSync(file, Buffer.alloc(100_000, 'sideglance'))],
];
for (const [what, damage] of damages) {
  test(`a database that is ${what} is set aside, with an alarm, and the outbox begins anew`, async () => {
    const folder = newFolder();
    const first = await openIn(folder);
    for (let at = 0; at < 50; at++) put(first, 'verdict', 'top', 5000);
    await synced(first);
    await first.close();
    const { epoch } = first.counters().storage;
    damage(join(folder, 'messages.mdb'));
    const second = await openIn(folder);
    assert.match(second.alarm ?? '', /damaged .* begun anew; the damaged file is .*damaged\.mdb/);
    assert.ok(existsSync(join(folder, 'damaged.mdb')));
    assert.notEqual(put(second, 'verdict').epoch, epoch);
    await second.close();
    const third = await openIn(folder);
    assert.equal(third.alarm, null);
    assert.deepEqual(takeAll(third), ['top/verdict 0']);
  });
}

test('a message that is damaged is left out, with an alarm, and the others are delivered', async () => {
  const folder = newFolder();
  const first = await openIn(folder);
  for (let at = 0; at < 20; at++) put(first, 'verdict', 'top', 6000);
  await first.close();
  const file = join(folder, 'messages.mdb');
  const bytes = readFileSync(file);
  // Of two pages each: the second one is nothing but payload.
  const at = bytes.indexOf(`${first.counters().storage.epoch} top/verdict 7`);
  bytes.writeUInt8(bytes.readUInt8(at + 5000) ^ 1, at + 5000);
  writeFileSync(file, bytes);
  const second = await openIn(folder);
  assert.match(second.alarm ?? '', /^1 messages in .* were damaged/);
  const labels = takeAll(second);
  assert.equal(labels.length, 19);
  assert.ok(!labels.includes('top/verdict 7'));
});

test('a folder that cannot be used: in memory with an alarm, and with sync: every not at all', async () => {
  const folder = join(newFolder(), 'below-a-file');
  writeFileSync(join(folder, '..'), '');
  const outbox = await openIn(folder);
  assert.match(
    outbox.alarm ?? '',
    /below-a-file cannot be used \(.*\), so messages wait in memory: .*mqtt\.outbox\.folder/,
  );
  assert.equal(outbox.counters().storage.kind, 'memory');
  put(outbox, 'verdict');
  assert.deepEqual(takeAll(outbox), ['top/verdict 0']);
  await assert.rejects(openIn(folder, { sync: 'every' }), (thrown) => {
    assert.ok(thrown instanceof SideglanceError && thrown.code === 'SG_STORAGE');
    assert.match(thrown.message, /sync: every/);
    return true;
  });
});

test('a folder that another process uses is refused, and free again when that process is killed', async () => {
  const folder = newFolder();
  const program = `
    import { openOutbox } from ${JSON.stringify(new URL('../../../src/publish/outbox/open.js', import.meta.url).href)};
    import { OUTBOX_DEFAULTS } from ${JSON.stringify(new URL('../../../src/publish/outbox/types.js', import.meta.url).href)};
    await openOutbox({ ...OUTBOX_DEFAULTS, folder: ${JSON.stringify(folder)} });
    console.log('open');
    setInterval(() => {}, 1000);`;
  const other = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(other.stdout, 'data');
  await assert.rejects(
    openOutbox({ ...OUTBOX_DEFAULTS, folder }),
    /another process uses the outbox in .*: stop that one, or set mqtt\.outbox\.folder/,
  );
  other.kill('SIGKILL');
  await once(other, 'close');
  const outbox = await openIn(folder);
  assert.equal(outbox.alarm, null);
});
