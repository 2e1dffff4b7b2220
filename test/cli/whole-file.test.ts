import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { checkWritable, writeWhole } from '../../src/cli/whole-file.js';
import { fault } from '../support/faults.js';

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sideglance-whole-file-'));
});
after(() => rm(folder, { recursive: true }));

test('a file is written, overwritten, and nothing stays beside it', async () => {
  const file = join(folder, 'written', 'report.html');
  await mkdir(join(folder, 'written'));
  await writeWhole(file, 'old');
  await checkWritable(file);
  await writeWhole(file, 'new');
  assert.equal(await readFile(file, 'utf8'), 'new');
  assert.deepEqual(await readdir(join(folder, 'written')), ['report.html']);
});

test('what is no ordinary file is written to as it is', async () => {
  await checkWritable('/dev/null');
  await writeWhole('/dev/null', 'text');
});

test('a missing folder, a folder and a path through a file are refused', async () => {
  const file = join(folder, 'file');
  await writeFile(file, '');
  for (const path of [join(folder, 'nowhere', 'a.html'), folder, join(file, 'a.html')]) {
    await assert.rejects(checkWritable(path), fault('SG_STORAGE', /^cannot write the report .*: /));
    await assert.rejects(writeWhole(path, ''), fault('SG_STORAGE', /^cannot write the report .*: /));
  }
});
