import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { archiveOf, type Entry, inChunks } from '../../../bench/updates/small-bundle.js';
import { TarReader, tarHeader } from '../../../src/model/bundle/tar.js';
import { fault } from '../../support/faults.js';

const root = await mkdtemp(join(tmpdir(), 'sideglance-tar-'));
after(() => rm(root, { recursive: true, force: true }));

async function read(archive: Uint8Array, chunk = 700): Promise<Entry[]> {
  const reader = new TarReader(inChunks(archive, chunk), 'it.tar');
  const entries: Entry[] = [];
  for (let entry = await reader.next(); entry !== null; entry = await reader.next()) {
    const parts: Uint8Array[] = [];
    for await (const part of reader.bytes()) parts.push(part);
    entries.push([entry.path, Buffer.concat(parts)]);
  }
  return entries;
}

const long = `${'folder-'.repeat(12)}/${'deep-'.repeat(10)}/${'name-'.repeat(8)}.png`;
const entries: Entry[] = [
  ['manifest.json', Buffer.from('{}')],
  ['empty', Buffer.alloc(0)],
  ['golden/full-block', Buffer.alloc(512, 'a')],
  ['golden/more', Buffer.alloc(513, 'b')],
  [long, Buffer.from('long')],
];

describe('an archive', () => {
  it('is read back as it was written, in chunks of any size', async () => {
    for (const chunk of [1, 511, 512, 513, 1_000_000]) {
      const found = await read(archiveOf(entries), chunk);
      assert.deepEqual(
        found.map(([path, bytes]) => [path, Buffer.from(bytes).toString()]),
        entries.map(([path, bytes]) => [path, Buffer.from(bytes).toString()]),
      );
    }
  });

  it('is one that GNU tar lists and unpacks', async () => {
    const file = join(root, 'ours.tar');
    await writeFile(file, archiveOf(entries));
    const listed = execFileSync('tar', ['-tf', file], { encoding: 'utf8' });
    assert.equal(listed, `${entries.map(([path]) => path).join('\n')}\n`);
    await mkdir(join(root, 'out'));
    execFileSync('tar', ['-xf', file, '-C', join(root, 'out')]);
    for (const [path, bytes] of entries) assert.deepEqual(await readFile(join(root, 'out', path)), Buffer.from(bytes));
  });

  it('of GNU tar is read where it is plain ustar', async () => {
    await mkdir(join(root, 'in/golden'), { recursive: true });
    for (const [path, bytes] of entries.slice(0, 4)) await writeFile(join(root, 'in', path), bytes);
    const tar = (...args: string[]) => execFileSync('tar', ['-cf', '-', '-C', join(root, 'in'), ...args]);
    const names = entries.slice(0, 4).map(([path]) => path);
    assert.deepEqual(
      (await read(tar('--format=ustar', ...names))).map(([path]) => path),
      names,
    );
    await assert.rejects(read(tar('--format=gnu', ...names)), fault('SG_BUNDLE_ARCHIVE', /not in the ustar format/));
    await assert.rejects(read(tar('--format=ustar', 'golden')), fault('SG_BUNDLE_ENTRY_KIND', /a folder/));
    await symlink('/etc/passwd', join(root, 'in', 'link'));
    await assert.rejects(read(tar('--format=ustar', 'link')), fault('SG_BUNDLE_ENTRY_KIND', /a symbolic link, "link"/));
    await assert.rejects(
      read(tar('--format=ustar', '../in/empty', '-P')),
      fault('SG_BUNDLE_PATH', /"\.\.\/in\/empty"/),
    );
  });

  it('that is none, or ends early, is refused', async () => {
    await assert.rejects(read(Buffer.alloc(0)), fault('SG_BUNDLE_ARCHIVE', /truncated/));
    await assert.rejects(read(Buffer.alloc(2000, 'PK')), fault('SG_BUNDLE_ARCHIVE', /no archive at all/));
    const whole = archiveOf(entries);
    for (const at of [
      100,
      512,
      513,
      700,
      1024,
      whole.byteLength - 1024,
      whole.byteLength - 512,
      whole.byteLength - 1,
    ]) {
      await assert.rejects(read(whole.subarray(0, at)), fault('SG_BUNDLE_ARCHIVE', /truncated/), String(at));
    }
  });

  it('never holds a path that does not fit', () => {
    assert.throws(() => tarHeader({ path: 'x'.repeat(101), size: 0 }), RangeError);
    assert.throws(() => tarHeader({ path: `${'x'.repeat(156)}/y`.padEnd(260, 'y'), size: 0 }), RangeError);
  });
});
