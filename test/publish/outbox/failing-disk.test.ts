import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import type { OutboxOptions } from '../../../src/publish/outbox/open.js';
import type { Outbox } from '../../../src/publish/outbox/outbox.js';
import { type Offer, OUTBOX_DEFAULTS } from '../../../src/publish/outbox/types.js';
import { openWhenFree, put } from './support.js';

const base = mkdtempSync(join(tmpdir(), 'sideglance-disk-'));
const opened: Outbox[] = [];
const mounted: string[] = [];
after(async () => {
  for (const outbox of opened) await outbox.close();
  for (const folder of mounted) spawnSync('umount', ['--lazy', folder]);
  rmSync(base, { recursive: true, force: true });
});

const run = (command: string, ...args: string[]) => spawnSync(command, args, { stdio: 'ignore' }).status === 0;

/** A small disk of its own, or null where this account may not mount one. */
function mountDisk(name: string, megabytes: number): string | null {
  const folder = join(base, name);
  const image = `${folder}.img`;
  mkdirSync(folder);
  writeFileSync(image, '');
  truncateSync(image, megabytes * 1024 * 1024);
  if (!run('mkfs.ext4', '-q', '-m', '0', image) || !run('mount', '-o', 'loop', image, folder)) return null;
  mounted.push(folder);
  return folder;
}

const full = mountDisk('full', 32);
const broken = mountDisk('broken', 32);
const brokenStrict = mountDisk('broken-strict', 32);
const withoutDisk = broken === null ? 'only root may mount a disk' : false;

async function openOn(disk: string, options: Partial<OutboxOptions> = {}): Promise<Outbox> {
  const outbox = await openWhenFree({
    ...OUTBOX_DEFAULTS,
    replayPerSecond: null,
    folder: join(disk, 'outbox'),
    ...options,
  });
  opened.push(outbox);
  return outbox;
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  for (let tries = 0; !isSo(); tries++) {
    assert.ok(tries < 1500, `in vain: ${what}`);
    await wait(10);
  }
}

function identities(offers: readonly Offer[]): string[] {
  return offers.flatMap((offer) =>
    offer.kind === 'message' ? [`${offer.delivery.epoch} ${offer.delivery.stream} ${offer.delivery.seq}`] : [],
  );
}

function takeAll(outbox: Outbox): Offer[] {
  const offers: Offer[] = [];
  for (let offer = outbox.next(); offer; offer = outbox.next()) {
    offers.push(offer);
    outbox.acknowledge(offer.id);
  }
  return offers;
}

test('a disk that is full: frames make room for verdicts, none of which is lost, and gap records say so', {
  skip: withoutDisk,
}, async () => {
  const outbox = await openOn(full as string);
  const alarms = new Set<string | null>();
  outbox.onAlarm(() => alarms.add(outbox.alarm));
  const { bavail, bsize } = statfsSync(full as string);
  const frames = Math.ceil((bavail * bsize) / 200_000) + 20;
  for (let at = 0; at < frames; at++) {
    put(outbox, 'frame', 'top', 200_000);
    if (at % 10 === 9) await wait(150);
  }
  await until('the alarm', () => alarms.size > 0);
  assert.match([...alarms].find((alarm) => alarm !== null) ?? '', /outbox takes no messages \(its disk is full\)/);
  for (let at = 0; at < 200; at++) {
    put(outbox, 'verdict', 'top', 5_000);
    if (at % 20 === 19) await wait(150);
  }
  await until('everything is on the disk again', () => {
    const { alarm, unsynced } = outbox.counters().storage;
    return alarm === null && unsynced === 0;
  });
  const { dropped } = outbox.counters();
  assert.equal(dropped.bytes.verdict, 0);
  assert.ok(dropped.bytes.frame > 0);
  await outbox.close();

  const second = await openOn(full as string);
  const offers = takeAll(second);
  const verdicts = offers.filter((offer) => offer.kind === 'message' && offer.messageClass === 'verdict');
  assert.equal(new Set(identities(verdicts)).size, 200);
  const announced = offers.reduce((sum, offer) => sum + (offer.kind === 'gap' ? offer.reasons.bytes : 0), 0);
  assert.equal(announced, dropped.bytes.frame);
  const delivered = offers.filter((offer) => offer.kind === 'message' && offer.messageClass === 'frame').length;
  assert.equal(delivered + announced, frames);
});

test('a disk that turns read-only: what is new goes on in memory under a new epoch, with an alarm', {
  skip: withoutDisk,
}, async () => {
  const outbox = await openOn(broken as string);
  const { epoch } = put(outbox, 'verdict');
  await until('it is synced', () => outbox.counters().storage.syncs > 1);
  assert.ok(run('mount', '-o', 'remount,abort', broken as string));
  put(outbox, 'verdict');
  await until('the alarm', () => outbox.alarm !== null);
  const later = put(outbox, 'verdict');
  const offers = takeAll(outbox);
  assert.equal(new Set(identities(offers)).size, 3);
  assert.equal(offers.length, 3);
  assert.match(outbox.alarm ?? '', /outbox takes no messages \(.*\): what is new waits in memory/);
  if (later.epoch === epoch) {
    // The journal still took it; it does not for ever.
    await until('the journal fails as well', () => put(outbox, 'verdict').epoch !== epoch);
    offers.push(...takeAll(outbox));
  }
  const copy = join(base, 'copy');
  cpSync(join(broken as string, 'outbox'), copy, { recursive: true });
  const next = await openWhenFree({ ...OUTBOX_DEFAULTS, folder: copy });
  opened.push(next);
  const { stream, seq, epoch: nextEpoch } = put(next, 'verdict');
  assert.ok(!identities(offers).includes(`${nextEpoch} ${stream} ${seq}`), 'an identity is given out twice');
});

test('a disk that turns read-only under sync: every: nothing that is new is offered', {
  skip: withoutDisk,
}, async () => {
  const outbox = await openOn(brokenStrict as string, { sync: 'every' });
  put(outbox, 'verdict');
  await until('it is synced', () => outbox.counters().storage.unsynced === 0);
  assert.ok(run('mount', '-o', 'remount,abort', brokenStrict as string));
  put(outbox, 'verdict');
  await until('the alarm', () => outbox.alarm !== null);
  assert.equal(takeAll(outbox).length, 1);
  assert.match(outbox.alarm ?? '', /nothing that is new is sent until it does/);
  assert.equal(outbox.waiting, 1);
});
